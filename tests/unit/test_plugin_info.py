"""What plugins answer to initialize: read whatever it is, and never more than can be stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.contract import DEFAULT_ORDER, MAX_DEADLINE_SECONDS, MAX_ORDER, MAX_TEXT
from orchestrator_runtime.plugin_info import PluginInfo, read_answer

ALL = PluginInfo(
    name="Score",
    mandatory=False,
    overrides={"Rate": True},
    order=7,
    always_run=True,
    idempotent=False,
    timeout_seconds=300,
    start_within_seconds=60,
    description="Scores",
    fifo_key="policy",
)


@pytest.mark.parametrize("info", [ALL, PluginInfo(), PluginInfo(name="Score")])
def test_what_is_answered_is_read_back(info: PluginInfo) -> None:
    assert read_answer(json.loads(json.dumps(info.as_answer()))) == (info, [])


def test_an_override_counts_for_its_activity_alone() -> None:
    assert (ALL.mandatory_in("Rate"), ALL.mandatory_in("Validate")) == (True, False)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"pluginRegisterTimeout": 5000}, 5),
        ({"pluginRegisterTimeout": 5001}, 6),
        ({"pluginRegisterTimeout": 0}, None),
        ({"default": {"pluginRegisterTimeout": 5000}}, 5),
        ({"pluginRegisterTimeout": 5000, "startWithinSeconds": 60}, 60),
    ],
)
def test_the_older_spelling_of_a_start_s_deadline_is_understood(answer: dict[str, Any], seconds: int | None) -> None:
    assert read_answer(answer) == (PluginInfo(start_within_seconds=seconds), [])


@pytest.mark.parametrize(
    ("answer", "told_of"),
    [
        (None, "got nothing"),
        ([], "got list"),
        ({"pluginName": "a/b"}, "pluginName"),
        ({"default": 1}, "default"),
        ({"default": {"mandatory": "yes"}}, "mandatory"),
        ({"overrides": {"Rate": True}}, "overrides"),
        ({"order": -1}, "order"),
        ({"order": 1.5}, "order"),
        ({"order": MAX_ORDER + 1}, "order"),
        ({"order": 1e300}, "order"),
        ({"order": float("nan")}, "order"),
        ({"alwaysRun": 1}, "alwaysRun"),
        ({"timeoutSeconds": 0}, "timeoutSeconds"),
        ({"timeoutSeconds": 10**15}, "timeoutSeconds"),
        ({"startWithinSeconds": MAX_DEADLINE_SECONDS + 1}, "startWithinSeconds"),
        ({"pluginRegisterTimeout": 10**40}, "pluginRegisterTimeout"),
        ({"description": 5}, "description"),
    ],
)
def test_what_is_said_wrongly_is_told_and_the_default_used(answer: Any, told_of: str) -> None:
    info, (problem,) = read_answer(answer)
    assert info == PluginInfo()
    assert told_of in problem


def test_a_long_text_is_cut_and_half_a_character_replaced() -> None:
    info, problems = read_answer({"description": "half \ud83d" + "x" * 500_000})
    assert problems == []
    assert info.description is not None
    assert info.description.startswith("half ?x")
    assert len(info.description) == MAX_TEXT


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=9), below, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(ALL.as_answer())), anything) | anything)
def test_whatever_is_answered_a_plugin_results(answer: Any) -> None:
    info, problems = read_answer(answer)
    assert 0 <= info.order <= MAX_ORDER or info.order == DEFAULT_ORDER
    assert info.timeout_seconds is None or 1 <= info.timeout_seconds <= MAX_DEADLINE_SECONDS
    assert len(json.dumps(info.as_answer(), ensure_ascii=False).encode()) < 100_000 + 4 * MAX_TEXT
    assert all(len(problem) < 500 for problem in problems)
