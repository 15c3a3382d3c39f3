"""What watching runs needs of the world."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from orchestrator_runtime.contract import Metric
from orchestrator_runtime.core.alert import Alert
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import ActiveRun, Run, RunRef


class RunsInProgress(Protocol):
    """The index of the runs in progress; it may lag behind the runs' rows by a moment.

    A run whose end was written and not finished is in it, too.
    """

    def count(self) -> Mapping[str, int]:
        """Count them by workflow; a workflow that has none is absent."""
        ...

    def started_until(self, workflow: str, until: datetime) -> Iterable[ActiveRun]:
        """Read those of a workflow that started then or before, and no others."""
        ...


class RunRecords(Protocol):
    """Reads runs from the status table."""

    def get_run(self, uid: str, workflow: str) -> Run | None:
        """Read the run's row; ``None`` if there is none, or none any more."""
        ...

    def run_document(self, *, uid: str, workflow: str) -> dict[str, Any] | None:
        """Read the run as people see it, see ``core.run_document``."""
        ...


class Workflows(Protocol):
    """Knows which workflows are deployed."""

    def published(self) -> Mapping[str, str | None]:
        """The seconds that a run of each is expected to take at most, as they were published; ``None``: nothing was."""
        ...


class Announcements(Protocol):
    """Remembers what was said of overdue runs. What has expired is absent."""

    def all(self) -> Iterable[Announcement]:
        """Read all of them."""
        ...

    def claim(self, announcement: Announcement, *, stale_before: datetime) -> bool:
        """Take it upon oneself to say that a run is overdue; return whether nobody else did.

        Bars this: one of the same attempt that was confirmed, was claimed after ``stale_before``, or
        is about to be ended.
        """
        ...

    def confirm(self, announcement: Announcement, *, now: datetime) -> None:
        """Note that what was claimed was said, if the claim still is that one."""
        ...

    def claim_end(self, announcement: Announcement, *, now: datetime, stale_before: datetime) -> bool:
        """Take it upon oneself to say that it is overdue no more; return whether nobody else did.

        Bars this: a claim of the end after ``stale_before``, or that the announcement is another, or gone.
        """
        ...

    def forget(self, announcement: Announcement, *, end_claimed_at: datetime) -> None:
        """Delete an announcement whose end was claimed then, and said."""
        ...


class Alerts(Protocol):
    """The alerts' topic."""

    def publish(self, alert: Alert) -> None:
        """Publish an alert."""
        ...


class WatchJournal(Protocol):
    """Takes note of what is counted and said; never of a payload."""

    def measured(self, workflow: str | None, counts: Mapping[Metric, int]) -> None:
        """Make metrics of counts: of one workflow, or of all together."""
        ...

    def said(self, alert: Alert, ref: RunRef) -> None:
        """Log that an alert about a run was published."""
        ...

    def failed(self, error: Exception, **about: str) -> None:
        """Log an error that concerns one workflow; the others go on."""
        ...
