"""The start of a plugin, as its reports state it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.happening import PluginEnded
from tests.rules.world import World, open_stage, plugin, present, received

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
    """What a report says of an invocation that began so many seconds ago."""
    return {"started_at": world.clock.now - seconds(ago)}


def test_a_quick_plugin_s_only_report_tells_when_it_started() -> None:
    world = open_stage(SCORE)
    world.clock.forward(3)
    world.report("Score", **began(world, 0.75))
    [ended] = world.journal.of(PluginEnded)
    assert (ended.took, ended.to_start) == (seconds(0.75), seconds(2.25))
