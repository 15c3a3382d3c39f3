"""Ends: who may write them, and what they leave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.begin import RunInProgress
from orchestrator_runtime.core.failure import Failure
from tests.rules.calls import Crash
from tests.rules.world import PRE, UID, World, open_stage, plugin, present

A, B, C = plugin("A", order=1), plugin("B", order=2), plugin("C", order=3)


def test_a_run_that_went_well_is_complete() -> None:
    world = World()
    world.begin()
    assert world.end() is None
    assert (world.run.state, world.run.ended_at, world.run.message) == (State.COMPLETE, world.clock.now, None)


def test_a_run_that_failed_says_why() -> None:
    world = World()
    world.begin()
    assert world.end(error="PluginFailed", cause="Rate/parallel: A: no rate") == Failure(
        "PluginFailed", "Rate/parallel: A: no rate"
    )
    assert (world.run.state, world.run.message) == (State.ERROR, "Rate/parallel: A: no rate")


def test_a_refused_second_start_disturbs_nothing() -> None:
    world = open_stage(A)
    with pytest.raises(RunInProgress):
        world.begin("two")
    before = world.run, world.plan, world.item
    failure = world.end("two", error="RunInProgress", cause="in progress")
    assert failure == Failure("RunInProgress", "in progress")
    assert (world.run, world.plan, world.item) == before
    world.report("A")
    assert world.answered


def test_an_end_of_an_execution_that_was_taken_over_changes_nothing() -> None:
    world = World()
    world.begin("one")
    world.executions.forget()
    world.begin("two")
    world.end("one", error="Broken")
    assert world.run.state is State.IN_PROGRESS


def test_a_takeover_between_reading_and_writing_wins() -> None:
    world = World()
    world.begin("one")
    world.calls.meanwhile("status.end_run", lambda: world.begin("two"))
    world.end("one", error="Broken")
    assert (world.run.execution, world.run.ended) == ("two", False)


def test_an_execution_without_a_uid_passes_through() -> None:
    world = World()
    assert world.end(error="InvalidRunInput", cause="no uid", uid=None) == Failure("InvalidRunInput", "no uid")
    assert world.calls.log == []


def test_who_was_released_and_is_open_ends_in_an_error() -> None:
    world = open_stage(A, B, C)
    world.report("A", State.IN_PROGRESS)
    world.report("B")
    world.end(error="Timeout", cause="too long")
    row = present(world.row("A"))
    assert (row.state, row.message) == (State.ERROR, "run ended: too long")
    assert (world.state("B"), world.state("C")) == (State.COMPLETE, State.ERROR)
    assert present(world.outcome).message == "run ended: too long"


def test_who_was_released_and_is_optional_ends_in_an_optional_task_error() -> None:
    world = open_stage(plugin("Nice", mandatory=False))
    world.end(error="Timeout")
    assert world.state("Nice") is State.OPTIONAL_TASK_ERROR


def test_who_was_never_released_stays_without_a_row() -> None:
    world = open_stage(A, B, C, stage=PRE)
    world.report("A")
    world.end(error="Timeout")
    assert (world.state("A"), world.state("B"), world.state("C")) == (State.COMPLETE, State.ERROR, None)


def test_a_stage_that_was_closed_keeps_its_outcome() -> None:
    world = open_stage(A)
    world.report("A")
    before = world.stage
    world.end(error="Timeout")
    assert world.stage == before


@pytest.mark.parametrize("error", [None, "Broken"])
def test_a_repeated_end_is_harmless(error: str | None) -> None:
    world = open_stage(A)
    first = world.end(error=error)
    before = world.run, world.outcome, world.row("A")
    world.clock.forward(5)
    assert world.end(error=error) == first
    assert (world.run, world.outcome, world.row("A")) == before


@pytest.mark.parametrize("effect", range(5))
def test_an_end_survives_a_crash_at_any_effect(effect: int) -> None:
    world = open_stage(A, B)
    world.calls.crash_at(effect)
    with pytest.raises(Crash):
        world.end(error="Broken")
    world.end(error="Broken")
    assert world.run.ended
    assert world.item.run_ended
    assert present(world.outcome).state is State.ERROR
    assert (world.state("A"), world.state("B")) == (State.ERROR, State.ERROR)


def test_the_run_row_says_ended_before_its_stages_are_listed() -> None:
    world = open_stage(A)
    world.calls.log.clear()
    world.end(error="Broken")
    assert world.calls.log.index("status.end_run") < world.calls.log.index("control.end")


def test_a_report_after_the_end_changes_nothing() -> None:
    world = open_stage(A)
    world.end(error="Broken")
    world.report("A")
    assert world.state("A") is State.ERROR
    assert world.run.state is State.ERROR


def test_how_it_ended_is_told_beside_the_state() -> None:
    world = World()
    world.begin()
    world.end()
    assert world.run.ending is Ending.COMPLETED
    failed = World()
    failed.begin()
    failed.end(error="Broken")
    assert failed.run.ending is Ending.FAILED


def test_the_task_of_an_activity_in_progress_fails() -> None:
    world = open_stage(A)
    world.end(error="Broken", cause="no rate")
    assert [(signal.error, signal.cause) for signal in world.answered] == [("RunEnded", "run ended: no rate")]


def test_a_stage_that_was_closed_is_not_told_again() -> None:
    world = open_stage(A)
    world.report("A")
    world.end(error="Broken")
    assert [signal.error for signal in world.signals.sent] == [None]


def test_times_of_what_is_ended_are_the_cores() -> None:
    world = open_stage(A)
    world.clock.forward(30)
    world.end(error="Broken")
    row = present(world.row("A"))
    assert (row.ended_at, row.updated_at, world.stage.ended_at) == (world.clock.now,) * 3


def test_who_was_not_expected_and_is_at_work_ends_too() -> None:
    world = open_stage(A)
    world.registry.put(plugin("Late"))
    world.report("Late", State.IN_PROGRESS, message="begun", progress=10)
    world.clock.forward(30)
    world.end(error="Broken", cause="no rate")
    row = present(world.row("Late"))
    assert (row.state, row.message, row.expected) == (State.OPTIONAL_TASK_ERROR, "run ended: no rate", False)
    assert (row.ended_at, row.updated_at, row.progress) == (world.clock.now, world.clock.now, 10)


def test_who_was_not_expected_and_is_done_stays() -> None:
    world = open_stage(A)
    world.registry.put(plugin("Late"))
    world.report("Late")
    before = world.row("Late")
    world.calls.log.clear()
    world.end(error="Broken")
    assert world.row("Late") == before
    assert world.calls.log.count("status.record") == 1, "that of A, which is open"


def test_what_an_earlier_attempt_left_of_the_unexpected_is_not_touched() -> None:
    world = open_stage(A)
    world.registry.put(plugin("Late"))
    world.report("Late", State.IN_PROGRESS)
    before = present(world.row("Late"))
    world.executions.forget()
    world.begin("two")
    world.registry.put(replace(A, stage=Stage.PRE, subscription_arn="arn:pre"))
    world.open()
    world.end("two", error="Broken")
    assert world.row("Late") == before


def test_what_is_ended_lives_as_long_as_its_run() -> None:
    world = open_stage(A)
    world.registry.put(plugin("Late"))
    world.report("Late", State.IN_PROGRESS)
    world.end(error="Broken")
    for name in ("A", "Late"):
        assert world.status.plugins.items[UID, f"{world.ref().path}{name}/"][1] == world.run.expires_at


def test_of_those_that_were_called_only_the_open_are_written() -> None:
    world = open_stage(A, B)
    world.report("B")
    world.calls.log.clear()
    world.end(error="Broken")
    assert world.calls.log.count("status.record") == 1


def test_a_run_that_expires_while_it_is_ended_is_let_be() -> None:
    world = open_stage(A)
    world.calls.meanwhile("status.end_run", world.status.runs.items.clear)
    world.end(error="Broken")
    assert "control.end" not in world.calls.log
