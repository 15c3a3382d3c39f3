"""A run is cancelled on purpose: once, whatever dies on the way."""

from __future__ import annotations

import pytest

from orchestrator_runtime.contract import Ending, ErrorName, State
from orchestrator_runtime.core.ended_execution import ExecutionStatus
from orchestrator_runtime.protocol.cancel_run import CancelRefusedError
from tests.rules.calls import Crash
from tests.rules.world import PRE, World, open_stage, plugin, present

OPERATOR = "arn:aws:iam::123456789012:role/Operator"
A, B = plugin("A", order=1), plugin("B", order=2)


@pytest.mark.parametrize(
    ("reason", "by", "message"),
    [
        (
            "sent twice",
            OPERATOR,
            f"cancelled by {OPERATOR}: sent twice",
        ),
        ("sent twice", None, "cancelled: sent twice"),
        (None, None, "cancelled"),
    ],
)
def test_the_row_says_by_whom_and_why(reason: str | None, by: str | None, message: str) -> None:
    world = open_stage(A)
    before = world.run
    assert world.cancel(reason, by=by) == before
    assert (world.run.state, world.run.ending, world.run.message) == (State.ERROR, Ending.CANCELLED, message)
    assert world.run.ended_at == world.clock.now


def test_the_execution_is_stopped_with_the_reason() -> None:
    world = open_stage(A)
    world.cancel("sent twice")
    execution = world.executions.executions["one"]
    assert (execution.status, execution.error, execution.cause) == (
        ExecutionStatus.ABORTED,
        ErrorName.RUN_CANCELLED,
        "cancelled: sent twice",
    )


def test_a_reason_of_several_lines_is_one_line_of_every_cause() -> None:
    world = open_stage(A)
    world.cancel("sent\ntwice\u202e")
    assert world.run.message == "cancelled: sent\ntwice\u202e", "data, as it was given"
    assert world.executions.executions["one"].cause == r"cancelled: sent\ntwice\u202e"
    assert [s.cause for s in world.answered] == [r"run ended: cancelled: sent\ntwice\u202e"]


def test_what_is_pending_ends_and_its_task_fails() -> None:
    world = open_stage(A, B)
    world.report("B")
    world.cancel("sent twice")
    assert (world.state("A"), world.state("B")) == (State.ERROR, State.COMPLETE)
    assert present(world.row("A")).message == "run ended: cancelled: sent twice"
    assert present(world.outcome).state is State.ERROR
    assert [(s.error, s.cause) for s in world.answered] == [(ErrorName.RUN_ENDED, "run ended: cancelled: sent twice")]


def test_nothing_more_is_called() -> None:
    world = open_stage(A, B, stage=PRE)
    world.cancel()
    world.report("A")
    assert world.dispatched == [["A"]]
    assert world.journal.reasons == ["run-ended"]
    world.open()
    assert world.dispatched == [["A"]]


@pytest.mark.parametrize("ordinal", range(5))
def test_cancelling_again_does_what_a_death_left_undone(ordinal: int) -> None:
    world = open_stage(A, B)
    world.calls.crash_at(ordinal)
    with pytest.raises(Crash):
        world.cancel("sent twice")
    world.calls.steady()
    world.clock.forward(1)
    world.cancel("another reason")
    told = "cancelled: another reason" if ordinal == 0 else "cancelled: sent twice"
    assert (world.run.ending, world.run.message) == (Ending.CANCELLED, told)
    assert (world.state("A"), world.state("B")) == (State.ERROR, State.ERROR)
    assert present(world.row("A")).message == f"run ended: {told}"
    assert not world.executions.is_running("one")


def test_a_run_that_there_is_not_is_refused() -> None:
    with pytest.raises(CancelRefusedError, match="there is no run 'q-1' of NewBusiness: it was never started"):
        World().cancel()


@pytest.mark.parametrize(("error", "state"), [(None, "Complete"), ("Broken", "Error")])
def test_a_run_that_has_ended_by_itself_is_refused(error: str | None, state: str) -> None:
    world = World()
    world.begin()
    world.end(error=error)
    before = world.run
    with pytest.raises(CancelRefusedError, match=f"is not in progress: it is '{state}', attempt 1"):
        world.cancel()
    assert world.run == before


def test_a_run_that_was_resumed_meanwhile_is_not_touched() -> None:
    world = open_stage(A)
    world.executions.forget()
    world.calls.meanwhile("status.end_run", lambda: world.begin("two"))
    with pytest.raises(CancelRefusedError, match="another attempt has begun"):
        world.cancel()
    assert (world.run.execution, world.run.ended) == ("two", False)
    assert world.executions.is_running("two")


def test_a_cancelled_run_is_resumed_by_starting_it_again() -> None:
    world = open_stage(A, B)
    world.report("B")
    world.cancel()
    world.begin("two")
    world.open()
    assert (world.run.ref.attempt, world.run.state, world.run.ending) == (2, State.IN_PROGRESS, None)
    assert world.dispatched[-1] == ["A"]
