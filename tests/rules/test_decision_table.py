"""The one decision, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import ReleaseRule, State
from orchestrator_runtime.core.records import Control, ExpectedPlugin, Outcome, PluginRow, Release, StagePlan
from orchestrator_runtime.core.stage import (
    CLAIM_EXPIRES_AFTER,
    Action,
    Close,
    Failure,
    MarkError,
    ReleasePlugins,
    StageSnapshot,
    count_rows,
    decide,
    read_tally,
)
from tests.rules.calls import START

FIRST, SECOND = (
    ExpectedPlugin(name="First", timeout_seconds=600),
    ExpectedPlugin(name="Second", timeout_seconds=600, mandatory=False),
)
ALL = StagePlan(attempt=1, rule=ReleaseRule.ALL_AT_ONCE, plugins=(FIRST, SECOND), expires_at=0)
ONE = replace(ALL, rule=ReleaseRule.ONE_AT_A_TIME)
COMPLETE = Close(Outcome(state=State.COMPLETE))
FRESH = Release(ordinal=0, claimed_at=START)
STALE = Release(ordinal=0, claimed_at=START - CLAIM_EXPIRES_AFTER)
CONFIRMED = Release(ordinal=0, claimed_at=START - timedelta(seconds=90), confirmed_at=START - timedelta(seconds=90))
STORED = Outcome(state=State.ERROR, message="as stored")


def failed(plugin: ExpectedPlugin) -> tuple[Failure, ...]:
    return (Failure(plugin=plugin, message="broke"),)


def error(message: str) -> Close:
    return Close(Outcome(state=State.ERROR, message=message))


BOTH, FIRST_ONLY, SECOND_ONLY = (
    ReleasePlugins(0, ("First", "Second")),
    ReleasePlugins(0, ("First",)),
    ReleasePlugins(1, ("Second",)),
)
TABLE: dict[str, tuple[StagePlan, set[int], dict[str, Any], list[Action]]] = {
    "parallel, nothing released": (ALL, {0, 1}, {}, [BOTH]),
    "parallel, only what is open is released": (ALL, {1}, {}, [ReleasePlugins(0, ("Second",))]),
    "parallel, claim fresh": (ALL, {0, 1}, {"release": FRESH}, []),
    "parallel, claim stale": (ALL, {1}, {"release": STALE}, [ReleasePlugins(0, ("Second",))]),
    "parallel, released": (ALL, {0}, {"release": CONFIRMED}, []),
    "parallel, nobody open": (ALL, set(), {"release": CONFIRMED}, [COMPLETE]),
    "parallel, optional open": (ALL, {1}, {"release": CONFIRMED}, []),
    "parallel, mandatory failed": (ALL, {1}, {"failures": failed(FIRST)}, [error("First: broke")]),
    "parallel, optional failed": (ALL, {0}, {"failures": failed(SECOND), "release": CONFIRMED}, []),
    "parallel, optional failed last": (ALL, set(), {"failures": failed(SECOND)}, [COMPLETE]),
    "parallel, told to fail": (
        replace(ALL, fail_on_optional_error=True),
        {0},
        {"failures": failed(SECOND)},
        [error("Second: broke")],
    ),
    "sequential, nothing released": (ONE, {0, 1}, {}, [FIRST_ONLY]),
    "sequential, claim fresh": (ONE, {0, 1}, {"release": FRESH}, []),
    "sequential, claim stale": (ONE, {0, 1}, {"release": STALE}, [FIRST_ONLY]),
    "sequential, first released": (ONE, {0, 1}, {"release": CONFIRMED}, []),
    "sequential, first done": (ONE, {1}, {"release": CONFIRMED}, [SECOND_ONLY]),
    "sequential, first done before its release was confirmed": (ONE, {1}, {"release": FRESH}, [SECOND_ONLY]),
    "sequential, first failed": (ONE, {1}, {"failures": failed(FIRST), "release": CONFIRMED}, [error("First: broke")]),
    "sequential, a later one is released already": (ONE, {0, 1}, {"release": replace(STALE, ordinal=1)}, []),
    "sequential, nobody open": (ONE, set(), {}, [COMPLETE]),
    "nobody expected": (replace(ALL, plugins=()), set(), {}, [COMPLETE]),
    "outcome stored": (ALL, {0, 1}, {"outcome": STORED}, [Close(STORED)]),
    "outcome stored, all complete by now": (ALL, set(), {"outcome": STORED}, [Close(STORED)]),
    "outcome stored, run ended": (ALL, {0}, {"outcome": STORED, "run_ended": True}, [Close(STORED)]),
    "run ended": (ALL, {0, 1}, {"run_ended": True}, []),
    "run ended, nobody open": (ALL, set(), {"run_ended": True}, []),
}


@pytest.mark.parametrize(("plan", "still_open", "other", "actions"), TABLE.values(), ids=TABLE)
def test_decide(plan: StagePlan, still_open: set[int], other: dict[str, Any], actions: list[Action]) -> None:
    assert decide(StageSnapshot(plan=plan, open=frozenset(still_open), **other), START) == actions


def test_an_error_without_a_message_says_so() -> None:
    snapshot = StageSnapshot(plan=ALL, open=frozenset(), failures=(Failure(plugin=FIRST),))
    assert decide(snapshot, START) == [error("First: reported an error without a message")]


def test_every_fatal_error_is_told() -> None:
    plan = replace(ALL, fail_on_optional_error=True)
    snapshot = StageSnapshot(plan=plan, open=frozenset(), failures=failed(FIRST) + failed(SECOND))
    assert decide(snapshot, START) == [error("First: broke; Second: broke")]


def test_a_claim_one_second_short_of_stale_is_respected() -> None:
    almost = replace(STALE, claimed_at=STALE.claimed_at + timedelta(seconds=1))
    assert decide(StageSnapshot(plan=ALL, open=frozenset({0, 1}), release=almost), START) == []


def test_count_rows_takes_no_row_for_not_started() -> None:
    counted = count_rows(ALL, {}, Control(attempt=1, token="t"), None, enforce_deadlines=True)
    assert counted.open == {0, 1}
    assert not counted.failures


def test_count_rows_takes_rows_of_another_attempt_for_not_started() -> None:
    rows = {"First": PluginRow(name="First", attempt=1, state=State.ERROR)}
    counted = count_rows(replace(ALL, attempt=2), rows, Control(attempt=2, token="t"), None, enforce_deadlines=True)
    assert counted.open == {0, 1}
    assert not counted.failures


def test_count_rows_leaves_out_whom_an_earlier_attempt_finished() -> None:
    plan = replace(ALL, attempt=2, plugins=(replace(FIRST, kept=State.COMPLETE), SECOND))
    counted = count_rows(plan, {}, Control(attempt=2, token="t"), None, enforce_deadlines=True)
    assert counted.open == {1}


def test_read_tally_sees_what_the_control_row_says() -> None:
    control = Control(attempt=1, token="t", open=frozenset({0}), failed=frozenset({1}), release=FRESH, ended=True)
    tally = read_tally(ALL, control)
    assert (tally.open, tally.failures, tally.release, tally.run_ended) == (
        frozenset({0}),
        (Failure(plugin=SECOND),),
        FRESH,
        True,
    )
    assert not tally.enforce_deadlines


@pytest.mark.parametrize("failures", [(), failed(FIRST)])
def test_errors_for_overdue_plugins_come_alone(failures: tuple[Failure, ...]) -> None:
    late = replace(CONFIRMED, confirmed_at=START - timedelta(seconds=600))
    snapshot = StageSnapshot(plan=ALL, open=frozenset({1}), failures=failures, release=late, enforce_deadlines=True)
    actions = decide(snapshot, START)
    assert [type(action) for action in actions] == [MarkError]
