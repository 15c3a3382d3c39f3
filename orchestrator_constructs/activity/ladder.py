"""How often a waiting stage wakes up, and what that costs in a year.

A stage waits for a task token. Step Functions evaluates no new deadline while it
waits, so the wait is cut into pieces: each wake lets ``advance_stage`` recount
the stage and enforce deadlines. An execution may have 25,000 history events, so
the pieces grow with the stage's age. Pure arithmetic; nothing of the CDK.

Attempts that fail and are tried again fill the history, too: by ``EVENTS_PER_RETRY``
each. ``SPARE_EVENTS`` are left for them: more than 320 in a year, whatever
``check_every`` is, or nine wakes of which every attempt but the last fails. The
assumption is that a stage that waits for months is not throttled for months:
if each of its wakes lost an attempt, the year would not fit. An execution whose
history is full fails, and its workflow ends the run with that error; no run hangs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY

SHORTEST_CHECK: Final = 20
"""Seconds. Shorter, and a year of waiting would not fit into an execution's history."""
MAX_HISTORY_EVENTS: Final = 25_000
EVENTS_PER_WAKE: Final = 8
"""Entered, scheduled, started, submitted, timed out and exited for the task; entered and exited for the choice."""
EVENTS_PER_RETRY: Final = 3
"""Scheduled, started and failed; the state is not entered again."""
SPARE_EVENTS: Final = 1_000
"""Left for the starts and ends of the execution and its stages, and for attempts that are tried again."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One length of wait.

    Attributes:
        from_age: Seconds that a stage has been open when it starts to wait so long.
        every: Seconds between two wakes.
        label: What follows the stage's name in the name of the state.
    """

    from_age: int
    every: int
    label: str


def ladder(check_every: int) -> tuple[Rung, ...]:
    """Lay out the waits of a stage.

    Args:
        check_every: Seconds between wakes while the stage is young. Later rungs are never shorter.

    Raises:
        ValueError: It is so short that a year's wakes would not fit into an execution's history.
    """
    rungs = (
        Rung(0, check_every, ""),
        Rung(HOUR, max(check_every, 10 * MINUTE), " after 1 hour"),
        Rung(DAY, max(check_every, HOUR), " after 1 day"),
        Rung(10 * DAY, max(check_every, 6 * HOUR), " after 10 days"),
    )
    if check_every < SHORTEST_CHECK or most_events(rungs) > MAX_HISTORY_EVENTS - SPARE_EVENTS:
        raise ValueError(
            f"check_every is {check_every} s: use {SHORTEST_CHECK} s or more, or a stage that waits for months "
            f"would exceed the {MAX_HISTORY_EVENTS:,} history events of an execution"
        )
    return rungs


def wakes(rungs: Sequence[Rung], age: int) -> int:
    """Count how often a stage has woken up by an age in seconds."""
    ends = [*(rung.from_age for rung in rungs[1:]), YEAR]
    return sum(
        ceil((min(age, end) - rung.from_age) / rung.every)
        for rung, end in zip(rungs, ends, strict=True)
        if age > rung.from_age
    )


def most_events(rungs: Sequence[Rung], *, stages: int = 3) -> int:
    """Bound the history events of an execution that waits a whole year.

    Wakes grow ever rarer with age, so the year costs most if all stages share it evenly.
    """
    return EVENTS_PER_WAKE * stages * wakes(rungs, ceil(YEAR / stages))
