"""Deadlines: who is late, from when on, and who says so."""

from __future__ import annotations

from orchestrator_runtime.contract import State
from tests.rules.world import PRE, World, open_stage, plugin, present

SCORE = plugin("Score", start_within_seconds=20, timeout_seconds=100)
QUEUE = plugin("Queue", reports_start=False, timeout_seconds=100)


def wake_after(world: World, seconds: float) -> None:
    world.clock.forward(seconds)
    world.open()


def test_no_start_within_the_time_is_an_error() -> None:
    world = open_stage(SCORE)
    wake_after(world, 19)
    assert world.row("Score") is None
    wake_after(world, 1)
    row = present(world.row("Score"))
    assert row.state is State.ERROR
    assert row.message == "did not report a start within 20 s; dispatched at 2026-11-24T09:30:00Z"


def test_the_row_of_an_overdue_plugin_says_when_it_was_given_up() -> None:
    world = open_stage(SCORE, plugin("Optional", mandatory=False, start_within_seconds=20))
    wake_after(world, 20)
    for name, mandatory in (("Score", True), ("Optional", False)):
        row = present(world.row(name))
        assert (row.attempt, row.mandatory, row.expected) == (1, mandatory, True)
        assert (row.started_at, row.updated_at, row.ended_at) == (None, world.clock.now, world.clock.now)


def test_the_timeout_runs_from_the_start() -> None:
    world = open_stage(SCORE)
    world.clock.forward(10)
    world.report("Score", State.IN_PROGRESS)
    wake_after(world, 99)
    assert world.state("Score") is State.IN_PROGRESS
    wake_after(world, 1)
    row = present(world.row("Score"))
    assert row.state is State.ERROR
    assert row.message == "did not finish within 100 s; started at 2026-11-24T09:30:10Z"


def test_the_timeout_runs_from_the_release_where_no_start_is_reported() -> None:
    world = open_stage(QUEUE)
    wake_after(world, 99)
    assert world.row("Queue") is None
    wake_after(world, 1)
    assert "dispatched at 2026-11-24T09:30:00Z" in str(present(world.row("Queue")).message)


def test_a_plugin_that_need_not_report_its_start_has_no_deadline_for_it() -> None:
    world = open_stage(QUEUE)
    wake_after(world, 61)
    assert world.row("Queue") is None


def test_progress_does_not_extend_the_timeout() -> None:
    world = open_stage(SCORE)
    world.report("Score", State.IN_PROGRESS)
    for _ in range(9):
        world.clock.forward(10)
        world.report("Score", State.IN_PROGRESS, progress=50)
    wake_after(world, 10)
    assert world.state("Score") is State.ERROR


def test_a_plugin_without_deadlines_has_those_of_its_stage() -> None:
    world = open_stage(plugin("Score"))
    assert (world.plan.plugins[0].start_within_seconds, world.plan.plugins[0].timeout_seconds) == (60, 600)


def test_an_overdue_optional_plugin_ends_in_an_optional_task_error() -> None:
    world = open_stage(plugin("Score", mandatory=False, start_within_seconds=20))
    wake_after(world, 20)
    assert world.state("Score") is State.OPTIONAL_TASK_ERROR
    assert present(world.outcome).state is State.COMPLETE


def test_before_its_release_nobody_is_late() -> None:
    world = open_stage(plugin("A", order=1, timeout_seconds=10_000, reports_start=False), SCORE, stage=PRE)
    wake_after(world, 5_000)
    assert world.row("Score") is None
    world.report("A")
    assert world.dispatched == [["A"], ["Score"]]
    world.clock.forward(19)
    world.open()
    assert world.row("Score") is None


def test_deadlines_run_from_the_confirmed_release() -> None:
    world = World(SCORE)
    world.begin()
    world.calls.meanwhile("publisher.publish", lambda: world.clock.forward(21))
    world.open()
    assert present(world.item.dispatch).published_at == world.clock.now
    world.open()
    assert world.row("Score") is None, "the release was confirmed just now"


def test_overdue_plugins_are_settled_before_the_stage_is_decided_again() -> None:
    world = open_stage(SCORE, plugin("Rest", start_within_seconds=20))
    world.calls.log.clear()
    wake_after(world, 20)
    marks = [i for i, call in enumerate(world.calls.log) if call == "status.record"]
    close = world.calls.log.index("status.close_stage")
    assert len(marks) == 2
    assert "status.load_stage" in world.calls.log[marks[-1] : close], "the rows are read again before the close"
    assert "Score: did not" in str(present(world.outcome).message)
    assert "Rest: did not" in str(present(world.outcome).message)


def test_a_report_that_came_before_the_mark_stands() -> None:
    world = open_stage(SCORE)
    world.clock.forward(20)
    world.calls.meanwhile("status.record", lambda: world.report("Score"))
    world.open()
    assert world.state("Score") is State.COMPLETE
    assert present(world.outcome).state is State.COMPLETE


def test_reports_enforce_no_deadlines() -> None:
    world = open_stage(SCORE, plugin("Rest"))
    world.clock.forward(10_000)
    world.report("Rest")
    assert world.row("Score") is None
    assert world.outcome is None


def test_a_late_report_is_accepted_while_the_row_is_open() -> None:
    world = open_stage(SCORE)
    world.clock.forward(10_000)
    world.report("Score")
    assert present(world.outcome).state is State.COMPLETE
    assert not world.journal.reasons
