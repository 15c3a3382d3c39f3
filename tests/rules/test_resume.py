"""Resuming: what a further attempt keeps, does again, and leaves out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.registration import Registration
from tests.rules.calls import Crash
from tests.rules.world import PRE, World, open_stage, plugin, present

A, B, C = plugin("A", order=1), plugin("B", order=2), plugin("C", order=3)


def resume(world: World) -> None:
    world.end(f"execution {world.attempt}", error="Broken")
    world.end("one", error="Broken")
    world.begin(f"execution {world.attempt + 1}")


def half_done(*plugins: Registration) -> World:
    """A is complete, B need not run, C failed; the run is resumed, and the stage not open yet."""
    world = open_stage(*plugins)
    world.report("A", output={"score": 7})
    world.report("B", State.DO_NOT_RUN)
    world.report("C", State.ERROR)
    resume(world)
    return world


def test_complete_and_do_not_run_are_kept_and_the_rest_is_done_again() -> None:
    world = half_done(A, B, C)
    world.open()
    assert (world.state("A"), world.state("B"), world.state("C")) == (
        State.COMPLETE,
        State.DO_NOT_RUN,
        State.NOT_STARTED,
    )
    assert world.dispatched[-1] == ["C"]
    world.report("C")
    assert present(world.outcome).state is State.COMPLETE


def test_a_report_on_what_an_earlier_attempt_finished_is_refused() -> None:
    world = half_done(A, B, C)
    world.open()
    before = world.row("A")
    assert world.report("A", State.ERROR) == []
    assert (world.row("A"), world.journal.reasons) == (before, ["already-ended"])


def test_always_run_is_done_again_though_it_was_complete() -> None:
    world = half_done(plugin("A", order=1, always_run=True), B, C)
    world.open()
    assert world.state("A") is State.NOT_STARTED
    assert world.dispatched[-1] == ["A", "C"]
    assert world.status.outputs(world.run.ref) == {}, "an output goes with the work that made it"


def test_an_output_that_is_kept_reaches_later_stages() -> None:
    world = half_done(A, B, C, replace(plugin("Z"), stage=Stage.POST))
    world.open()
    world.report("C")
    assert world.dispatched[-1] == ["Z"]
    assert json.loads(world.publisher.messages[-1].body)["outputs"] == {"Rate/parallel/A": {"score": 7}}


def test_what_the_core_did_not_expect_in_one_attempt_is_called_when_it_is_expected_again() -> None:
    world = open_stage(A, B)
    world.report("B", State.ERROR)
    world.registry.delete(A.activity, A.stage, A.subscription_arn)
    resume(world)
    world.open()
    assert world.state("A") is State.DO_NOT_RUN
    world.registry.put(A)
    world.end("execution 2", error="Broken")
    world.begin("execution 3")
    world.open()
    assert "A" in world.dispatched[-1]


def test_what_is_kept_lives_as_long_as_the_new_attempt() -> None:
    world = half_done(A, B, C)
    world.clock.forward(100 * 86_400)
    world.end("execution 2", error="Broken")
    world.begin("execution 3")
    world.open()
    world.clock.forward(100 * 86_400)
    assert world.state("A") is State.COMPLETE
    assert world.status.outputs(world.run.ref) == {"Rate/parallel/A": {"score": 7}}


def test_a_stage_that_was_complete_closes_at_once() -> None:
    world = open_stage(A)
    world.report("A")
    resume(world)
    world.open()
    assert world.dispatched == [["A"]]
    assert present(world.outcome).state is State.COMPLETE
    assert [signal.error for signal in world.answered] == [None, None]


def test_one_at_a_time_goes_on_where_it_failed() -> None:
    world = open_stage(A, B, C, stage=PRE)
    world.report("A")
    world.report("B", State.ERROR)
    resume(world)
    world.open()
    assert world.dispatched == [["A"], ["B"], ["B"]]
    world.report("B")
    assert world.dispatched[-1] == ["C"]


def test_who_is_not_expected_any_more_becomes_do_not_run_and_is_not_joined() -> None:
    world = half_done(A, B, C)
    world.registry.delete(C.activity, Stage.PARALLEL, C.subscription_arn)
    world.open()
    row = present(world.row("C"))
    assert (row.state, row.attempt) == (State.DO_NOT_RUN, 2)
    assert present(world.outcome).state is State.COMPLETE


def test_who_was_done_and_is_not_expected_any_more_stays() -> None:
    world = half_done(A, B, C)
    world.registry.delete(A.activity, Stage.PARALLEL, A.subscription_arn)
    world.open()
    assert world.state("A") is State.COMPLETE


def test_a_late_report_of_the_old_attempt_is_refused_after_the_reset() -> None:
    world = half_done(A, B, C)
    world.open()
    old = world.status.plans.items.copy()
    world.report("C", attempt=1)
    assert world.state("C") is State.NOT_STARTED
    assert world.journal.reasons[-1] == "unknown-run"
    assert world.status.plans.items == old


def test_a_late_report_by_a_handler_that_remembers_the_old_plan_is_refused() -> None:
    world = open_stage(A, B)
    world.report("A", State.ERROR)
    resume(world)

    def reset_meanwhile() -> None:
        world.open()
        assert world.state("A") is State.NOT_STARTED

    world.calls.meanwhile("status.record", reset_meanwhile)
    world.report("A", attempt=1)
    assert world.state("A") is State.NOT_STARTED
    assert world.journal.reasons == ["other-attempt"]
    assert world.outcome is None


def test_leftovers_are_settled_before_anything_is_released() -> None:
    world = half_done(A, B, C)
    world.calls.log.clear()
    world.open()
    log = world.calls.log
    assert log.index("status.reset_plugin") < log.index("control.enter") < log.index("publisher.publish")


@pytest.mark.parametrize("effect", range(11))
def test_a_resume_survives_a_crash_at_any_effect(effect: int) -> None:
    world = half_done(A, B, C)
    world.calls.crash_at(effect)
    try:
        world.open()
    except Crash:
        world.clock.forward(30)
        world.open()
    world.calls.steady()
    assert world.state("A") is State.COMPLETE
    world.report("C")
    assert present(world.outcome).state is State.COMPLETE
    assert world.answered[-1].error is None


def test_a_handler_thought_dead_resets_nothing_of_the_new_attempt() -> None:
    world = half_done(A, B, C)

    def another_gets_ahead() -> None:
        world.open()
        world.report("C")

    world.calls.meanwhile("status.reset_plugin", another_gets_ahead)
    world.open(token="slow")
    assert world.state("C") is State.COMPLETE
