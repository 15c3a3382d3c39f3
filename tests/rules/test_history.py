"""The history of a run tells each thing once, whoever gets in between, as long as the run is there."""

from __future__ import annotations

from datetime import timedelta

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.ended_execution import ExecutionStatus
from tests.rules.world import UID, WORKFLOW, World, open_stage, plugin


def told(world: World) -> list[tuple[int, str, str | None, str | None]]:
    entries = world.status.history(uid=UID, workflow=WORKFLOW)
    assert entries is not None
    return [(entry.attempt, entry.what.value, entry.by, entry.detail) for entry in entries]


def test_a_run_that_is_not_there_has_no_history() -> None:
    assert World().status.history(uid=UID, workflow=WORKFLOW) is None


def test_who_started_cancelled_and_resumed_a_run_is_told() -> None:
    world = World()
    world.begin(by="ann")
    world.cancel("sold twice", by="bob")
    world.clock.forward(60)
    world.begin("two", by="eve")
    world.end("two")
    assert told(world) == [
        (1, "started", "ann", None),
        (1, "cancelled", "bob", "sold twice"),
        (2, "resumed", "eve", None),
        (2, "completed", None, None),
    ]


def test_a_resume_says_whether_it_brought_other_metadata() -> None:
    world = World()
    for execution, metadata in [("one", {"a": 1}), ("two", {"a": 1}), ("three", {"a": 2})]:
        world.begin(execution, metadata=metadata, override=True)
        world.end(execution, error="E")
    entries = world.status.history(uid=UID, workflow=WORKFLOW) or []
    assert [entry.metadata_replaced for entry in entries if entry.attempt > 1] == [False, False, True, False]


def test_what_asks_or_ends_twice_is_told_once() -> None:
    world = World()
    for _ in "12":
        world.begin(by="ann")
    for _ in "12":
        world.end(error="E", cause="why")
    assert told(world) == [(1, "started", "ann", None), (1, "failed", None, "why")]


def test_an_end_that_comes_while_the_run_is_taken_over_is_not_lost() -> None:
    """The one that takes over has read that the run did not end; it reads again."""
    world = World()
    world.begin(by="ann")
    world.executions.end("one", ExecutionStatus.ABORTED)
    world.calls.meanwhile("status.take_over_run", lambda: world.end(error="E", cause="at the very last"))
    world.clock.forward(5)
    assert world.begin("two", by="eve").attempt == 2
    assert told(world) == [
        (1, "started", "ann", None),
        (1, "failed", None, "at the very last"),
        (2, "resumed", "eve", None),
    ]


def test_an_attempt_that_nobody_ended_shows_no_end() -> None:
    world = World()
    world.begin(by="ann")
    world.executions.end("one", ExecutionStatus.ABORTED)
    world.begin("two", by="eve")
    assert told(world) == [(1, "started", "ann", None), (2, "resumed", "eve", None)]


def test_plugins_that_have_nothing_to_do_are_told_once_by_their_own_words() -> None:
    world = open_stage(plugin("Fleet"), plugin("Score"))
    for _ in "12":
        world.report("Fleet", State.DO_NOT_RUN, message="one car is no fleet")
    world.report("Score")
    assert told(world)[1:] == [(1, "skipped", "Fleet", "one car is no fleet")]


def test_a_plugin_that_is_not_expected_any_more_is_skipped_by_the_core() -> None:
    fleet = plugin("Fleet")
    world = open_stage(fleet, plugin("Score"))
    world.report("Fleet", State.ERROR)
    world.end(error="E", cause="why")
    world.registry.remove(fleet)
    world.clock.forward(60)
    world.begin("two")
    for _ in "12":
        world.open()
    assert told(world)[2:] == [(2, "resumed", None, None), (2, "skipped", "the core", "not expected any more")]


def test_the_history_of_all_attempts_lives_as_long_as_the_last() -> None:
    world = open_stage(plugin("Fleet"))
    world.report("Fleet", State.DO_NOT_RUN)
    world.end(error="E")
    for number in range(3):
        world.clock.forward(timedelta(days=100).total_seconds())
        world.begin(f"again-{number}")
        world.end(f"again-{number}", error="E")
    assert [what for _, what, _, _ in told(world)] == ["started", "skipped", "failed", *["resumed", "failed"] * 3]
