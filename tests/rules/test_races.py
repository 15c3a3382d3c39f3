"""Interleavings in which two handlers, two attempts or two executions meet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.begin import RunInProgress
from orchestrator_runtime.protocol.record_result import record_results
from tests.rules.world import PRE, UID, World, open_stage, plugin, received

A, B = plugin("A"), plugin("B")


def second_time(world: World, name: str, action: Callable[[], object]) -> None:
    """Let something happen just before the second call of that name from now on."""
    world.calls.meanwhile(name, lambda: world.calls.meanwhile(name, action))


def test_the_answer_on_one_holder_does_not_hold_for_the_next() -> None:
    world = World()
    world.begin("one")
    world.executions.forget()
    second_time(world, "status.create_run", lambda: world.begin("three"))
    with pytest.raises(RunInProgress, match="in execution three"):
        world.begin("two")
    assert (world.run.execution, world.run.ref.attempt) == ("three", 2)


def test_a_handler_with_stale_rows_fails_no_plugin_that_has_started_since() -> None:
    world = World(A)
    world.begin()

    def meanwhile() -> None:
        world.open()
        world.clock.forward(10)
        world.report("A", State.IN_PROGRESS)
        world.clock.forward(60)

    world.calls.meanwhile("control.enter", meanwhile)
    world.open(token="slow")
    assert world.state("A") is State.IN_PROGRESS


@pytest.mark.parametrize("before", ["control.store_token", "status.save_plan", "control.enter"])
def test_a_stage_that_opens_while_its_run_ends_is_not_left_in_progress(before: str) -> None:
    world = World(A)
    world.begin()
    world.calls.meanwhile(before, lambda: world.end(error="States.Timeout"))
    world.open()
    world.open()
    assert world.dispatched == []
    assert world.item.run_ended
    assert {signal.error for signal in world.answered} == {"RunEnded"}


def test_outputs_of_the_stage_itself_do_not_travel() -> None:
    world = open_stage(A, B, stage=PRE)
    world.report("A", output={"x": 1})
    assert world.dispatched == [["A"], ["B"]]
    assert '"outputs":{}' in world.publisher.messages[1].body


def test_outputs_of_later_stages_from_an_earlier_attempt_do_not_travel() -> None:
    world = open_stage(A, plugin("P", stage=Stage.PRE, subscription_arn="arn:p"))
    world.report("A", output={"x": 1})
    world.end(error="States.Timeout")
    world.begin("two")
    world.open(Stage.PRE)
    assert world.dispatched[-1] == ["P"]
    assert '"outputs":{}' in world.publisher.messages[-1].body


@pytest.mark.parametrize("state", [State.COMPLETE, State.IN_PROGRESS])
@pytest.mark.parametrize("has_row", [False, True])
def test_a_report_of_an_earlier_attempt_is_refused_though_its_plan_is_remembered(state: State, has_row: bool) -> None:
    world = open_stage(A)
    remembered = world.plan
    if has_row:
        world.report("A", State.IN_PROGRESS)
    world.executions.forget()
    world.begin("two")
    world.open()
    before = world.row("A")
    record_results([received("A", state, attempt=1)], world.ports, lambda _ref: remembered)
    assert world.row("A") == before
    assert world.journal.reasons == ["other-attempt"]


def test_a_report_on_what_an_earlier_attempt_finished_changes_nothing() -> None:
    world = open_stage(A, B)
    world.report("A", output={"x": 1})
    world.report("B", State.ERROR)
    world.end(error="PluginFailed")
    world.begin("two")
    world.open()
    world.report("A", State.ERROR)
    assert world.dispatched[-1] == ["B"]
    assert world.state("A") is State.COMPLETE
    assert world.status.stored_outputs.get(UID, f"{world.ref().path}A/")
