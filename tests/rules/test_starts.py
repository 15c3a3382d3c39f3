"""What reports tell of starts: the time that a row notes, and how often a plugin started again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.happening import PluginEnded, PluginStartedAgain
from tests.rules.world import UID, World, open_stage, plugin, present, received

SCORE = plugin("Score", start_within_seconds=20, timeout_seconds=100)
CHECK = plugin("Check")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        (timedelta(seconds=7.5), timedelta(seconds=7.5)),
        (timedelta(seconds=0), timedelta(seconds=0)),
        (timedelta(seconds=-1), timedelta(seconds=0)),
        (timedelta(days=-700_000), timedelta(seconds=0)),
        (timedelta(seconds=11), timedelta(seconds=10)),
        (timedelta(days=2_900_000), timedelta(seconds=10)),
    ],
    ids=str,
)
@pytest.mark.parametrize("state", [State.COMPLETE, State.ERROR, State.DO_NOT_RUN])
def test_an_end_tells_a_start_that_is_not_before_the_release_or_after_now(
    said: timedelta, noted: timedelta, state: State
) -> None:
    world = open_stage(SCORE)
    released = world.clock.now
    world.clock.forward(10)
    world.report("Score", state, started_at=released + said)
    row = present(world.row("Score"))
    assert (row.started_at, row.ended_at) == (released + noted, world.clock.now)


def test_a_start_that_is_told_before_any_release_is_known_is_now() -> None:
    world = open_stage(SCORE)
    path = world.ref().path
    control, expires_at = world.control.rows.items[UID, path]
    world.control.rows.items[UID, path] = (replace(control, release=None), expires_at)
    world.clock.forward(10)
    world.report("Score", started_at=world.clock.now - timedelta(seconds=5))
    assert present(world.row("Score")).started_at == world.clock.now


@pytest.mark.parametrize("other", [{}, {"progress": 50}, {"message": "again"}])
def test_what_a_plugin_at_work_says_of_its_start_moves_no_deadline(other: dict[str, Any]) -> None:
    world = open_stage(SCORE)
    world.clock.forward(10)
    for ago in (9, -3600):
        said = world.clock.now - timedelta(seconds=ago)
        world.report("Score", State.IN_PROGRESS, started_at=said, **other)
        assert present(world.row("Score")).started_at == world.run.started_at + timedelta(seconds=10)


def test_the_earliest_start_of_a_batch_that_ends_is_noted_and_one_noted_before_it_stays() -> None:
    world = open_stage(SCORE, CHECK)
    world.clock.forward(10)
    early, late = (world.clock.now - timedelta(seconds=ago) for ago in (5, 1))
    world.report("Check", State.IN_PROGRESS)
    noted = world.clock.now
    world.clock.forward(1)
    world.report_all(
        [
            received("Score", State.IN_PROGRESS, message="again", started_at=early),
            received("Score", started_at=late),
            received("Check", started_at=early),
        ]
    )
    assert present(world.row("Score")).started_at == early
    assert present(world.row("Check")).started_at == noted


def began(world: World, ago: float) -> dict[str, Any]:
    """What a report says of a call that began so many seconds ago."""
    return {"started_at": world.clock.now - seconds(ago)}


def starts_again(world: World) -> int:
    return sum(again.times for again in world.journal.of(PluginStartedAgain))


def test_a_quick_plugin_s_only_report_tells_when_it_started() -> None:
    world = open_stage(SCORE)
    world.clock.forward(3)
    world.report("Score", **began(world, 0.75))
    [ended] = world.journal.of(PluginEnded)
    assert (ended.took, ended.to_start) == (seconds(0.75), seconds(2.25))
    assert starts_again(world) == 0


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("at_work", [False, True])
def test_what_is_tried_again_twice_started_again_twice(together: bool, at_work: bool) -> None:
    """Each call tells when it began with its first report, which may be that it is at work, or its end."""
    world = open_stage(SCORE)
    batch = []
    for state, message in [(State.IN_PROGRESS, "again"), (State.IN_PROGRESS, "again"), (State.COMPLETE, None)]:
        world.clock.forward(60)
        start = began(world, 0.5)
        if at_work:
            batch.append(received("Score", State.IN_PROGRESS, **start))
            start = {}
        batch.append(received("Score", state, message=message, **start))
        if not together:
            world.report_all(batch)
            batch.clear()
    world.report_all(batch)
    assert world.state("Score") is State.COMPLETE
    assert starts_again(world) == 2


def test_two_calls_to_be_tried_again_in_one_batch_are_one_more_than_the_first() -> None:
    world = open_stage(SCORE)
    world.clock.forward(60)
    again = (received("Score", State.IN_PROGRESS, message="again", **began(world, ago)) for ago in (50, 5))
    world.report_all(again)
    assert starts_again(world) == 1


@pytest.mark.parametrize("together", [False, True])
def test_what_crashed_while_it_was_at_work_and_was_repeated_started_again(together: bool) -> None:
    world = open_stage(SCORE)
    world.clock.forward(5)
    crashed = received("Score", State.IN_PROGRESS, **began(world, 1))
    if not together:
        world.report_all([crashed])
    world.clock.forward(60)
    repeated = received("Score", **began(world, 0.5))
    world.report_all([crashed, repeated] if together else [repeated])
    assert starts_again(world) == 1


@pytest.mark.parametrize("together", [False, True])
def test_an_end_that_repeats_when_its_own_call_started_is_no_other_call(together: bool) -> None:
    """A plugin without the decorator may say so in each report, or only in its last."""
    world = open_stage(SCORE)
    start = began(world, -1)
    world.clock.forward(2)
    batch = [received("Score", State.IN_PROGRESS), received("Score", State.IN_PROGRESS, progress=50, **start)]
    if not together:
        world.report_all(batch)
        batch.clear()
        world.clock.forward(2)
    world.report_all([*batch, received("Score", **start)])
    assert world.state("Score") is State.COMPLETE
    assert starts_again(world) == 0


def test_a_plugin_whose_clock_is_ahead_started_once() -> None:
    world = open_stage(SCORE)
    world.report("Score", **began(world, -30))
    assert starts_again(world) == 0


def test_an_end_that_is_refused_tells_of_no_start() -> None:
    world = open_stage(SCORE)
    world.report("Score", **began(world, 0))
    world.clock.forward(5)
    world.report("Score", **began(world, 0))
    assert starts_again(world) == 0
