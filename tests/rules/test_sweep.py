"""Executions that ended from outside: their runs are ended, told by an event or found by a sweep."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Ending, ErrorName, State
from orchestrator_runtime.core.ended_execution import ExecutionStatus
from tests.rules.calls import START, Crash
from tests.rules.world import MACHINES, UID, World, plugin, present

A = plugin("A")
EXECUTION = f"{MACHINES}:execution:claims-dev-workflow-NewBusiness:one"
SECOND = f"{MACHINES}:execution:claims-dev-workflow-NewBusiness:two"
ABORTED, FAILED, TIMED_OUT = ExecutionStatus.ABORTED, ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT


def waiting() -> World:
    """A run that waits for a plugin, and is old enough to be swept."""
    world = World(A)
    world.begin(EXECUTION)
    world.open()
    world.clock.forward(61)
    return world


@pytest.mark.parametrize(
    ("status", "how", "ending", "message"),
    [
        (
            ABORTED,
            {"error": "Operator", "cause": "wrong policy"},
            Ending.STOPPED,
            "its execution was stopped: Operator: wrong policy",
        ),
        (ABORTED, {}, Ending.STOPPED, "its execution was stopped: nobody said why"),
        (TIMED_OUT, {}, Ending.TIMED_OUT, "timed out: its execution took longer than the workflow's timeout"),
        (
            FAILED,
            {"error": "States.TaskFailed", "cause": '{"errorType": "KeyError", "errorMessage": "no table"}'},
            Ending.FAILED,
            "its execution failed: KeyError: no table",
        ),
        (FAILED, {}, Ending.FAILED, "its execution failed: Step Functions does not say why"),
    ],
)
def test_an_event_ends_the_run_and_the_row_says_how(
    status: ExecutionStatus, how: dict[str, Any], ending: Ending, message: str
) -> None:
    world = waiting()
    at = world.clock.now - timedelta(seconds=7)
    ended = world.tell(world.executions.end(EXECUTION, status, stopped_at=at, **how))
    assert ended == world.run.ref
    assert (world.run.state, world.run.ending, world.run.message) == (State.ERROR, ending, message)
    assert world.run.ended_at == at
    assert present(world.row("A")).message == f"run ended: {message}"
    assert [signal.error for signal in world.answered] == [ErrorName.RUN_ENDED]


def test_a_late_report_is_refused() -> None:
    world = waiting()
    world.tell(world.executions.end(EXECUTION, ABORTED))
    before = world.row("A"), world.run
    assert world.report("A") == []
    assert (world.row("A"), world.run) == before
    assert world.journal.reasons == ["run-ended"]


def test_an_event_without_input_is_completed_by_step_functions() -> None:
    world = waiting()
    told = replace(world.executions.end(EXECUTION, ABORTED, cause="large"), input=None, cause=None)
    assert world.tell(told) == world.run.ref
    assert world.run.message == "its execution was stopped: large"


def test_step_functions_is_asked_once_about_an_event() -> None:
    world = waiting()
    told = replace(world.executions.end(EXECUTION, ABORTED), input=None)
    world.calls.log.clear()
    assert world.tell(told) == world.run.ref
    assert world.calls.log.count("executions.find") == 1


def test_an_event_that_does_not_say_why_is_completed_by_step_functions() -> None:
    world = waiting()
    told = replace(world.executions.end(EXECUTION, ABORTED, error="Operator"), error=None)
    assert world.tell(told) == world.run.ref
    assert world.run.message == "its execution was stopped: Operator"


@pytest.mark.parametrize("status", [ABORTED, TIMED_OUT])
def test_the_event_is_believed_where_step_functions_knows_of_no_end_yet(status: ExecutionStatus) -> None:
    world = waiting()
    told = replace(world.executions.executions[EXECUTION], status=status)
    assert world.tell(told) == world.run.ref
    assert world.run.ending is (Ending.STOPPED if status is ABORTED else Ending.TIMED_OUT)


def test_an_event_about_a_run_that_has_ended_asks_nobody() -> None:
    world = waiting()
    world.end(EXECUTION, error="Broken")
    world.calls.log.clear()
    world.tell(world.executions.end(EXECUTION, FAILED))
    assert "executions.find" not in world.calls.log


def test_an_event_without_input_of_an_execution_that_is_forgotten_is_nobodys() -> None:
    world = waiting()
    told = replace(world.executions.end(EXECUTION, ABORTED), input=None)
    world.executions.forget()
    assert world.tell(told) is None
    assert not world.run.ended


@pytest.mark.parametrize("given", ["not json", "[]", "{}", '{"uid": ""}', '{"uid": 7}', '{"uid": "another"}'])
def test_an_execution_of_no_run_ends_none(given: str) -> None:
    world = waiting()
    world.executions.begin(EXECUTION, given=given)
    world.calls.log.clear()
    assert world.tell(world.executions.end(EXECUTION, FAILED)) is None
    assert not world.run.ended
    assert ("status.get_run" in world.calls.log) is (given == '{"uid": "another"}')


def test_an_execution_that_was_refused_does_not_end_the_run_of_another() -> None:
    world = waiting()
    world.executions.begin(SECOND, given=f'{{"uid": "{UID}"}}')
    assert world.tell(world.executions.end(SECOND, FAILED)) is None
    assert not world.run.ended


@pytest.mark.parametrize(
    "machine", ["claims-dev-activity-Rate", "other-dev-workflow-NewBusiness", "claims-dev-workflow"]
)
def test_an_execution_of_another_state_machine_ends_none(machine: str) -> None:
    world = waiting()
    execution = f"{MACHINES}:execution:{machine}:one"
    world.executions.begin(execution, given=f'{{"uid": "{UID}"}}')
    assert world.tell(world.executions.end(execution, ABORTED)) is None
    assert not world.run.ended


def test_an_execution_that_runs_ends_none() -> None:
    world = waiting()
    assert world.tell(world.executions.executions[EXECUTION]) is None
    assert not world.run.ended


def test_an_event_about_a_run_that_ended_itself_changes_nothing() -> None:
    world = waiting()
    world.end(EXECUTION, error="PluginFailed", cause="Rate/parallel: A: no rate")
    before = world.run, world.row("A")
    world.clock.forward(1)
    assert world.tell(world.executions.end(EXECUTION, FAILED)) is None
    assert (world.run, world.row("A")) == before


def test_an_event_about_a_run_that_is_complete_touches_no_stage() -> None:
    world = waiting()
    world.report("A")
    world.end(EXECUTION)
    world.calls.log.clear()
    assert world.tell(world.executions.end(EXECUTION, ABORTED)) is None
    assert (world.run.state, world.run.ending) == (State.COMPLETE, Ending.COMPLETED)
    assert "control.end" not in world.calls.log


def test_the_end_is_never_before_the_start() -> None:
    world = waiting()
    world.tell(world.executions.end(EXECUTION, ABORTED, stopped_at=START - timedelta(days=1)))
    assert world.run.ended_at == world.run.started_at


@pytest.mark.parametrize("ordinal", range(5))
def test_an_event_that_comes_again_does_what_a_death_left_undone(ordinal: int) -> None:
    world = waiting()
    told = world.executions.end(EXECUTION, ABORTED, cause="enough")
    world.calls.crash_at(ordinal)
    with pytest.raises(Crash):
        world.tell(told)
    world.calls.steady()
    world.tell(told)
    assert world.run.message == "its execution was stopped: enough"
    assert present(world.row("A")).message == "run ended: its execution was stopped: enough"
    assert present(world.outcome).state is State.ERROR


def test_a_sweep_finds_the_run_whose_event_was_lost() -> None:
    world = waiting()
    world.executions.end(EXECUTION, ABORTED, stopped_at=world.clock.now, error="Operator")
    assert world.sweep() == [world.run.ref]
    assert (world.run.ending, world.run.message) == (Ending.STOPPED, "its execution was stopped: Operator")
    assert world.sweep() == []


@pytest.mark.parametrize("ordinal", range(6))
def test_the_next_sweep_does_what_a_dead_one_left_undone(ordinal: int) -> None:
    world = waiting()
    world.executions.end(EXECUTION, ABORTED, cause="enough")
    world.calls.crash_at(ordinal)
    with pytest.raises(Crash):
        world.sweep()
    world.calls.steady()
    world.sweep()
    assert present(world.row("A")).message == "run ended: its execution was stopped: enough"
    assert present(world.outcome).state is State.ERROR
    world.calls.log.clear()
    assert world.sweep() == []
    assert "status.get_run" not in world.calls.log


def test_a_sweep_leaves_alone_what_runs() -> None:
    world = waiting()
    assert world.sweep() == []
    assert not world.run.ended
    assert "executions.find" not in world.calls.log


def test_a_sweep_leaves_alone_what_is_too_young_to_be_sure_of() -> None:
    world = World(A)
    world.begin(EXECUTION)
    world.executions.end(EXECUTION, ABORTED)
    world.clock.forward(59)
    assert world.sweep() == []
    world.clock.forward(1)
    assert world.sweep() == [world.run.ref]


def test_a_sweep_asks_again_about_what_the_list_lacks() -> None:
    world = waiting()
    # It was listed before it ran again: Step Functions' lists lag behind.
    world.executions.end(EXECUTION, ABORTED)
    world.calls.meanwhile("executions.find", lambda: world.executions.begin(EXECUTION))
    assert world.sweep() == []
    assert not world.run.ended


def test_a_sweep_ends_a_run_whose_execution_is_forgotten() -> None:
    world = waiting()
    world.executions.forget()
    assert world.sweep() == [world.run.ref]
    assert (world.run.ending, world.run.message) == (Ending.STOPPED, "its execution is not there any more")


def test_a_sweep_tells_of_a_state_machine_that_forgets_to_end_its_runs() -> None:
    world = waiting()
    world.executions.end(EXECUTION, ExecutionStatus.SUCCEEDED)
    world.sweep()
    assert (world.run.state, world.run.ending) == (State.ERROR, Ending.FAILED)
    assert "needs an end_run task" in present(world.run.message)


def test_a_run_that_is_resumed_while_it_is_swept_is_left_alone() -> None:
    world = waiting()
    world.executions.end(EXECUTION, ABORTED)
    world.calls.meanwhile("executions.find", lambda: world.begin(SECOND))
    assert world.sweep() == []
    assert (world.run.execution, world.run.ended) == (SECOND, False)


def test_a_run_that_is_resumed_just_before_it_is_ended_is_left_alone() -> None:
    world = waiting()
    world.executions.end(EXECUTION, ABORTED)
    world.calls.meanwhile("status.end_run", lambda: world.begin(SECOND))
    assert world.sweep() == []
    assert (world.run.execution, world.run.ended) == (SECOND, False)
