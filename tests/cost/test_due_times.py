"""What the page on scale computes of 10,000 activities that are due at once: calls of a check, and how many fit."""

from __future__ import annotations

import math

from orchestrator_runtime.contract import CHECK_DEADLINES_EVERY_SECONDS, DUE_SHARDS, State
from orchestrator_runtime.stores.due_activities import _PER_SHARD
from tests.docs.pages import PROJECT, begins_a_row
from tests.rules.world import World, open_stage, plugin

PAGE = PROJECT / "docs" / "scale.md"
TEXT = " ".join(PAGE.read_text().split())
MOST = 10_000
CALL_MILLISECONDS = 5
"""Of DynamoDB, which the page takes for each call, and of Step Functions."""
BEFORE_THE_NEXT_SECONDS = CHECK_DEADLINES_EVERY_SECONDS - 5
SPARE_SECONDS = 10
SCORE = plugin("Score", start_within_seconds=60, timeout_seconds=600)


def calls_of_a_check(world: World) -> int:
    """Calls of one check, without those that list what is due and without the clock."""
    world.calls.log.clear()
    assert world.check_deadlines().checked == 1
    return len([call for call in world.calls.log if call != "control.due"])


def waiting() -> World:
    """An activity that is due although nothing is to be done: its plugin has reported a start."""
    world = open_stage(SCORE)
    world.report("Score", State.IN_PROGRESS)
    world.clock.forward(60)
    return world


def overdue() -> World:
    """An activity whose only plugin is over its deadline."""
    world = open_stage(SCORE)
    world.clock.forward(60)
    return world


def in_the_page(what: str, calls: int) -> None:
    milliseconds = calls * CALL_MILLISECONDS
    in_one = (BEFORE_THE_NEXT_SECONDS - SPARE_SECONDS) * 1000 // milliseconds
    minutes = math.ceil(MOST / in_one)
    cells = (what, f"{calls}", f"{milliseconds} ms", f"{in_one:,}", f"{minutes}")
    assert begins_a_row(PAGE, *cells), cells


def test_a_check_that_finds_nothing_to_do() -> None:
    in_the_page("waits on", calls_of_a_check(waiting()))


def test_a_check_that_ends_an_activity() -> None:
    world = overdue()
    in_the_page("is overdue, and ends", calls_of_a_check(world))
    assert world.item.outcome is not None


def test_what_is_left_is_listed_again() -> None:
    assert f"lists at most {DUE_SHARDS * _PER_SHARD:,} activities" in TEXT
