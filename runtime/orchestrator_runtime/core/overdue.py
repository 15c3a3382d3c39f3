"""Runs that take longer than their workflow expects: since when, and what was said of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import MAX_DEADLINE_SECONDS
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.names import shown

CLAIM_HOLDS: Final = timedelta(minutes=2)
"""How long nobody else says what one has claimed to say; whoever claims it has to be done, or dead, by then."""
_MOST_DIGITS: Final = len(str(MAX_DEADLINE_SECONDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What was said, or is about to be said, of one attempt of an overdue run.

    Attributes:
        ref: The attempt.
        execution: Its execution.
        started_at: When it started.
        expected: How long it was expected to take at most.
        expires_at: When this is forgotten: with the run's row.
        claimed_at: When somebody took it upon themselves to say that it is overdue.
        announced_at: When that was said; ``None`` until then.
        end_claimed_at: When somebody took it upon themselves to say that it is overdue no more.
    """

    ref: RunRef
    execution: str
    started_at: datetime
    expected: timedelta
    expires_at: int
    claimed_at: datetime
    announced_at: datetime | None = None
    end_claimed_at: datetime | None = None

    @property
    def since(self) -> datetime:
        """Since when it is overdue."""
        return self.started_at + self.expected

    def may_be_claimed(self, stale_before: datetime) -> bool:
        """Whether it may have to be said once more that the run is overdue: who claimed that did not confirm it."""
        return self.announced_at is None and self.end_claimed_at is None and self.claimed_at <= stale_before

    def end_may_be_claimed(self, stale_before: datetime) -> bool:
        """Whether nobody is about to say anything of it, neither that it is overdue nor that it is so no more."""
        if self.end_claimed_at is not None:
            return self.end_claimed_at <= stale_before
        return self.announced_at is not None or self.claimed_at <= stale_before


def expected_duration(workflow: str, seconds: str | None) -> timedelta | None:
    """How long a run of a workflow is expected to take at most, as the workflow publishes it.

    Args:
        workflow: The workflow's name.
        seconds: What it published; ``None``: nothing.

    Raises:
        ValueError: That is no whole number of seconds from 1 to a year.
    """
    if seconds is None:
        return None
    whole = int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) <= _MOST_DIGITS else 0
    if not 1 <= whole <= MAX_DEADLINE_SECONDS:
        raise ValueError(
            f"the expected duration of {workflow} is published as {shown(repr(seconds))}: deploy the workflow again "
            f"with one of 1 to {MAX_DEADLINE_SECONDS:,} seconds, or without"
        )
    return timedelta(seconds=whole)
