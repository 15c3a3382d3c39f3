"""An activity moves through its stages inside of the handlers: whoever closes one opens the next."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import Dispatch, Outcome
from tests.rules.calls import Crash
from tests.rules.world import ACTIVITY, PARALLEL, POST, PRE, UID, World, open_stage, plugin, present, received

CHECK = plugin("Check", stage=PRE, subscription_arn="arn:check")
SCORE = plugin("Score")
RATE = plugin("Rate")
PRINT = plugin("Print", stage=POST, subscription_arn="arn:print")


def whole_activity() -> World:
    return open_stage(CHECK, SCORE, RATE, PRINT)


def outcomes(world: World) -> list[State | None]:
    rows = [world.status.stages.get(UID, world.ref(stage).path) for stage in Stage]
    return [row.state if row else None for row in rows]


def test_a_report_that_closes_a_stage_opens_the_next() -> None:
    world = whole_activity()
    assert world.dispatched == [["Check"]]
    world.report("Check", stage=PRE, output={"known": True})
    assert world.dispatched == [["Check"], ["Rate", "Score"]]
    assert json.loads(world.publisher.messages[-1].body)["outputs"] == {"Rate/pre/Check": {"known": True}}
    world.report_all([received("Score"), received("Rate")])
    assert world.dispatched == [["Check"], ["Rate", "Score"], ["Print"]]
    assert not world.answered
    world.report("Print", stage=POST)
    assert outcomes(world) == [State.COMPLETE] * 3
    assert [signal.error for signal in world.answered] == [None]


def test_a_stage_without_a_matching_plugin_costs_no_write() -> None:
    world = open_stage(CHECK, PRINT, replace(SCORE, filter_policy={"line": ["home"]}))
    world.report("Check", stage=PRE)
    assert world.dispatched == [["Check"], ["Print"]]
    assert outcomes(world) == [State.COMPLETE, None, None]
    assert world.status.plans.get(UID, world.ref(PARALLEL).path) is None


def test_a_failed_stage_opens_no_other() -> None:
    world = whole_activity()
    world.report("Check", State.ERROR, stage=PRE, message="unknown")
    assert world.dispatched == [["Check"]]
    assert outcomes(world) == [State.ERROR, None, None]
    assert [signal.cause for signal in world.answered] == ["Rate/pre: Check: unknown"]


def test_reports_of_two_stages_in_one_batch_move_the_activity_once_each() -> None:
    """The report of the second is received again: the stage was not open when its turn came."""
    world = whole_activity()
    world.report_all([received("Check", stage=PRE)])
    world.report_all([received("Check", stage=PRE), received("Score"), received("Rate")])
    assert world.dispatched == [["Check"], ["Rate", "Score"], ["Print"]]


@pytest.mark.parametrize("effect", range(9))
@pytest.mark.parametrize("heal", ["report", "retry", "due time"])
def test_a_handler_that_dies_while_it_closes_a_stage_is_healed(effect: int, heal: str) -> None:
    world = whole_activity()
    world.calls.crash_at(effect)
    try:
        world.report("Check", stage=PRE)
    except Crash:
        world.clock.forward(31)
        match heal:
            case "report":
                world.report("Check", stage=PRE)
            case "retry":
                # Step Functions has not heard of the activity's end. It is the report that comes again, too.
                world.report("Check", stage=PRE)
                world.open(retry=1)
            case _ if effect == 0:
                world.report("Check", stage=PRE)
            case _:
                world.clock.forward(60)
                world.check_deadlines()
    world.calls.steady()
    assert world.item.stage is PARALLEL
    assert world.dispatched[-1] == ["Rate", "Score"]
    assert present(world.item.dispatch).published_at is not None


@pytest.mark.parametrize("effect", range(6))
@pytest.mark.parametrize("state", [State.COMPLETE, State.ERROR])
def test_a_handler_that_dies_while_it_finishes_the_activity_is_healed_by_a_check(effect: int, state: State) -> None:
    world = open_stage(SCORE)
    world.calls.crash_at(effect)
    try:
        world.report("Score", state)
    except Crash:
        world.calls.steady()
        if effect == 0:
            world.report("Score", state)
        world.clock.forward(60)
        world.check_deadlines()
        if not world.answered:
            world.open()
    world.calls.steady()
    assert present(world.outcome).state is state
    assert [signal.error is None for signal in world.answered] == [state is State.COMPLETE]


@pytest.mark.parametrize("effect", range(6))
def test_a_retry_of_the_task_does_what_a_dead_open_left_undone(effect: int) -> None:
    world = World(SCORE)
    world.begin()
    world.calls.crash_at(effect)
    try:
        world.open()
    except Crash:
        world.calls.steady()
        world.open(retry=1)
    world.calls.steady()
    assert world.dispatched[-1] == ["Score"]
    assert present(world.item.dispatch).published_at is not None
    world.report("Score")
    assert [signal.error for signal in world.answered] == [None]


# Handlers of an earlier stage


def in_parallel() -> World:
    world = whole_activity()
    world.report("Check", stage=PRE)
    return world


WRITES: dict[str, Callable[[World, Dispatch], Any]] = {
    "settle": lambda world, _: world.control.settle(world.ref(PRE), finished=[0, 1], failed=[0]),
    "claim": lambda world, seen: world.control.claim(
        world.ref(PRE),
        replace(seen, claimed_at=world.clock.now),
        replacing=seen,
        due_at=world.clock.now,
        due_before=present(world.item.due_at),
    ),
    "confirm": lambda world, seen: world.control.confirm(world.ref(PRE), seen, now=world.clock.now),
    "postpone": lambda world, _: world.control.postpone(world.ref(PRE), due_at=world.clock.now, seen=world.item),
    "finish": lambda world, _: world.control.finish(world.ref(PRE), Outcome(state=State.ERROR)),
    "enter": lambda world, seen: world.control.enter(
        world.ref(POST),
        leaving=PRE,
        pending=[0],
        dispatch=seen,
        due_at=world.clock.now,
        due_before=world.item.due_at,
        expires_at=world.run.expires_at,
    ),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_late_write_of_an_earlier_stage_does_not_change_the_later(write: str) -> None:
    world = in_parallel()
    before, seen = world.item, present(world.item.dispatch)
    world.clock.forward(5)
    assert WRITES[write](world, seen) is None
    assert world.item == before


def test_a_late_report_on_a_closed_stage_takes_nobody_off_the_next() -> None:
    world = in_parallel()
    before = world.item
    world.report("Check", stage=PRE)
    assert world.item == before
    assert world.dispatched == [["Check"], ["Rate", "Score"]]


def test_a_handler_whose_stage_has_changed_settles_nothing_of_the_next() -> None:
    """It read the item before the stage changed, and settles after that."""
    world = whole_activity()

    def another() -> None:
        world.report("Check", stage=PRE)

    world.calls.meanwhile("control.settle", another)
    world.report("Check", stage=PRE)
    assert (world.item.stage, world.item.pending) == (PARALLEL, frozenset({0, 1}))
    assert world.dispatched == [["Check"], ["Rate", "Score"]]


@pytest.mark.parametrize("before", ["status.close_stage", "status.save_plan", "control.enter", "publisher.publish"])
def test_of_two_handlers_that_close_a_stage_one_opens_the_next(before: str) -> None:
    world = whole_activity()

    def another() -> None:
        world.clock.forward(0.001)
        world.report("Check", stage=PRE)
        world.clock.forward(0.001)

    world.calls.meanwhile(before, another)
    world.report("Check", stage=PRE)
    assert world.dispatched == [["Check"], ["Rate", "Score"]]
    assert (world.item.stage, world.item.pending) == (PARALLEL, frozenset({0, 1}))


# Who may report


def test_a_plugin_of_a_stage_that_has_not_opened_may_not_report() -> None:
    world = whole_activity()
    world.report("Score")
    assert world.row("Score") is None
    assert world.journal.reasons == ["unknown-run"]


def test_a_plugin_that_was_never_dispatched_may_not_complete_in_a_run_that_has_ended() -> None:
    """A resume would skip it although it never ran."""
    later = replace(CHECK, name="Later", order=99, subscription_arn="arn:later")
    world = open_stage(CHECK, later, stage=PRE)
    world.report("Check", State.ERROR)
    world.end(error="PluginFailed")
    world.report("Later")
    assert world.row("Later") is None
    assert world.journal.reasons == ["not-dispatched"]


def test_a_plugin_whose_turn_has_not_come_may_not_report() -> None:
    later = replace(CHECK, name="Later", order=99, subscription_arn="arn:later")
    world = open_stage(CHECK, later, stage=PRE)
    world.report("Later")
    assert world.row("Later") is None
    assert world.journal.reasons == ["not-dispatched"]
    world.report("Check")
    world.report("Later")
    assert world.state("Later") is State.COMPLETE


@pytest.mark.parametrize("state", [State.COMPLETE, State.IN_PROGRESS])
def test_a_plugin_whose_turn_never_came_may_not_report_on_a_failed_stage(state: State) -> None:
    later = replace(CHECK, name="Later", order=99, subscription_arn="arn:later")
    world = open_stage(CHECK, later, stage=PRE)
    world.report("Check", State.ERROR)
    world.report("Later", state)
    assert world.row("Later") is None
    assert world.journal.reasons == ["not-dispatched"]


def test_a_completed_run_takes_no_rows_and_no_outputs_of_unexpected_plugins() -> None:
    world = open_stage(SCORE)
    world.registry.put(plugin("Late"))
    world.report("Score")
    world.end()
    before = world.status.plugins.items.copy(), world.status.stored_outputs.items.copy()
    world.report("Late", output={"x": 1})
    world.report("Late", State.IN_PROGRESS)
    assert (world.status.plugins.items, world.status.stored_outputs.items) == before
    assert world.journal.reasons == ["stage-closed"] * 2


def test_an_unexpected_plugin_stores_no_output() -> None:
    world = open_stage(SCORE, plugin("Home", filter_policy={"line": ["home"]}))
    world.report("Home", output={"x": 1})
    assert world.state("Home") is State.COMPLETE
    assert world.status.outputs(world.run.ref) == {}


# A write that the SDK repeats because its answer was lost


def test_a_repeated_write_is_recognized_as_the_callers_own() -> None:
    """Otherwise the handler would take it for another's, and leave the work to that."""
    world = World(SCORE)
    world.begin()
    ref = world.ref().of_activity
    for _ in "12":
        assert world.control.store_token(ref, token="t", rank="1", expires_at=world.run.expires_at)
    dispatch = Dispatch(ordinal=0, claimed_at=world.clock.now)
    given: dict[str, Any] = {"due_at": world.clock.now, "due_before": None, "expires_at": world.run.expires_at}
    for _ in "12":
        entered = world.control.enter(world.ref(), leaving=None, pending=[0], dispatch=dispatch, **given)
        assert entered is not None
    others = replace(dispatch, claimed_at=world.clock.now.replace(second=1))
    assert world.control.enter(world.ref(), leaving=None, pending=[0], dispatch=others, **given) is None
    again = replace(dispatch, claimed_at=world.clock.now.replace(second=9))
    for _ in "12":
        claimed = world.control.claim(
            world.ref(), again, replacing=dispatch, due_at=world.clock.now, due_before=world.clock.now
        )
        assert claimed is not None
    assert ACTIVITY in ref.path


def test_a_cancel_during_the_last_state_makes_the_execution_fail() -> None:
    """The run's row and the execution tell the same story."""
    world = World(SCORE)
    world.begin()
    world.calls.meanwhile("status.end_run", lambda: world.cancel("sold twice"))
    with pytest.raises(Exception, match="sold twice") as raised:
        world.end()
    assert type(raised.value).__name__ == "RunCancelled"


def test_a_complete_run_is_told_so_on_the_failure_path() -> None:
    """Every try of the last state died after its write: the row is the truth."""
    world = World(SCORE)
    world.begin()
    world.end()
    assert world.end(error="Lambda.Unknown") is None
    assert world.run.state is State.COMPLETE


def test_a_retry_dispatches_the_stored_plan_though_nobody_is_registered_any_more() -> None:
    """The handler died between the plan and the dispatch; the plan of an attempt never changes."""
    world = World(SCORE)
    world.begin()
    world.calls.crash_at(1)
    with pytest.raises(Crash, match=r"control\.store_token"):
        world.open()
    world.registry.delete(ACTIVITY, PARALLEL, SCORE.subscription_arn)
    world.open(retry=1)
    assert world.dispatched == [["Score"]]


def test_a_repeated_report_opens_the_stage_of_the_stored_plan_though_nobody_is_registered_any_more() -> None:
    world = open_stage(CHECK, SCORE)
    world.calls.crash_at(4)
    with pytest.raises(Crash, match=r"control\.enter"):
        world.report("Check", stage=PRE)
    world.registry.delete(ACTIVITY, PARALLEL, SCORE.subscription_arn)
    world.clock.forward(1)
    world.report("Check", stage=PRE)
    assert world.dispatched == [["Check"], ["Score"]]
