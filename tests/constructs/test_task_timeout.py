"""How long the state of an activity waits before it enters itself again: the longest history fits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_constructs.workflow.definition import workflow_definition
from orchestrator_constructs.workflow.task_timeout import (
    DAY,
    EVENTS_PER_ENTRY,
    EVENTS_PER_FAILED_ATTEMPT,
    MAX_HISTORY_EVENTS,
    SPARE_EVENTS,
    least_events,
    task_timeout_seconds,
)
from tests.constructs.state_machine_history import FAILED_ATTEMPT, FOR_EVER, History, most_events_besides_waits, play

YEAR = 365 * DAY
HOUR = 3600


def timeout_of(*steps: int, run: int = YEAR) -> int:
    return task_timeout_seconds("Quote", steps, run_timeout_seconds=run)


def machine_of(*steps: int, run: int = YEAR) -> dict[str, Any]:
    return workflow_definition(
        workflow="Quote",
        partition="aws",
        begin_run_arn="begin-run",
        open_activity_arn="open-activity",
        end_run_arn="end-run",
        steps=[[f"A{number}x{beside}" for beside in range(step)] for number, step in enumerate(steps)],
        timeout_seconds=run,
        task_timeout_seconds=timeout_of(*steps, run=run),
    )


def longest(*steps: int, run: int = YEAR, failed_attempts: int = 1) -> History:
    """The run whose widest step waits until the run's timeout."""
    widest = steps.index(max(steps))
    takes = {f"A{widest}x{beside}": FOR_EVER for beside in range(max(steps))}
    return play(machine_of(*steps, run=run), takes=takes, failed_attempts=failed_attempts)


@pytest.mark.parametrize(
    ("steps", "run", "expected"),
    [
        ((1,), YEAR, DAY),
        ((1, 1, 1), 30 * DAY, DAY),
        ((7,), YEAR, DAY),
        ((8,), YEAR, 2 * DAY),
        ((50,), 30 * DAY, DAY),
        ((50,), YEAR, 7 * DAY),
        ((1,) * 600, YEAR, DAY),
        ((2_500,), YEAR, YEAR),
        ((3,), HOUR, HOUR),
        ((3,), DAY + 1, DAY),
    ],
    ids=str,
)
def test_it_is_a_day_unless_many_wait_side_by_side_for_long(steps: tuple[int, ...], run: int, expected: int) -> None:
    assert timeout_of(*steps, run=run) == expected


@pytest.mark.parametrize(
    ("steps", "entries"),
    [((1,), 365), ((7,), 365), ((50,), 53), ((1,) * 600, 365), ((50, 1, 50), 46), ((2_500,), 1)],
    ids=["one", "seven", "fifty", "six hundred steps", "several steps", "as many as fit"],
)
def test_the_longest_history_fits_with_a_failed_attempt_for_each_entry(steps: tuple[int, ...], entries: int) -> None:
    history = longest(*steps)
    assert history.now == YEAR
    assert max(history.entries.values()) == entries
    assert history.events.total() <= MAX_HISTORY_EVENTS - SPARE_EVENTS + _BESIDES


_BESIDES = 2 + 5
"""Of the longest run of all: its start, its timeout, and the state that begins it."""


def test_a_run_of_one_activity_has_room_for_ten_failed_attempts_a_day() -> None:
    assert longest(1, failed_attempts=10).events.total() < MAX_HISTORY_EVENTS


def test_what_begins_and_ends_a_run_fits_into_what_is_spared() -> None:
    assert most_events_besides_waits(machine_of(1)) < SPARE_EVENTS


def test_events_are_counted_as_they_are_played() -> None:
    assert len(FAILED_ATTEMPT) == EVENTS_PER_FAILED_ATTEMPT
    once, twice = (play(machine_of(1), takes={"A0x0": days * DAY}, failed_attempts=1).events.total() for days in (1, 2))
    assert twice - once == EVENTS_PER_ENTRY
    one, two = (play(machine_of(*steps), takes={}).events.total() for steps in ((1,), (1, 2)))
    entry = EVENTS_PER_ENTRY - EVENTS_PER_FAILED_ATTEMPT
    assert two - one == least_events([2]) - 2 * EVENTS_PER_FAILED_ATTEMPT == 2 * entry + 4


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    run=st.integers(HOUR, YEAR),
    shares=st.lists(st.integers(0, YEAR), min_size=6, max_size=6),
)
def test_no_split_of_the_time_among_steps_exceeds_the_history(steps: list[int], run: int, shares: list[int]) -> None:
    timeout = timeout_of(*steps, run=run)
    assert timeout == run or timeout % DAY == 0
    takes = {
        f"A{number}x{beside}": share
        for (number, step), share in zip(enumerate(steps), shares, strict=False)
        for beside in range(step)
    }
    history = play(machine_of(*steps, run=run), takes=takes, failed_attempts=1)
    assert history.events.total() < MAX_HISTORY_EVENTS


@pytest.mark.parametrize("steps", [(2_700,), (1,) * 2_700], ids=["side by side", "one after the other"])
def test_more_activities_than_a_history_has_room_for_are_refused(steps: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="workflow 'Quote' has 2,700 activities, and a run would exceed the 25,000"):
        timeout_of(*steps)
