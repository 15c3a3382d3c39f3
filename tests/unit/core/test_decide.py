"""What a stage does next, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import ReleaseRule, State
from orchestrator_runtime.core.records import ExpectedPlugin, Outcome, Release, StagePlan
from orchestrator_runtime.core.stage import (
    CLAIM_EXPIRES_AFTER,
    Action,
    Close,
    Failure,
    MarkError,
    ReleasePlugins,
    StageSnapshot,
    decide,
)
from tests.unit.samples import EXPIRES_AT, NOW

SECOND = timedelta(seconds=1)
COMPLETE = Close(Outcome(state=State.COMPLETE))

A = ExpectedPlugin(name="A", timeout_seconds=100, start_within_seconds=20)
B = ExpectedPlugin(name="B", timeout_seconds=100, start_within_seconds=20)
OPTIONAL = ExpectedPlugin(name="O", mandatory=False, timeout_seconds=100)
QUEUE = ExpectedPlugin(name="Q", timeout_seconds=100)


def a_stage(*plugins: ExpectedPlugin, one_at_a_time: bool = False, **other: Any) -> StageSnapshot:
    plan = StagePlan(
        attempt=1,
        rule=ReleaseRule.ONE_AT_A_TIME if one_at_a_time else ReleaseRule.ALL_AT_ONCE,
        plugins=plugins,
        expires_at=EXPIRES_AT,
        fail_on_optional_error=other.pop("fail_on_optional_error", False),
    )
    return StageSnapshot(**{"plan": plan, "open": plan.unfinished, **other})


def open_only(*indices: int) -> frozenset[int]:
    return frozenset(indices)


def released(ordinal: int = 0, *, ago: timedelta = timedelta(), confirmed: bool = True) -> Release:
    at = NOW - ago
    return Release(ordinal=ordinal, claimed_at=at, confirmed_at=at if confirmed else None)


FRESH = CLAIM_EXPIRES_AFTER - SECOND

CASES: dict[str, tuple[StageSnapshot, list[Action]]] = {
    # Closing
    "nothing expected closes at once": (a_stage(), [COMPLETE]),
    "all finished before closes at once": (a_stage(A, open=open_only()), [COMPLETE]),
    "all closed": (a_stage(A, B, open=open_only(), release=released()), [COMPLETE]),
    "an optional plugin is waited for": (a_stage(A, OPTIONAL, open=open_only(1), release=released()), []),
    "a mandatory error closes while others are open": (
        a_stage(A, B, open=open_only(1), failures=(Failure(plugin=A, message="no rate"),), release=released()),
        [Close(Outcome(state=State.ERROR, message="A: no rate"))],
    ),
    "several errors are told together": (
        a_stage(A, B, open=open_only(), failures=(Failure(plugin=A, message="x"), Failure(plugin=B))),
        [Close(Outcome(state=State.ERROR, message="A: x; B: reported an error without a message"))],
    ),
    "an optional error does not fail the stage": (
        a_stage(A, OPTIONAL, open=open_only(), failures=(Failure(plugin=OPTIONAL, message="x"),)),
        [COMPLETE],
    ),
    "an optional error alone does not close": (
        a_stage(A, OPTIONAL, open=open_only(0), failures=(Failure(plugin=OPTIONAL),), release=released()),
        [],
    ),
    "an optional error fails a stage that was told so": (
        a_stage(
            A,
            OPTIONAL,
            open=open_only(0),
            failures=(Failure(plugin=OPTIONAL, message="x"),),
            fail_on_optional_error=True,
            release=released(),
        ),
        [Close(Outcome(state=State.ERROR, message="O: x"))],
    ),
    "a stored outcome is signalled again": (
        a_stage(A, outcome=Outcome(state=State.ERROR, message="told")),
        [Close(Outcome(state=State.ERROR, message="told"))],
    ),
    "a stored outcome stands against what the rows say now": (
        a_stage(A, open=open_only(), failures=(Failure(plugin=A),), outcome=Outcome(state=State.COMPLETE)),
        [COMPLETE],
    ),
    "a stored outcome is signalled even after the run has ended": (
        a_stage(A, outcome=Outcome(state=State.COMPLETE), run_ended=True),
        [COMPLETE],
    ),
    "an ended run releases nothing": (a_stage(A, run_ended=True), []),
    "an ended run closes nothing": (a_stage(A, open=open_only(), run_ended=True), []),
    "an ended run marks nobody": (
        a_stage(A, run_ended=True, enforce_deadlines=True, release=released(ago=1000 * SECOND)),
        [],
    ),
    # Releasing, all at once
    "all at once": (a_stage(A, B, OPTIONAL), [ReleasePlugins(0, ("A", "B", "O"))]),
    "those that are finished are not called again": (
        a_stage(A, B, OPTIONAL, open=open_only(0, 2)),
        [ReleasePlugins(0, ("A", "O"))],
    ),
    "a confirmed release is not repeated": (a_stage(A, release=released(ago=10 * SECOND)), []),
    "a fresh claim is somebody's": (a_stage(A, release=released(ago=FRESH, confirmed=False)), []),
    "an unconfirmed claim is stale after 30 seconds": (
        a_stage(A, B, open=open_only(1), release=released(ago=CLAIM_EXPIRES_AFTER, confirmed=False)),
        [ReleasePlugins(0, ("B",))],
    ),
    "a confirmed claim is never stale": (a_stage(A, release=released(ago=2 * CLAIM_EXPIRES_AFTER)), []),
    # Releasing, one at a time
    "the first is released": (a_stage(A, B, one_at_a_time=True), [ReleasePlugins(0, ("A",))]),
    "the first that is not finished is released": (
        a_stage(A, B, one_at_a_time=True, open=open_only(1)),
        [ReleasePlugins(1, ("B",))],
    ),
    "the second waits for the first": (a_stage(A, B, one_at_a_time=True, release=released()), []),
    "the next one follows": (
        a_stage(A, B, one_at_a_time=True, open=open_only(1), release=released()),
        [ReleasePlugins(1, ("B",))],
    ),
    "a fresh unconfirmed claim of an earlier one does not hold up the next": (
        a_stage(A, B, one_at_a_time=True, open=open_only(1), release=released(confirmed=False)),
        [ReleasePlugins(1, ("B",))],
    ),
    "an optional error lets the next one follow": (
        a_stage(
            OPTIONAL,
            B,
            one_at_a_time=True,
            open=open_only(1),
            failures=(Failure(plugin=OPTIONAL),),
            release=released(),
        ),
        [ReleasePlugins(1, ("B",))],
    ),
    "a mandatory error stops": (
        a_stage(A, B, one_at_a_time=True, open=open_only(1), failures=(Failure(plugin=A, message="x"),)),
        [Close(Outcome(state=State.ERROR, message="A: x"))],
    ),
    "a later release bars an earlier one": (
        a_stage(A, B, one_at_a_time=True, release=released(1, ago=2 * CLAIM_EXPIRES_AFTER, confirmed=False)),
        [],
    ),
    "the one released is released again when its claim is stale": (
        a_stage(A, B, one_at_a_time=True, release=released(ago=CLAIM_EXPIRES_AFTER, confirmed=False)),
        [ReleasePlugins(0, ("A",))],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_decide(case: str) -> None:
    stage, expected = CASES[case]

    assert decide(stage, NOW) == expected


def at(time: str) -> str:
    return f"at 2026-11-24T{time}Z"


OVERDUE: dict[str, tuple[StageSnapshot, list[Action]]] = {
    "not started a second before the deadline": (a_stage(A, release=released(ago=19 * SECOND)), []),
    "not started at the deadline": (
        a_stage(A, release=released(ago=20 * SECOND)),
        [MarkError(0, f"did not report a start within 20 s; released {at('09:29:40')}")],
    ),
    "started, so the deadline of the start is over": (
        a_stage(A, release=released(ago=90 * SECOND), started_at={0: NOW - 80 * SECOND}),
        [],
    ),
    "the timeout runs from the start": (
        a_stage(A, release=released(ago=119 * SECOND), started_at={0: NOW - 100 * SECOND}),
        [MarkError(0, f"did not finish within 100 s; started {at('09:28:20')}")],
    ),
    "the timeout does not run from the release where a start is reported": (
        a_stage(A, release=released(ago=119 * SECOND), started_at={0: NOW - 99 * SECOND}),
        [],
    ),
    "the timeout runs from the release where no start is reported": (
        a_stage(QUEUE, release=released(ago=100 * SECOND)),
        [MarkError(0, f"did not finish within 100 s; released {at('09:28:20')}")],
    ),
    "no start is reported, and none is missed": (a_stage(QUEUE, release=released(ago=99 * SECOND)), []),
    "a start that came all the same counts": (
        a_stage(QUEUE, release=released(ago=150 * SECOND), started_at={0: NOW - 99 * SECOND}),
        [],
    ),
    "a release that was not confirmed starts no clock, and is claimed again": (
        a_stage(QUEUE, release=released(ago=100 * SECOND, confirmed=False)),
        [ReleasePlugins(0, ("Q",))],
    ),
    "who reported a start is called to account though the release was not confirmed": (
        a_stage(QUEUE, release=released(ago=200 * SECOND, confirmed=False), started_at={0: NOW - 100 * SECOND}),
        [MarkError(0, f"did not finish within 100 s; started {at('09:28:20')}")],
    ),
    "who is closed is not overdue": (
        a_stage(A, B, open=open_only(1), release=released(ago=20 * SECOND)),
        [MarkError(1, f"did not report a start within 20 s; released {at('09:29:40')}")],
    ),
    "nobody is overdue before a release": (a_stage(A), [ReleasePlugins(0, ("A",))]),
    "who was not released yet is not overdue": (
        a_stage(A, B, one_at_a_time=True, release=released(ago=20 * SECOND)),
        [MarkError(0, f"did not report a start within 20 s; released {at('09:29:40')}")],
    ),
    "errors come alone, though the stage has failed already": (
        a_stage(A, B, open=open_only(1), failures=(Failure(plugin=A),), release=released(ago=20 * SECOND)),
        [MarkError(1, f"did not report a start within 20 s; released {at('09:29:40')}")],
    ),
    "an outcome goes before deadlines": (
        a_stage(A, release=released(ago=20 * SECOND), outcome=Outcome(state=State.ERROR)),
        [Close(Outcome(state=State.ERROR))],
    ),
}


@pytest.mark.parametrize("case", OVERDUE)
def test_decide_when_deadlines_are_enforced(case: str) -> None:
    stage, expected = OVERDUE[case]

    assert decide(replace(stage, enforce_deadlines=True), NOW) == expected


def test_deadlines_are_enforced_only_where_they_are_asked_for() -> None:
    stage = a_stage(A, release=released(ago=1000 * SECOND))

    assert decide(stage, NOW) == []


def test_a_plugin_that_started_is_overdue_though_its_release_was_never_confirmed() -> None:
    """The message went out, and the handler died before it noted that. Whoever was not heard of is called again."""
    stage = a_stage(
        A,
        B,
        release=released(ago=200 * SECOND, confirmed=False),
        started_at={1: NOW - 100 * SECOND},
        enforce_deadlines=True,
    )

    assert decide(stage, NOW) == [MarkError(1, "did not finish within 100 s; started at 2026-11-24T09:28:20Z")]
