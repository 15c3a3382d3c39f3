"""Runs that take longer than their workflow expects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import MAX_DEADLINE_SECONDS
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.foreign_text import shown

_MOST_DIGITS: Final = len(str(MAX_DEADLINE_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An overdue run that was announced.

    Attributes:
        ref: The attempt of the run.
        execution: Its execution.
        started_at: When it started.
        expected: How long it was expected to take at most.
        expires_at: When the announcement expires, together with the run's row.
    """

    ref: RunRef
    execution: str
    started_at: datetime
    expected: timedelta
    expires_at: int

    @property
    def since(self) -> datetime:
        """When it became overdue."""
        return self.started_at + self.expected


def expected_duration(workflow: str, seconds: str | None) -> timedelta | None:
    """Reads how long a run of a workflow is expected to take at most.

    Args:
        workflow: The workflow's name.
        seconds: The published value; ``None`` if the workflow publishes none.

    Raises:
        ValueError: The value is not a whole number of seconds from 1 to a year.
    """
    if seconds is None:
        return None
    whole = int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) <= _MOST_DIGITS else 0
    if not 1 <= whole <= MAX_DEADLINE_SECONDS:
        raise ValueError(
            f"the expected duration of {workflow} is published as {shown(repr(seconds))}: deploy the workflow again "
            f"with a duration of 1 to {MAX_DEADLINE_SECONDS:,} seconds, or without one"
        )
    return timedelta(seconds=whole)
