"""What a stage does next, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.activity import (
    CLAIM_EXPIRES_AFTER,
    DISPATCH_AGAIN_EVERY,
    Action,
    ActivitySnapshot,
    CloseStage,
    DispatchPlugins,
    Finish,
    MarkError,
    NextStage,
    PluginFailure,
    decide,
    due_after_dispatch,
    next_due,
)
from orchestrator_runtime.core.records import Dispatch, ExpectedPlugin, Outcome, StagePlan
from tests.unit.samples import EXPIRES_AT, NOW

SECOND = timedelta(seconds=1)
COMPLETE = CloseStage(Outcome(state=State.COMPLETE))
FAILED = Outcome(state=State.ERROR, message="stored")

A = ExpectedPlugin(name="A", timeout_seconds=100, start_within_seconds=20)
B = ExpectedPlugin(name="B", timeout_seconds=100, start_within_seconds=20)
OPTIONAL = ExpectedPlugin(name="O", mandatory=False, timeout_seconds=100)
QUEUE = ExpectedPlugin(name="Q", timeout_seconds=100)


def a_plan(*plugins: ExpectedPlugin, **other: Any) -> StagePlan:
    return StagePlan(attempt=1, plugins=plugins, opened_at=NOW, expires_at=EXPIRES_AT, **other)


def an_activity(*plugins: ExpectedPlugin, stage: Stage = Stage.PARALLEL, **other: Any) -> ActivitySnapshot:
    plan = a_plan(*plugins, fail_on_optional_error=other.pop("fail_on_optional_error", False))
    given = {"plan": plan, "pending": plan.unfinished, "dispatch": dispatched(), **other}
    return ActivitySnapshot(stage=stage, **given)


def only(*indices: int) -> frozenset[int]:
    return frozenset(indices)


def dispatched(ordinal: int = 0, *, ago: timedelta = timedelta(), confirmed: bool = True) -> Dispatch:
    at = NOW - ago
    return Dispatch(ordinal=ordinal, claimed_at=at, published_at=at if confirmed else None)


FRESH = CLAIM_EXPIRES_AFTER - SECOND
STALE = dispatched(ago=CLAIM_EXPIRES_AFTER, confirmed=False)

CASES: dict[str, tuple[ActivitySnapshot, list[Action]]] = {
    # Closing
    "nobody pending closes": (an_activity(A, B, pending=only()), [COMPLETE]),
    "an optional plugin is waited for": (an_activity(A, OPTIONAL, pending=only(1)), []),
    "a mandatory error closes while others are pending": (
        an_activity(A, B, pending=only(1), failures=(PluginFailure(plugin=A, message="no rate"),)),
        [CloseStage(Outcome(state=State.ERROR, message="A: no rate"))],
    ),
    "several errors are named together": (
        an_activity(A, B, pending=only(), failures=(PluginFailure(plugin=A, message="x"), PluginFailure(plugin=B))),
        [CloseStage(Outcome(state=State.ERROR, message="A: x; B: reported an error without a message"))],
    ),
    "an optional error does not fail the stage": (
        an_activity(A, OPTIONAL, pending=only(), failures=(PluginFailure(plugin=OPTIONAL, message="x"),)),
        [COMPLETE],
    ),
    "an optional error alone does not close": (
        an_activity(A, OPTIONAL, pending=only(0), failures=(PluginFailure(plugin=OPTIONAL),)),
        [],
    ),
    "an optional error fails a stage with that setting": (
        an_activity(
            A,
            OPTIONAL,
            pending=only(0),
            failures=(PluginFailure(plugin=OPTIONAL, message="x"),),
            fail_on_optional_error=True,
        ),
        [CloseStage(Outcome(state=State.ERROR, message="O: x"))],
    ),
    # What is stored
    "a stored failure finishes the activity": (an_activity(A, outcome=FAILED), [Finish(FAILED)]),
    "a stored completion leaves the stage, whatever the rows say now": (
        an_activity(A, pending=only(), failures=(PluginFailure(plugin=A),), outcome=Outcome(state=State.COMPLETE)),
        [NextStage()],
    ),
    "an activity that has finished is answered again": (
        an_activity(A, outcome=Outcome(state=State.COMPLETE), finished=FAILED),
        [Finish(FAILED)],
    ),
    "an activity that has finished is answered after its run ended": (
        an_activity(A, finished=FAILED, run_ended=True),
        [Finish(FAILED)],
    ),
    "an ended run opens no further stage": (
        an_activity(A, outcome=Outcome(state=State.COMPLETE), run_ended=True),
        [],
    ),
    "an ended run dispatches nothing": (an_activity(A, run_ended=True, dispatch=STALE), []),
    "an ended run closes nothing": (an_activity(A, pending=only(), run_ended=True), []),
    "an ended run marks nobody": (
        an_activity(A, run_ended=True, enforce_deadlines=True, dispatch=dispatched(ago=1000 * SECOND)),
        [],
    ),
    # Dispatching, all at once
    "a confirmed dispatch is not repeated": (an_activity(A, dispatch=dispatched(ago=10 * SECOND)), []),
    "a fresh claim is another handler's": (an_activity(A, dispatch=dispatched(ago=FRESH, confirmed=False)), []),
    "a claim is stale after 30 seconds": (
        an_activity(A, B, pending=only(1), dispatch=STALE),
        [DispatchPlugins(0, (1,))],
    ),
    "a claim of a handler that has failed is stale at once": (
        an_activity(A, dispatch=dispatched(confirmed=False), claim_expires_after=timedelta()),
        [DispatchPlugins(0, (0,))],
    ),
    "a plugin that has reported is not dispatched again": (
        an_activity(A, B, dispatch=STALE, reported={0: NOW}),
        [DispatchPlugins(0, (1,))],
    ),
    "a confirmed claim is never stale": (an_activity(A, dispatch=dispatched(ago=2 * CLAIM_EXPIRES_AFTER)), []),
    # Dispatching, one at a time
    "the second waits for the first": (an_activity(A, B, stage=Stage.PRE), []),
    "the next one follows": (an_activity(A, B, stage=Stage.PRE, pending=only(1)), [DispatchPlugins(1, (1,))]),
    "a fresh claim of an earlier one does not delay the next": (
        an_activity(A, B, stage=Stage.POST, pending=only(1), dispatch=dispatched(confirmed=False)),
        [DispatchPlugins(1, (1,))],
    ),
    "an optional error lets the next one follow": (
        an_activity(OPTIONAL, B, stage=Stage.PRE, pending=only(1), failures=(PluginFailure(plugin=OPTIONAL),)),
        [DispatchPlugins(1, (1,))],
    ),
    "a mandatory error stops": (
        an_activity(A, B, stage=Stage.PRE, pending=only(1), failures=(PluginFailure(plugin=A, message="x"),)),
        [CloseStage(Outcome(state=State.ERROR, message="A: x"))],
    ),
    "a later dispatch bars an earlier one": (
        an_activity(A, B, stage=Stage.PRE, dispatch=dispatched(1, ago=2 * CLAIM_EXPIRES_AFTER, confirmed=False)),
        [],
    ),
    "the first is dispatched again when its claim is stale": (
        an_activity(A, B, stage=Stage.PRE, dispatch=STALE),
        [DispatchPlugins(0, (0,))],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_decide(case: str) -> None:
    stage, expected = CASES[case]

    assert decide(stage, NOW) == expected


def at(time: str) -> str:
    return f"at 2026-11-24T{time}Z"


OVERDUE: dict[str, tuple[ActivitySnapshot, list[Action]]] = {
    "not started a second before the deadline": (an_activity(A, dispatch=dispatched(ago=19 * SECOND)), []),
    "not started at the deadline": (
        an_activity(A, dispatch=dispatched(ago=20 * SECOND)),
        [MarkError(0, f"did not report a start within 20 s; dispatched {at('09:29:40')}")],
    ),
    "started, so the deadline of the start is over": (
        an_activity(A, dispatch=dispatched(ago=90 * SECOND), reported={0: NOW - 80 * SECOND}),
        [],
    ),
    "the timeout runs from the start": (
        an_activity(A, dispatch=dispatched(ago=119 * SECOND), reported={0: NOW - 100 * SECOND}),
        [MarkError(0, f"did not finish within 100 s; started {at('09:28:20')}")],
    ),
    "the timeout does not run from the dispatch where a start is reported": (
        an_activity(A, dispatch=dispatched(ago=119 * SECOND), reported={0: NOW - 99 * SECOND}),
        [],
    ),
    "the timeout runs from the dispatch where no start is reported": (
        an_activity(QUEUE, dispatch=dispatched(ago=100 * SECOND)),
        [MarkError(0, f"did not finish within 100 s; dispatched {at('09:28:20')}")],
    ),
    "no start is reported, and none is missed": (an_activity(QUEUE, dispatch=dispatched(ago=99 * SECOND)), []),
    "a start that came all the same counts": (
        an_activity(QUEUE, dispatch=dispatched(ago=150 * SECOND), reported={0: NOW - 99 * SECOND}),
        [],
    ),
    "a dispatch that was not confirmed starts no clock, and is claimed again": (
        an_activity(QUEUE, dispatch=dispatched(ago=100 * SECOND, confirmed=False)),
        [DispatchPlugins(0, (0,))],
    ),
    "a completed plugin is not overdue": (
        an_activity(A, B, pending=only(1), dispatch=dispatched(ago=20 * SECOND)),
        [MarkError(1, f"did not report a start within 20 s; dispatched {at('09:29:40')}")],
    ),
    "who was not dispatchd yet is not overdue": (
        an_activity(A, B, stage=Stage.PRE, dispatch=dispatched(ago=20 * SECOND)),
        [MarkError(0, f"did not report a start within 20 s; dispatched {at('09:29:40')}")],
    ),
    "errors come alone, though the stage has failed already": (
        an_activity(A, B, pending=only(1), failures=(PluginFailure(plugin=A),), dispatch=dispatched(ago=20 * SECOND)),
        [MarkError(1, f"did not report a start within 20 s; dispatched {at('09:29:40')}")],
    ),
    "an outcome goes before deadlines": (
        an_activity(A, dispatch=dispatched(ago=20 * SECOND), outcome=Outcome(state=State.ERROR)),
        [Finish(Outcome(state=State.ERROR))],
    ),
    "a new subscription has until it delivers": (
        an_activity(replace(A, settles_at=NOW), dispatch=dispatched(ago=100 * SECOND)),
        [],
    ),
    "the start of a plugin with a new subscription is overdue after that": (
        an_activity(replace(A, settles_at=NOW - 20 * SECOND), dispatch=dispatched(ago=100 * SECOND)),
        [MarkError(0, f"did not report a start within 20 s; dispatched {at('09:29:40')}")],
    ),
}


@pytest.mark.parametrize("case", OVERDUE)
def test_decide_when_deadlines_are_enforced(case: str) -> None:
    stage, expected = OVERDUE[case]

    assert decide(replace(stage, enforce_deadlines=True), NOW) == expected


def test_deadlines_are_enforced_only_where_they_are_asked_for() -> None:
    assert decide(an_activity(A, dispatch=dispatched(ago=1000 * SECOND)), NOW) == []


NEW = replace(A, settles_at=NOW + 600 * SECOND)
LONG_AGO = dispatched(ago=DISPATCH_AGAIN_EVERY)


@pytest.mark.parametrize(
    ("activity", "again"),
    [
        (an_activity(NEW, B, dispatch=dispatched(ago=DISPATCH_AGAIN_EVERY - SECOND)), ()),
        (an_activity(NEW, QUEUE, dispatch=LONG_AGO), (0,)),
        (an_activity(NEW, QUEUE, dispatch=LONG_AGO, reported={0: None}), ()),
        (an_activity(NEW, QUEUE, dispatch=LONG_AGO, pending=only(1)), ()),
        (
            an_activity(
                replace(A, settles_at=LONG_AGO.claimed_at, timeout_seconds=900, start_within_seconds=900),
                dispatch=LONG_AGO,
            ),
            (),
        ),
    ],
)
def test_plugins_whose_subscription_is_new_are_dispatched_again(
    activity: ActivitySnapshot, again: tuple[int, ...]
) -> None:
    checked = replace(activity, enforce_deadlines=True)
    plan = replace(
        checked.plan,
        plugins=tuple(
            replace(p, timeout_seconds=900, start_within_seconds=None) if p is B or p is QUEUE else p
            for p in checked.plan.plugins
        ),
    )

    assert decide(replace(checked, plan=plan), NOW) == ([DispatchPlugins(0, again)] if again else [])


@pytest.mark.parametrize(
    ("plugins", "seconds"),
    [
        ((A,), 20),
        ((QUEUE,), 100),
        ((QUEUE, replace(A, start_within_seconds=7)), 7),
        ((replace(A, timeout_seconds=5),), 5),
        ((replace(QUEUE, settles_at=NOW + SECOND, timeout_seconds=900),), 180),
        ((replace(QUEUE, settles_at=NOW, timeout_seconds=900),), 900),
    ],
)
def test_a_dispatch_is_due_at_its_earliest_deadline(plugins: tuple[ExpectedPlugin, ...], seconds: int) -> None:
    assert due_after_dispatch(a_plan(*plugins), range(len(plugins)), NOW) == NOW + seconds * SECOND


@pytest.mark.parametrize(
    ("activity", "seconds"),
    [
        (an_activity(A), 20),
        (an_activity(A, dispatch=dispatched(ago=5 * SECOND)), 15),
        (an_activity(A, dispatch=dispatched(ago=5 * SECOND, confirmed=False)), 25),
        (an_activity(A, QUEUE, dispatch=dispatched(ago=50 * SECOND), pending=only(1)), 50),
        (an_activity(A, reported={0: NOW - 30 * SECOND}, dispatch=dispatched(ago=40 * SECOND)), 70),
        (an_activity(A, B, stage=Stage.PRE, pending=only(0, 1)), 20),
        (an_activity(replace(NEW, timeout_seconds=900)), 180),
        (an_activity(replace(A, start_within_seconds=500)), 100),
        (an_activity(A, B, stage=Stage.PRE, pending=only(1)), 30),
    ],
)
def test_the_next_due_time_is_not_later_than_any_deadline(activity: ActivitySnapshot, seconds: int) -> None:
    assert next_due(activity, NOW) == NOW + seconds * SECOND
