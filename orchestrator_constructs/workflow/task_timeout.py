"""How long the state of an activity waits before it enters itself again with a new token.

The wait is the second safety net: deadlines are checked each minute by the core,
without the state machine. Each entry adds events to the execution's history, of
which Step Functions allows 25,000. A day is the default. Where many activities
wait side by side for a year, the wait is longer, so that the longest run fits.

Most events are in the history if the step with the most activities side by side
takes all the time of the run. Pure arithmetic; nothing of the CDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

DAY: Final = 86_400
"""The default, in seconds."""

MAX_HISTORY_EVENTS: Final = 25_000
SPARE_EVENTS: Final = 1_000
"""Kept for the states that begin and end the run, with all their retries, and for bursts of failed attempts."""
EVENTS_PER_FAILED_ATTEMPT: Final = 3
"""TaskScheduled, TaskStarted, TaskFailed: the state is not entered again."""
EVENTS_PER_ENTRY: Final = 6 + EVENTS_PER_FAILED_ATTEMPT
"""TaskStateEntered, TaskScheduled, TaskStarted, TaskSubmitted, TaskTimedOut or TaskSucceeded, TaskStateExited; and
the events of one failed attempt, for each entry."""
EVENTS_PER_PARALLEL: Final = 4
"""ParallelStateEntered, ParallelStateStarted, ParallelStateSucceeded, ParallelStateExited."""


def task_timeout_seconds(workflow: str, steps: Sequence[int], *, run_timeout_seconds: int) -> int:
    """Choose how long the states of a workflow's activities wait before they enter themselves again.

    Args:
        workflow: The workflow's name, for the text of an error.
        steps: How many activities run side by side, for each step.
        run_timeout_seconds: How long a run may take.

    Returns:
        Seconds: a day, or as many whole days as are needed, and never more than the run's timeout.

    Raises:
        ValueError: There are so many activities that a run does not fit even if none of them enters its state twice.
    """
    left = MAX_HISTORY_EVENTS - SPARE_EVENTS - least_events(steps)
    if left < 0:
        raise ValueError(
            f"workflow {workflow!r} has {sum(steps):,} activities, and a run would exceed the {MAX_HISTORY_EVENTS:,} "
            f"history events that Step Functions allows for an execution: split it into several workflows"
        )
    entries = 1 + left // (EVENTS_PER_ENTRY * max(steps))
    days = -(-run_timeout_seconds // (entries * DAY))
    return min(days * DAY, run_timeout_seconds)


def least_events(steps: Sequence[int]) -> int:
    """Count the history events of the activities of a run in which each state is entered once."""
    return EVENTS_PER_ENTRY * sum(steps) + EVENTS_PER_PARALLEL * sum(activities > 1 for activities in steps)
