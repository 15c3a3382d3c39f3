"""What a long-running plugin adds: the figures of the page follow from the code."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks.waiting import VERSION_1, checks_of, transitions_added, waits


@pytest.mark.parametrize(
    ("takes", "transitions"),
    [
        (timedelta(minutes=10), 0),
        (timedelta(hours=1), 0),
        (timedelta(hours=23, minutes=59), 0),
        (timedelta(days=1), 1),
        (timedelta(days=7), 7),
    ],
)
def test_waiting_task_enters_itself_again_once_a_day(takes: timedelta, transitions: int) -> None:
    assert transitions_added(takes) == transitions


def test_task_waits_longer_where_a_day_would_exceed_the_history() -> None:
    assert transitions_added(timedelta(days=365), activities=1, run_days=365) <= 365


@pytest.mark.parametrize(
    ("takes", "checks"), [(timedelta(minutes=10), 0), (timedelta(hours=1), 1), (timedelta(days=1), 1)]
)
def test_deadlines_are_checked_when_a_start_is_due_and_not_again_before_the_timeout(
    takes: timedelta, checks: int
) -> None:
    assert checks_of(takes) == checks


def test_page_shows_the_durations_that_version_1_was_measured_with() -> None:
    assert [wait.takes for wait in waits()] == list(VERSION_1)
    assert [wait.transitions for wait in waits()] == [0, 0, 1]
