"""What ``watch_runs`` needs of the world, as protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from orchestrator_runtime.contract import Metric
from orchestrator_runtime.core.alert import Alert
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import ActiveRun, Run, RunRef


class RunsInProgress(Protocol):
    """The index of the runs in progress. It may lag behind the runs' rows by a moment.

    It also holds runs whose end is stored but not finished, see ``StatusStore.finish_end``.
    """

    def count(self) -> Mapping[str, int]:
        """Count the runs by workflow; a workflow without runs is absent."""
        ...

    def started_until(self, workflow: str, until: datetime) -> Iterable[ActiveRun]:
        """Read the runs of a workflow that started at that time or earlier."""
        ...


class RunRecords(Protocol):
    """Reads runs from the status table."""

    def get_run(self, uid: str, workflow: str) -> Run | None:
        """Read the run's row; ``None`` if it does not exist or has expired."""
        ...

    def run_document(self, *, uid: str, workflow: str) -> dict[str, Any] | None:
        """Read the run as ``core.run_document`` shows it."""
        ...


class Workflows(Protocol):
    """The deployed workflows."""

    def published(self) -> Mapping[str, str | None]:
        """Read the expected duration of each workflow in seconds, as published; ``None`` if it publishes none."""
        ...


class Announcements(Protocol):
    """The overdue runs that were announced. What has expired is absent to every read and write."""

    def all(self) -> Iterable[Announcement]:
        """Read all announcements."""
        ...

    def add(self, announcement: Announcement) -> bool:
        """Store an announcement unless the attempt has one; return whether it was stored."""
        ...

    def remove(self, announcement: Announcement) -> bool:
        """Delete an announcement if it still is the one that was read; return whether it was deleted."""
        ...


class Alerts(Protocol):
    """The alert topic."""

    def publish(self, alert: Alert) -> None:
        """Publish an alert."""
        ...


class WatchJournal(Protocol):
    """Logs metrics, alerts and errors; never a payload."""

    def measured(self, workflow: str | None, counts: Mapping[Metric, int]) -> None:
        """Log metrics of one workflow, or of all workflows together."""
        ...

    def published(self, alert: Alert, ref: RunRef) -> None:
        """Log that an alert about a run was published."""
        ...

    def failed(self, error: Exception, **about: str) -> None:
        """Log an error with one workflow. The next invocation retries."""
        ...
