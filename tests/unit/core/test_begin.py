"""Whether a run may begin, resume, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_runtime.core.begin import (
    AlreadyBegun,
    AskWhetherRunning,
    MetadataDiffers,
    Refuse,
    RunInProgress,
    TakeOver,
    Verdict,
    decide_begin,
    metadata_difference,
)
from orchestrator_runtime.core.records import Run
from tests.unit.samples import EXECUTION, NOW, a_run

RUNNING = a_run(3)
ENDED = a_run(3, ended_at=NOW)
SAME = RUNNING.metadata
OTHER = {"line": "home"}


def decided(stored: Run, metadata: Any = SAME, *, execution: str = "another", **other: Any) -> Verdict:
    return decide_begin(stored, **{"execution": execution, "metadata": metadata, "metadata_override": False, **other})


@pytest.mark.parametrize("stored", [RUNNING, ENDED])
@pytest.mark.parametrize("metadata", [SAME, OTHER])
def test_the_same_execution_gets_its_attempt_again(stored: Run, metadata: Any) -> None:
    assert decided(stored, metadata, execution=EXECUTION) == AlreadyBegun(3)


@pytest.mark.parametrize(
    ("stored", "holder_is_running", "verdict"),
    [
        (RUNNING, None, AskWhetherRunning(EXECUTION)),
        (RUNNING, False, TakeOver(4)),
        (ENDED, None, TakeOver(4)),
        (ENDED, True, TakeOver(4)),
    ],
)
def test_another_execution(stored: Run, holder_is_running: bool | None, verdict: Verdict) -> None:
    assert decided(stored, holder_is_running=holder_is_running) == verdict


def test_another_execution_is_refused_while_the_holder_runs() -> None:
    verdict = decided(RUNNING, holder_is_running=True)

    assert isinstance(verdict, Refuse)
    assert isinstance(verdict.error, RunInProgress)
    assert str(verdict.error) == (
        f"run 'q-1' of NewBusiness is in progress, attempt 3, in execution {EXECUTION}: "
        "wait until it ends, or cancel it"
    )


def test_other_metadata_is_refused_and_told_by_key() -> None:
    verdict = decided(ENDED, OTHER)

    assert isinstance(verdict, Refuse)
    assert isinstance(verdict.error, MetadataDiffers)
    assert str(verdict.error) == (
        "run 'q-1' of NewBusiness was started with other metadata (line changed, premium removed): "
        "start it with the same metadata, or set metadata_override to replace what is stored"
    )


def test_other_metadata_may_override() -> None:
    assert decided(ENDED, OTHER, metadata_override=True) == TakeOver(4)


@pytest.mark.parametrize(
    ("stored", "given", "difference"),
    [
        ({}, {}, None),
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1}, None),
        ({"a": 1}, {"a": 1.0}, None),
        ({"a": 1}, {"a": 2}, "a changed"),
        ({"a": 1}, {"a": "1"}, "a changed"),
        ({"a": 1}, {"a": True}, "a changed"),
        ({"a": False}, {"a": 0}, "a changed"),
        ({"a": None}, {}, "a removed"),
        ({}, {"a": None}, "a added"),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 3, "z": 4}}, "a.y changed, a.z added"),
        ({"a": {}}, {"a": []}, "a changed"),
        ({"a": [1, 2]}, {"a": [2, 1]}, "a changed"),
        ({"b": 1, "a": 1}, {"b": 2, "a": 2}, "a changed, b changed"),
        ({"a": 1, "b": {"x": 1}}, {"a": 2, "b": {"x": 2}}, "a changed, b.x changed"),
        ({"a": [{"x": 1}]}, {"a": [{"x": 2}]}, "a changed"),
        ({"a": [{"x": 1}]}, {"a": [{"y": 1}]}, "a changed"),
        ({"a": [{"x": 1, "y": [2]}]}, {"a": [{"y": [2], "x": 1}]}, None),
    ],
)
def test_metadata_difference(stored: dict[str, Any], given: dict[str, Any], difference: str | None) -> None:
    assert metadata_difference(stored, given) == difference


@pytest.mark.parametrize(("stored", "given"), [([1], [True]), ([0, {"b": 1}], [0, {"b": True}]), ([[False]], [[0]])])
def test_a_truth_value_within_a_list_differs_from_a_number(stored: list[Any], given: list[Any]) -> None:
    assert metadata_difference({"a": stored}, {"a": given}) == "a changed"


def test_no_more_than_twenty_differences_are_told() -> None:
    stored = {f"k{i:02d}": 1 for i in range(22)}

    difference = metadata_difference(stored, {})

    assert difference is not None
    assert difference.endswith("k19 removed and 2 more")
    assert metadata_difference(dict([*stored.items()][:21]), {}) == difference.replace("2 more", "1 more")
    assert metadata_difference(dict([*stored.items()][:20]), {}) == difference.removesuffix(" and 2 more")


def test_long_keys_are_cut_where_they_are_told() -> None:
    difference = metadata_difference({"k" * 100_000: 1, "a": {"b" * 100_000: 1}}, {"a": {}})

    assert difference == f"a.{'b' * 198}… removed, {'k' * 200}… removed"
