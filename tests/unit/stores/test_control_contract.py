"""What every control store does, the fake that the protocol is tested on and DynamoDB alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import ActivityControl, ActivityRef, Dispatch, Outcome
from orchestrator_runtime.ports import ControlStore
from tests.unit.moto_tables import Clock
from tests.unit.samples import EXPIRES_AT, NOW, run_ref, stage_ref

COMPLETE = Outcome(state=State.COMPLETE)
ERROR = Outcome(state=State.ERROR, message="Rate/parallel: Score: no")
SECOND = timedelta(seconds=1)
DUE = NOW + 60 * SECOND
FIRST = Dispatch(ordinal=0, claimed_at=NOW)
LONGER = EXPIRES_AT + 5000


def activity(attempt: int = 1, name: str = "Rate", uid: str = "q-1") -> ActivityRef:
    return run_ref(attempt, uid=uid).activity(name)


def token(
    control: ControlStore, attempt: int = 1, rank: str = "1", value: str = "t", expires: int = EXPIRES_AT
) -> bool:
    return control.store_token(activity(attempt), token=value, rank=rank, expires_at=expires)


def enter(
    control: ControlStore,
    *pending: int,
    stage: Stage = Stage.PARALLEL,
    leaving: Stage | None = None,
    attempt: int = 1,
    dispatch: Dispatch = FIRST,
    due_at: datetime = DUE,
    due_before: datetime | None = None,
    expires_at: int = EXPIRES_AT,
) -> ActivityControl | None:
    return control.enter(
        stage_ref(attempt, stage=stage),
        leaving=leaving,
        pending=pending or (0, 1, 2),
        dispatch=dispatch,
        due_at=due_at,
        due_before=due_before,
        expires_at=expires_at,
    )


def entered(*pending: int, attempt: int = 1, **other: Any) -> ActivityControl:
    control = ActivityControl(
        attempt=attempt,
        stage=Stage.PARALLEL,
        pending=frozenset(pending or (0, 1, 2)),
        dispatch=FIRST,
        due_at=DUE,
    )
    return replace(control, **other)


def stored(control: ControlStore, attempt: int = 1) -> ActivityControl | None:
    return control.get(activity(attempt))


# Tokens


def test_token_is_stored_and_read(any_control: ControlStore) -> None:
    assert any_control.get_token(activity()) is None
    assert token(any_control) is True
    assert any_control.get_token(activity()) == "t"
    assert stored(any_control) is None


def test_token_of_a_later_rank_replaces_an_earlier_one(any_control: ControlStore) -> None:
    token(any_control, rank="1", value="first")
    assert token(any_control, rank="2", value="second") is True
    assert any_control.get_token(activity()) == "second"


@pytest.mark.parametrize("rank", ["1", "2"], ids=["earlier", "same"])
def test_token_of_no_later_rank_is_refused(any_control: ControlStore, rank: str) -> None:
    token(any_control, rank="2", value="stands")
    assert token(any_control, rank=rank, value="zombie") is False
    assert any_control.get_token(activity()) == "stands"


def test_token_belongs_to_its_attempt(any_control: ControlStore) -> None:
    token(any_control, rank="1.1")
    assert token(any_control, 2, rank="2.0", value="second") is True
    assert any_control.get_token(activity(1)) is None
    assert any_control.get_token(activity(2)) == "second"
    assert token(any_control, 1, rank="1.9", value="zombie") is False


def test_token_replaces_an_expired_one_of_whatever_rank(any_control: ControlStore, clock: Clock) -> None:
    token(any_control, 5, rank="9")
    clock.forward(1000)
    assert any_control.get_token(activity(5)) is None
    assert token(any_control, 1, rank="1", value="new", expires=LONGER) is True
    assert any_control.get_token(activity()) == "new"


# Entering a stage


def test_activity_enters_its_first_stage(any_control: ControlStore) -> None:
    assert stored(any_control) is None
    assert enter(any_control) == entered()
    assert stored(any_control) == entered()
    assert any_control.find("q-1", "NewBusiness", "Rate") == entered()


def test_activities_of_a_run_are_apart(any_control: ControlStore) -> None:
    enter(any_control)
    for other in (activity(name="RateMore"), activity(name="Rat"), activity(uid="q-2")):
        assert any_control.get(other) is None
    assert any_control.find("q-1", "NewBusinessRenewal", "Rate") is None


@pytest.mark.parametrize("later", [Dispatch(ordinal=0, claimed_at=NOW + SECOND), Dispatch(ordinal=1, claimed_at=NOW)])
def test_of_two_handlers_one_enters_the_first_stage(any_control: ControlStore, later: Dispatch) -> None:
    enter(any_control)
    assert enter(any_control, 7, dispatch=later) is None
    assert enter(any_control, 7, stage=Stage.PRE) is None
    assert stored(any_control) == entered()


def test_microseconds_distinguish_two_claims(any_control: ControlStore) -> None:
    enter(any_control)
    assert enter(any_control, dispatch=Dispatch(ordinal=0, claimed_at=NOW + timedelta(microseconds=1))) is None


def test_item_of_an_earlier_attempt_is_replaced_as_a_whole(any_control: ControlStore) -> None:
    enter(any_control)
    any_control.settle(stage_ref(), finished=[0], failed=[0])
    any_control.confirm(stage_ref(), FIRST, now=NOW)
    any_control.end(activity(), expires_at=EXPIRES_AT)
    assert enter(any_control, 5, attempt=2) == entered(5, attempt=2)
    assert stored(any_control, 2) == entered(5, attempt=2)
    assert stored(any_control, 1) is None
    assert any_control.find("q-1", "NewBusiness", "Rate") == entered(5, attempt=2)


def test_item_of_a_later_attempt_is_not_replaced(any_control: ControlStore) -> None:
    enter(any_control, attempt=2)
    assert enter(any_control, 5, attempt=1) is None
    assert stored(any_control, 2) == entered(attempt=2)


def test_expired_item_of_whatever_attempt_is_replaced(any_control: ControlStore, clock: Clock) -> None:
    enter(any_control, attempt=5)
    clock.forward(1000)
    assert stored(any_control, 5) is None
    assert any_control.find("q-1", "NewBusiness", "Rate") is None
    assert enter(any_control, 5, expires_at=LONGER) == entered(5)
    assert stored(any_control) == entered(5)


def test_activity_leaves_a_stage_for_the_next(any_control: ControlStore) -> None:
    enter(any_control, stage=Stage.PRE)
    any_control.settle(stage_ref(stage=Stage.PRE), finished=[0, 1, 2], failed=[1])
    any_control.confirm(stage_ref(stage=Stage.PRE), FIRST, now=NOW)
    dispatch = Dispatch(ordinal=3, claimed_at=NOW + SECOND)
    expected = entered(3, 4, dispatch=dispatch)
    assert enter(any_control, 3, 4, leaving=Stage.PRE, dispatch=dispatch, due_before=DUE) == expected
    assert stored(any_control) == expected


@pytest.mark.parametrize(("leaving", "attempt"), [(Stage.POST, 1), (Stage.PRE, 1), (Stage.PARALLEL, 2)])
def test_activity_leaves_only_its_current_stage(any_control: ControlStore, leaving: Stage, attempt: int) -> None:
    enter(any_control)
    later = Dispatch(ordinal=0, claimed_at=NOW + SECOND)
    left = enter(any_control, 5, stage=Stage.POST, leaving=leaving, attempt=attempt, dispatch=later, due_before=DUE)
    assert left is None
    assert stored(any_control) == entered()


def test_activity_that_has_not_opened_leaves_nothing(any_control: ControlStore) -> None:
    assert enter(any_control, leaving=Stage.PRE, due_before=DUE) is None
    assert stored(any_control) is None


def test_of_two_handlers_one_moves_the_activity(any_control: ControlStore) -> None:
    enter(any_control, stage=Stage.PRE)
    first = enter(any_control, leaving=Stage.PRE, due_before=DUE)
    later = Dispatch(ordinal=0, claimed_at=NOW + SECOND)
    assert enter(any_control, leaving=Stage.PRE, dispatch=later, due_before=DUE) is None
    assert stored(any_control) == first == entered()


@pytest.mark.parametrize("due_at", [DUE, DUE - SECOND], ids=["due-time-stays", "due-time-is-lowered"])
def test_activity_that_has_finished_enters_no_stage(any_control: ControlStore, due_at: datetime) -> None:
    enter(any_control, stage=Stage.PRE)
    finished = any_control.finish(stage_ref(stage=Stage.PRE), ERROR)
    assert enter(any_control, leaving=Stage.PRE, due_at=due_at, due_before=DUE) is None
    assert stored(any_control) == finished


@pytest.mark.parametrize("due_at", [DUE, DUE - SECOND], ids=["due-time-stays", "due-time-is-lowered"])
def test_activity_of_an_ended_run_enters_no_stage(any_control: ControlStore, due_at: datetime) -> None:
    enter(any_control, stage=Stage.PRE)
    ended = any_control.end(activity(), expires_at=EXPIRES_AT)
    assert enter(any_control, leaving=Stage.PRE, due_at=due_at, due_before=DUE) is None
    assert enter(any_control) is None
    assert stored(any_control) == ended


def test_expired_activity_enters_no_stage(any_control: ControlStore, clock: Clock) -> None:
    enter(any_control, stage=Stage.PRE)
    clock.forward(1000)
    assert enter(any_control, leaving=Stage.PRE, due_before=DUE) is None


# The due time


@pytest.mark.parametrize(
    ("due_at", "kept"),
    [(DUE - SECOND, DUE - SECOND), (DUE, DUE), (DUE + SECOND, DUE)],
    ids=["earlier", "same", "later"],
)
def test_due_time_is_lowered_and_never_raised_by_a_dispatch(
    any_control: ControlStore, due_at: datetime, kept: datetime
) -> None:
    enter(any_control, stage=Stage.PRE)
    moved = enter(any_control, leaving=Stage.PRE, due_at=due_at, due_before=DUE)
    assert moved is not None
    assert moved.due_at == kept
    second = Dispatch(ordinal=1, claimed_at=NOW + SECOND)
    claimed = any_control.claim(stage_ref(), second, replacing=FIRST, due_at=due_at - 10 * SECOND, due_before=kept)
    assert claimed is not None
    assert claimed.due_at == due_at - 10 * SECOND


def test_due_time_that_was_raised_meanwhile_stops_a_dispatch_that_needs_it_earlier(any_control: ControlStore) -> None:
    control = enter(any_control)
    assert control is not None
    any_control.postpone(stage_ref(), due_at=DUE + 60 * SECOND, seen=control)
    later = Dispatch(ordinal=0, claimed_at=NOW + SECOND)
    due_at = DUE + 30 * SECOND
    assert any_control.claim(stage_ref(), later, replacing=FIRST, due_at=due_at, due_before=DUE) is None
    assert (
        enter(any_control, stage=Stage.POST, leaving=Stage.PARALLEL, dispatch=later, due_at=due_at, due_before=DUE)
        is None
    )
    assert stored(any_control) == entered(due_at=DUE + 60 * SECOND)


def test_due_time_that_was_raised_and_still_is_early_enough_stays(any_control: ControlStore) -> None:
    control = enter(any_control)
    assert control is not None
    any_control.postpone(stage_ref(), due_at=DUE + 10 * SECOND, seen=control)
    later = Dispatch(ordinal=0, claimed_at=NOW + SECOND)
    claimed = any_control.claim(stage_ref(), later, replacing=FIRST, due_at=DUE + 30 * SECOND, due_before=DUE)
    assert claimed == entered(dispatch=later, due_at=DUE + 10 * SECOND)


def test_due_time_is_postponed(any_control: ControlStore) -> None:
    enter(any_control)
    any_control.confirm(stage_ref(), FIRST, now=NOW)
    seen = stored(any_control)
    assert seen is not None
    any_control.postpone(stage_ref(), due_at=DUE + SECOND, seen=seen)
    assert stored(any_control) == replace(seen, due_at=DUE + SECOND)


def test_due_time_is_not_postponed_once_anything_was_dispatched_since(any_control: ControlStore) -> None:
    seen = enter(any_control)
    assert seen is not None
    any_control.confirm(stage_ref(), FIRST, now=NOW)
    for unlike in (
        seen,
        entered(due_at=DUE - SECOND),
        entered(dispatch=replace(FIRST, ordinal=1, published_at=NOW)),
        entered(dispatch=replace(FIRST, claimed_at=NOW - SECOND, published_at=NOW)),
        entered(dispatch=replace(FIRST, published_at=NOW - SECOND)),
        entered(due_at=None),
        entered(dispatch=None),
    ):
        any_control.postpone(stage_ref(), due_at=DUE + SECOND, seen=unlike)
    for other in (stage_ref(2), stage_ref(stage=Stage.POST), stage_ref(activity="Other")):
        any_control.postpone(other, due_at=DUE + SECOND, seen=entered(dispatch=replace(FIRST, published_at=NOW)))
    assert stored(any_control) == entered(dispatch=replace(FIRST, published_at=NOW))


@pytest.mark.parametrize("over", ["finished", "expired"])
def test_due_time_of_an_activity_that_is_over_is_not_postponed(
    any_control: ControlStore, over: str, clock: Clock
) -> None:
    seen = enter(any_control)
    assert seen is not None
    if over == "finished":
        any_control.finish(stage_ref(), COMPLETE)
    else:
        clock.forward(1000)
    before = stored(any_control)
    any_control.postpone(stage_ref(), due_at=DUE + SECOND, seen=seen)
    assert stored(any_control) == before


# The pending set


def test_settling_takes_plugins_off_and_notes_failures(any_control: ControlStore) -> None:
    enter(any_control)
    for _ in range(2):
        settled = any_control.settle(stage_ref(), finished=[0, 2], failed=[2])
        assert settled == entered(1, failed=frozenset({2}))
    last = any_control.settle(stage_ref(), finished=[1], failed=[])
    assert last == entered(pending=frozenset(), failed=frozenset({2}))
    assert stored(any_control) == last


def test_settling_a_plugin_that_is_not_pending_changes_nothing(any_control: ControlStore) -> None:
    enter(any_control)
    assert any_control.settle(stage_ref(), finished=[199], failed=[]) == entered()


@pytest.mark.parametrize("ref", [stage_ref(2), stage_ref(stage=Stage.PRE), stage_ref(activity="Other")])
def test_late_handler_of_another_stage_or_attempt_changes_nothing(any_control: ControlStore, ref: Any) -> None:
    enter(any_control)
    second = Dispatch(ordinal=1, claimed_at=NOW + SECOND)
    assert any_control.settle(ref, finished=[0], failed=[0]) is None
    assert any_control.claim(ref, second, replacing=FIRST, due_at=DUE, due_before=DUE) is None
    any_control.confirm(ref, FIRST, now=NOW)
    assert any_control.finish(ref, ERROR) is None
    assert stored(any_control) == entered()


def test_expired_activity_is_not_changed(any_control: ControlStore, clock: Clock) -> None:
    enter(any_control)
    clock.forward(1000)
    second = Dispatch(ordinal=1, claimed_at=NOW + SECOND)
    assert any_control.settle(stage_ref(), finished=[0], failed=[]) is None
    assert any_control.claim(stage_ref(), second, replacing=FIRST, due_at=DUE, due_before=DUE) is None
    any_control.confirm(stage_ref(), FIRST, now=NOW)
    assert any_control.finish(stage_ref(), ERROR) is None


# Dispatches


def test_dispatch_is_confirmed_by_its_claim(any_control: ControlStore) -> None:
    enter(any_control)
    any_control.confirm(stage_ref(), FIRST, now=NOW + SECOND)
    published = replace(FIRST, published_at=NOW + SECOND)
    assert stored(any_control) == entered(dispatch=published)
    for other in (Dispatch(ordinal=1, claimed_at=NOW), Dispatch(ordinal=0, claimed_at=NOW + SECOND)):
        any_control.confirm(stage_ref(), other, now=NOW + 9 * SECOND)
    assert stored(any_control) == entered(dispatch=published)


def test_next_dispatch_starts_unpublished(any_control: ControlStore) -> None:
    enter(any_control)
    any_control.confirm(stage_ref(), FIRST, now=NOW)
    any_control.settle(stage_ref(), finished=[0], failed=[0])
    second = Dispatch(ordinal=1, claimed_at=NOW + SECOND)
    replacing = replace(FIRST, published_at=NOW)
    claimed = any_control.claim(stage_ref(), second, replacing=replacing, due_at=DUE, due_before=DUE)
    assert claimed == entered(1, 2, failed=frozenset({0}), dispatch=second)
    any_control.confirm(stage_ref(), FIRST, now=NOW)
    assert stored(any_control) == claimed


@pytest.mark.parametrize(
    "replacing",
    [
        replace(FIRST, published_at=NOW),
        replace(FIRST, ordinal=1),
        replace(FIRST, claimed_at=NOW - SECOND),
    ],
)
def test_dispatch_that_is_not_the_last_is_not_replaced(any_control: ControlStore, replacing: Dispatch) -> None:
    enter(any_control)
    second = Dispatch(ordinal=1, claimed_at=NOW + SECOND)
    assert any_control.claim(stage_ref(), second, replacing=replacing, due_at=DUE, due_before=DUE) is None
    assert stored(any_control) == entered()


def test_dispatch_that_was_published_meanwhile_is_not_claimed_again(any_control: ControlStore) -> None:
    enter(any_control)
    any_control.confirm(stage_ref(), FIRST, now=NOW)
    again = Dispatch(ordinal=0, claimed_at=NOW + 60 * SECOND)
    assert any_control.claim(stage_ref(), again, replacing=FIRST, due_at=DUE, due_before=DUE) is None


def test_of_two_handlers_one_claims_a_dispatch(any_control: ControlStore) -> None:
    enter(any_control)
    mine, other = (Dispatch(ordinal=1, claimed_at=NOW + seconds * SECOND) for seconds in (1, 2))
    assert any_control.claim(stage_ref(), mine, replacing=FIRST, due_at=DUE, due_before=DUE) is not None
    assert any_control.claim(stage_ref(), other, replacing=FIRST, due_at=DUE, due_before=DUE) is None
    assert stored(any_control) == entered(dispatch=mine)


@pytest.mark.parametrize("over", ["finished", "ended"])
def test_nothing_is_claimed_once_the_activity_is_over(any_control: ControlStore, over: str) -> None:
    enter(any_control)
    if over == "finished":
        any_control.finish(stage_ref(), COMPLETE)
    else:
        any_control.end(activity(), expires_at=EXPIRES_AT)
    before = stored(any_control)
    second = Dispatch(ordinal=1, claimed_at=NOW + SECOND)
    for due_at in (DUE, NOW):
        assert any_control.claim(stage_ref(), second, replacing=FIRST, due_at=due_at, due_before=DUE) is None
    assert stored(any_control) == before


# The end of the activity, and of the run


@pytest.mark.parametrize("outcome", [COMPLETE, ERROR], ids=["complete", "error"])
def test_activity_finishes_once(any_control: ControlStore, outcome: Outcome) -> None:
    enter(any_control)
    finished = any_control.finish(stage_ref(), outcome)
    assert finished == entered(outcome=outcome, due_at=None)
    other = Outcome(state=State.ERROR, message="later")
    assert any_control.finish(stage_ref(), other) == finished
    assert any_control.finish(stage_ref(stage=Stage.POST), other) == finished
    assert stored(any_control) == finished
    assert any_control.finish(stage_ref(2), other) is None


def test_activity_finishes_in_its_current_stage_only(any_control: ControlStore) -> None:
    assert any_control.finish(stage_ref(), COMPLETE) is None
    enter(any_control)
    assert any_control.finish(stage_ref(stage=Stage.PRE), COMPLETE) is None
    assert stored(any_control) == entered()


def test_end_of_the_run_stops_an_activity_in_progress(any_control: ControlStore) -> None:
    enter(any_control)
    for _ in range(2):
        ended = any_control.end(activity(), expires_at=LONGER)
        assert ended == entered(run_ended=True)
    assert stored(any_control) == ended


def test_end_of_the_run_leaves_a_finished_activity_as_it_is(any_control: ControlStore) -> None:
    enter(any_control)
    finished = any_control.finish(stage_ref(), ERROR)
    assert any_control.end(activity(), expires_at=EXPIRES_AT) == finished
    assert stored(any_control) == finished


def test_activity_that_opens_after_the_end_of_the_run_finds_it(any_control: ControlStore) -> None:
    ended = ActivityControl(attempt=1, stage=None, run_ended=True)
    assert any_control.end(activity(), expires_at=EXPIRES_AT) == ended
    assert enter(any_control) is None
    assert stored(any_control) == ended
    assert any_control.end(activity(), expires_at=EXPIRES_AT) == ended


@pytest.mark.parametrize("finished", [False, True])
def test_end_of_the_run_replaces_an_item_of_an_earlier_attempt(any_control: ControlStore, finished: bool) -> None:
    enter(any_control)
    if finished:
        any_control.finish(stage_ref(), COMPLETE)
    ended = ActivityControl(attempt=2, stage=None, run_ended=True)
    assert any_control.end(activity(2), expires_at=EXPIRES_AT) == ended
    assert stored(any_control, 2) == ended


def test_end_of_the_run_leaves_an_item_of_a_later_attempt(any_control: ControlStore) -> None:
    enter(any_control, attempt=2)
    assert any_control.end(activity(1), expires_at=EXPIRES_AT) is None
    assert stored(any_control, 2) == entered(attempt=2)


def test_end_of_the_run_replaces_an_expired_item(any_control: ControlStore, clock: Clock) -> None:
    enter(any_control, attempt=5)
    clock.forward(1000)
    ended = ActivityControl(attempt=1, stage=None, run_ended=True)
    assert any_control.end(activity(), expires_at=LONGER) == ended
    assert stored(any_control) == ended


def test_room_is_taken_on_what_was_seen(any_control: ControlStore) -> None:
    enter(any_control)
    for outputs, seen in ({10: 9_000}, {}), ({2: 8_000, 10: 9_000}, {10: 9_000}):
        assert any_control.take_room(stage_ref(), outputs, seen=seen) == entered(outputs=outputs)
        assert stored(any_control) == entered(outputs=outputs)


@pytest.mark.parametrize("seen", [{}, {1: 9_000}, {10: 9_001}])
def test_room_is_not_taken_on_what_has_changed(any_control: ControlStore, seen: dict[int, int]) -> None:
    enter(any_control)
    any_control.take_room(stage_ref(), {10: 9_000}, seen={})
    assert any_control.take_room(stage_ref(), {3: 1}, seen=seen) is None
    assert stored(any_control) == entered(outputs={10: 9_000})


def test_room_is_not_taken_in_a_stage_or_attempt_that_is_over(any_control: ControlStore) -> None:
    enter(any_control)
    assert any_control.take_room(stage_ref(stage=Stage.PRE), {0: 1}, seen={}) is None
    assert any_control.take_room(stage_ref(2), {0: 1}, seen={}) is None
    assert stored(any_control) == entered()
