"""The ports of ``watch_runs`` in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator_runtime.contract import Metric
from orchestrator_runtime.core.alert import Alert
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import ActiveRun, PluginRow, Run, RunRef
from orchestrator_runtime.core.run_document import run_document
from tests.rules.calls import Calls, Epoch
from tests.rules.memory_status import MemoryStatusStore, Shelf


@dataclass
class MemoryRunsInProgress:
    """Implements ``watch_ports.RunsInProgress``; the index lags behind with ``hidden`` runs."""

    calls: Calls
    status: MemoryStatusStore
    hidden: set[RunRef] = field(default_factory=set)

    def count(self) -> Mapping[str, int]:
        self.calls.read("active.count")
        return Counter(run.ref.workflow for run in self._visible())

    def started_until(self, workflow: str, until: datetime) -> Iterator[ActiveRun]:
        self.calls.read("active.started_until")
        yield from (run for run in self._visible() if run.ref.workflow == workflow and run.started_at <= until)

    def _visible(self) -> list[ActiveRun]:
        return [run for run in self.status.active_runs() if run.ref not in self.hidden]


@dataclass
class MemoryRunRecords:
    """Implements ``watch_ports.RunRecords``."""

    status: MemoryStatusStore

    def get_run(self, uid: str, workflow: str) -> Run | None:
        return self.status.get_run(uid, workflow)

    def run_document(self, *, uid: str, workflow: str) -> dict[str, Any] | None:
        path = f"{workflow}/"
        run = self.status.runs.get(uid, path)
        plugins: dict[str, dict[str, PluginRow]] = {}
        for key, row in self.status.plugins.below(uid, path).items():
            plugins.setdefault(key.rpartition("/")[0], {})[row.name] = row
        stages, plans = self.status.stages.below(uid, path), self.status.plans.below(uid, path)
        return run_document(run, stages, plans, plugins) if run else None


@dataclass
class MemoryWorkflows:
    """Implements ``watch_ports.Workflows``."""

    workflows: dict[str, str | None] = field(default_factory=dict)

    def published(self) -> Mapping[str, str | None]:
        return dict(self.workflows)


class MemoryAnnouncements:
    """Implements ``watch_ports.Announcements``."""

    def __init__(self, calls: Calls, clock: Epoch) -> None:
        self._calls = calls
        self._shelf: Shelf[Announcement] = Shelf(clock)

    def all(self) -> list[Announcement]:
        self._calls.read("announcements.all")
        return [found for key in self._shelf.items if (found := self._shelf.get(*key)) is not None]

    def add(self, announcement: Announcement) -> bool:
        self._calls.effect("announcements.add")
        if self._shelf.get(*_key(announcement)) is not None:
            return False
        self._shelf.put(*_key(announcement), announcement, announcement.expires_at)
        return True

    def remove(self, announcement: Announcement) -> bool:
        self._calls.effect("announcements.remove")
        stored = self._shelf.items.get(_key(announcement))
        if stored is None or stored[0].expected != announcement.expected:
            return False
        del self._shelf.items[_key(announcement)]
        return True


def _key(announcement: Announcement) -> tuple[str, str]:
    return announcement.ref.uid, f"{announcement.ref.path}{announcement.ref.attempt}"


@dataclass
class MemoryAlerts:
    """Implements ``watch_ports.Alerts``; publishing alerts of ``refused`` workflows fails."""

    calls: Calls
    published: list[Alert] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def publish(self, alert: Alert) -> None:
        self.calls.effect("alerts.publish")
        if alert.workflow in self.refused:
            raise ConnectionError(alert.workflow)
        self.published.append(alert)


@dataclass
class MemoryWatchJournal:
    """Implements ``watch_ports.WatchJournal``; keeps everything."""

    counts: dict[str | None, dict[Metric, int]] = field(default_factory=dict)
    alerts: list[tuple[str, RunRef]] = field(default_factory=list)
    errors: list[tuple[Exception, Mapping[str, str]]] = field(default_factory=list)

    def measured(self, workflow: str | None, counts: Mapping[Metric, int]) -> None:
        assert counts, "a line without metrics"
        self.counts[workflow] = dict(counts)

    def published(self, alert: Alert, ref: RunRef) -> None:
        self.alerts.append((alert.id, ref))

    def failed(self, error: Exception, **about: str) -> None:
        self.errors.append((error, about))
