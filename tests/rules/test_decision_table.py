"""The one decision, as a table."""

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
)
from orchestrator_runtime.core.records import Dispatch, ExpectedPlugin, Outcome, StagePlan
from tests.rules.calls import START

FIRST, SECOND = (
    ExpectedPlugin(name="First", timeout_seconds=600),
    ExpectedPlugin(name="Second", timeout_seconds=600, mandatory=False),
)
PLAN = StagePlan(attempt=1, plugins=(FIRST, SECOND), opened_at=START, expires_at=0)
STRICT = replace(PLAN, fail_on_optional_error=True)
NEW = replace(FIRST, settles_at=START + timedelta(minutes=5))
SETTLING = replace(PLAN, plugins=(NEW, replace(SECOND, settles_at=NEW.settles_at)))
COMPLETE = Outcome(state=State.COMPLETE)
STORED = Outcome(state=State.ERROR, message="as stored")
FRESH = Dispatch(ordinal=0, claimed_at=START)
STALE = Dispatch(ordinal=0, claimed_at=START - CLAIM_EXPIRES_AFTER)
PUBLISHED = Dispatch(ordinal=0, claimed_at=START - timedelta(seconds=90), published_at=START - timedelta(seconds=90))
LONG_AGO = replace(PUBLISHED, published_at=START - DISPATCH_AGAIN_EVERY)
CHECK = {"enforce_deadlines": True}
BOTH, ONE, TWO = DispatchPlugins(0, (0, 1)), DispatchPlugins(0, (0,)), DispatchPlugins(1, (1,))


def failed(*plugins: ExpectedPlugin) -> dict[str, Any]:
    return {"failures": tuple(PluginFailure(plugin=plugin, message="broke") for plugin in plugins)}


def error(message: str) -> CloseStage:
    return CloseStage(Outcome(state=State.ERROR, message=message))


PARALLEL: dict[str, tuple[set[int], Dispatch, dict[str, Any], list[Action]]] = {
    "published": ({0, 1}, PUBLISHED, {}, []),
    "claim fresh": ({0, 1}, FRESH, {}, []),
    "claim stale": ({0, 1}, STALE, {}, [BOTH]),
    "claim stale, one pending": ({1}, STALE, {}, [DispatchPlugins(0, (1,))]),
    "claim stale, one has reported": ({0, 1}, STALE, {"reported": {0: None}}, [DispatchPlugins(0, (1,))]),
    "claim stale, all have reported": ({0, 1}, STALE, {"reported": {0: None, 1: None}}, [BOTH]),
    "claim of a handler that has failed": ({0, 1}, FRESH, {"claim_expires_after": timedelta()}, [BOTH]),
    "nobody pending": (set(), PUBLISHED, {}, [CloseStage(COMPLETE)]),
    "nobody pending, claim fresh": (set(), FRESH, {}, [CloseStage(COMPLETE)]),
    "mandatory failed": ({1}, PUBLISHED, failed(FIRST), [error("First: broke")]),
    "optional failed": ({0}, PUBLISHED, failed(SECOND), []),
    "optional failed last": (set(), PUBLISHED, failed(SECOND), [CloseStage(COMPLETE)]),
    "optional failed, which fails the stage": (
        {0},
        PUBLISHED,
        {"plan": STRICT, **failed(SECOND)},
        [error("Second: broke")],
    ),
    "both failed": (
        set(),
        PUBLISHED,
        {"plan": STRICT, **failed(FIRST, SECOND)},
        [error("First: broke; Second: broke")],
    ),
    "unsettled subscription": ({0}, LONG_AGO, {"plan": SETTLING, **CHECK}, [ONE]),
    "unsettled subscription, published lately": ({0}, PUBLISHED, {"plan": SETTLING, **CHECK}, []),
    "unsettled subscription, a report asks": ({0}, LONG_AGO, {"plan": SETTLING}, []),
    "unsettled subscription, the plugin has reported": (
        {0},
        LONG_AGO,
        {"plan": SETTLING, "reported": {0: None}, **CHECK},
        [],
    ),
    "complete": ({0}, PUBLISHED, {"outcome": COMPLETE}, [NextStage()]),
    "failed": ({0}, PUBLISHED, {"outcome": STORED}, [Finish(STORED)]),
    "failed, all complete by now": (set(), PUBLISHED, {"outcome": STORED}, [Finish(STORED)]),
    "finished": ({0}, PUBLISHED, {"finished": STORED}, [Finish(STORED)]),
    "finished, run ended": ({0}, PUBLISHED, {"finished": STORED, "run_ended": True}, [Finish(STORED)]),
    "run ended": ({0, 1}, STALE, {"run_ended": True}, []),
    "run ended, nobody pending": (set(), PUBLISHED, {"run_ended": True}, []),
    "run ended, stage closed": (set(), PUBLISHED, {"run_ended": True, "outcome": COMPLETE}, []),
}
SEQUENTIAL: dict[str, tuple[set[int], Dispatch, dict[str, Any], list[Action]]] = {
    "published": ({0, 1}, PUBLISHED, {}, []),
    "claim stale": ({0, 1}, STALE, {}, [ONE]),
    "first done": ({1}, PUBLISHED, {}, [TWO]),
    "first done before its dispatch was confirmed": ({1}, FRESH, {}, [TWO]),
    "first failed": ({1}, PUBLISHED, failed(FIRST), [error("First: broke")]),
    "a later one is dispatched already": ({0, 1}, replace(STALE, ordinal=1), {}, []),
    "nobody pending": (set(), replace(PUBLISHED, ordinal=1), {}, [CloseStage(COMPLETE)]),
    "unsettled subscription": ({0, 1}, LONG_AGO, {"plan": SETTLING, **CHECK}, [ONE]),
}


def snapshot(stage: Stage, pending: set[int], dispatch: Dispatch, **other: Any) -> ActivitySnapshot:
    return ActivitySnapshot(stage=stage, pending=frozenset(pending), dispatch=dispatch, **{"plan": PLAN, **other})


@pytest.mark.parametrize(("pending", "dispatch", "other", "actions"), PARALLEL.values(), ids=PARALLEL)
def test_parallel(pending: set[int], dispatch: Dispatch, other: dict[str, Any], actions: list[Action]) -> None:
    assert decide(snapshot(Stage.PARALLEL, pending, dispatch, **other), START) == actions


@pytest.mark.parametrize("stage", [Stage.PRE, Stage.POST])
@pytest.mark.parametrize(("pending", "dispatch", "other", "actions"), SEQUENTIAL.values(), ids=SEQUENTIAL)
def test_sequential(
    stage: Stage, pending: set[int], dispatch: Dispatch, other: dict[str, Any], actions: list[Action]
) -> None:
    assert decide(snapshot(stage, pending, dispatch, **other), START) == actions


def test_an_error_without_a_message_says_so() -> None:
    activity = snapshot(Stage.PARALLEL, set(), PUBLISHED, failures=(PluginFailure(plugin=FIRST),))
    assert decide(activity, START) == [error("First: reported an error without a message")]


def test_a_claim_one_second_short_of_stale_is_respected() -> None:
    almost = replace(STALE, claimed_at=STALE.claimed_at + timedelta(seconds=1))
    assert decide(snapshot(Stage.PARALLEL, {0, 1}, almost), START) == []


@pytest.mark.parametrize("failures", [{}, failed(FIRST)])
def test_errors_for_overdue_plugins_come_alone(failures: dict[str, Any]) -> None:
    late = replace(PUBLISHED, published_at=START - timedelta(seconds=600))
    actions = decide(snapshot(Stage.PARALLEL, {1}, late, **failures, **CHECK), START)
    assert [type(action) for action in actions] == [MarkError]


def test_a_claim_that_was_not_confirmed_makes_nobody_overdue() -> None:
    late = Dispatch(ordinal=0, claimed_at=START - timedelta(days=1))
    assert decide(snapshot(Stage.PARALLEL, {0, 1}, late, **CHECK), START) == [BOTH]
