"""Rules whose loss the other tests of this folder do not notice."""

from __future__ import annotations

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.records import Outcome
from tests.rules.calls import Crash
from tests.rules.world import PRE, World, open_stage, plugin

A, B, C = plugin("A"), plugin("B"), plugin("C")


def test_a_wake_signals_the_stored_outcome_though_the_rows_are_open() -> None:
    """As after a message that did not fit, whose signal was lost."""
    world = open_stage(A)
    outcome = Outcome(state=State.ERROR, message="too large")
    world.status.close_stage(
        world.ref(), outcome, started_at=world.clock.now, now=world.clock.now, expires_at=world.run.expires_at
    )
    world.open()
    assert [signal.cause for signal in world.answered] == ["Rate/parallel: too large"]


def test_a_report_that_fails_the_stage_marks_nobody_overdue() -> None:
    world = open_stage(A, B)
    world.clock.forward(100_000)
    world.report("A", State.ERROR, message="no rate")
    assert world.outcome == Outcome(state=State.ERROR, message="A: no rate")
    assert world.row("B") is None


def test_a_report_before_the_stage_is_set_up_releases_nobody() -> None:
    world = World(A, B)
    world.begin()

    def early() -> None:
        world.report("A")
        assert world.dispatched == []

    world.calls.meanwhile("control.enter", early)
    world.open()
    assert len(world.dispatched) == 1


def test_a_report_of_an_attempt_that_was_taken_over_releases_nobody() -> None:
    """The first attempt was never ended, and the next has not reached the stage yet."""
    world = open_stage(A, B, stage=PRE)
    world.executions.forget()
    world.begin("two")
    world.report("A", attempt=1)
    assert world.dispatched == [["A"]]


def test_a_failure_costs_one_recount_and_not_one_for_each_later_report() -> None:
    world = open_stage(A, B, C)
    world.report("A", State.ERROR)
    recounts = world.calls.log.count("status.load_stage")
    world.report("B")
    assert world.calls.log.count("status.load_stage") == recounts


def test_a_claim_that_another_made_meanwhile_is_respected_for_30_seconds() -> None:
    """Both read that nobody was released; the one that came first died before it published."""
    world = World(A)
    world.begin()

    def die_before_publishing() -> None:
        def die(name: str) -> None:
            if name == "publisher.publish":
                raise Crash

        world.clock.forward(5)
        world.calls.effects = die
        with pytest.raises(Crash):
            world.open()
        world.calls.steady()

    world.calls.meanwhile("control.enter", die_before_publishing)
    world.open(token="first")
    assert world.dispatched == []


def test_a_report_that_came_before_the_mark_leaves_no_failure_in_the_tally() -> None:
    """Else the reports that follow would wait for a failure that never was."""
    world = open_stage(A, B, C, stage=PRE)
    world.clock.forward(60)
    world.calls.meanwhile("status.record", lambda: world.report("A"))
    world.open()
    assert world.item.failed == frozenset()
    world.report("B")
    assert world.dispatched == [["A"], ["B"], ["C"]]


def test_who_an_earlier_attempt_finished_is_left_alone_at_the_end() -> None:
    world = open_stage(A, B)
    world.report("A")
    world.end(error="States.Timeout")
    world.begin("two")
    world.open()
    world.end("two", error="States.Timeout")
    assert (world.state("A"), world.state("B")) == (State.COMPLETE, State.ERROR)


def test_a_stage_that_released_nobody_when_the_run_ended_marks_nobody() -> None:
    world = World(A)
    world.begin()
    world.calls.meanwhile("control.enter", lambda: world.end(error="States.Timeout"))
    world.open()
    assert (world.row("A"), world.outcome, world.dispatched) == (None, None, [])


def test_the_run_row_says_the_unwrapped_reason() -> None:
    world = open_stage(A)
    world.end(error="States.TaskFailed", cause='{"Status": "FAILED", "Error": "PluginFailed", "Cause": "A: no rate"}')
    assert world.run.message == "A: no rate"


def test_a_stage_that_the_end_of_its_run_left_open_is_closed_by_the_next_end() -> None:
    world = open_stage(A)
    world.calls.crash_at(1)
    with pytest.raises(Crash):
        world.end(error="Broken", cause="no rate")
    assert world.outcome is None
    world.clock.forward(5)
    world.end(error="Broken", cause="no rate")
    assert world.outcome == Outcome(state=State.ERROR, message="run ended: no rate")


def test_what_is_called_again_lives_as_long_as_the_run_that_calls_it() -> None:
    world = open_stage(A, B)
    world.report("A", State.ERROR)
    world.end(error="Broken")
    world.registry.delete(B.activity, B.stage, B.subscription_arn)
    world.clock.forward(1000)
    world.begin("two")
    world.open()
    for name, state in (("A", State.NOT_STARTED), ("B", State.DO_NOT_RUN)):
        row, expires_at = world.status.plugins.items["q-1", f"NewBusiness/Rate/parallel/{name}/"]
        assert (row.state, expires_at) == (state, world.run.expires_at)


def test_an_activity_that_opens_while_its_run_ends_fails_its_task() -> None:
    """The end of the run leaves an item that says so."""
    world = World(A)
    world.begin()
    world.calls.meanwhile("status.save_plan", lambda: world.end(error="Broken"))
    token = world.open()
    assert [(signal.token, signal.error) for signal in world.answered] == [(token, "RunEnded")]
    assert world.dispatched == []


def test_opening_the_first_attempt_reads_no_rows() -> None:
    assert "status.load_stage" not in open_stage(A, B).calls.log
