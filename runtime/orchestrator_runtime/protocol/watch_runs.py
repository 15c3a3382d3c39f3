"""Counts the runs in progress, and publishes an alert when a run becomes overdue and another when it no longer is.

Each alert is published first and stored afterwards. An invocation that dies in between, or two invocations at the same
time, repeat an alert with the same id; a subscriber can drop it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import chain, zip_longest
from typing import Final, TypeVar, TypeVarTuple

from orchestrator_runtime.contract import Metric
from orchestrator_runtime.core.awaited import awaited
from orchestrator_runtime.core.overdue import Announcement, expected_duration
from orchestrator_runtime.core.overdue_alert import ended_alert, overdue_alert
from orchestrator_runtime.core.records import ActiveRun, RunRef
from orchestrator_runtime.deployment import Deployment
from orchestrator_runtime.registry_port import Registry
from orchestrator_runtime.watch_ports import Alerts, Announcements, RunRecords, RunsInProgress, WatchJournal, Workflows

MOST_ALERTS: Final = 100
"""Alerts that an invocation publishes, failed ones included; the next invocation continues."""
_MOST_READ: Final = 10 * MOST_ALERTS
"""Overdue runs of a workflow that an invocation reads; some of them may have ended."""
_MOST_ERRORS: Final = 3
"""Errors with runs of a workflow after which an invocation leaves the workflow to the next one."""

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class WatchFailedError(Exception):
    """Some runs could not be counted or announced; all others were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPorts:
    """What ``watch_runs`` needs of the world.

    Attributes:
        active: The index of the runs in progress.
        runs: The runs' rows.
        registry: The owners of plugins.
        workflows: The deployed workflows and their expected durations.
        announcements: The overdue runs that were announced.
        alerts: The alert topic.
        journal: The log.
        deployment: The deployment that the runs belong to.
        clock: Returns the time.
    """

    active: RunsInProgress
    runs: RunRecords
    registry: Registry
    workflows: Workflows
    announcements: Announcements
    alerts: Alerts
    journal: WatchJournal
    deployment: Deployment
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Watched:
    """The alerts of one invocation.

    Attributes:
        announced: Runs that were announced as overdue.
        ended: Runs that were announced as no longer overdue.
    """

    announced: list[RunRef] = field(default_factory=list)
    ended: list[RunRef] = field(default_factory=list)


def watch_runs(ports: WatchPorts) -> Watched:
    """Counts all runs in progress and announces what became overdue or no longer is.

    An error with one workflow does not delay the others.

    Raises:
        WatchFailedError: Something failed. Each error is logged, and the next invocation retries.
    """
    return _Invocation(ports).watch()


@dataclass(slots=True)
class _Overdue:
    """The overdue runs of a workflow.

    Attributes:
        expected: Expected duration of its runs; ``None`` if none of them is ever overdue.
        count: Number of overdue runs.
        announced: Overdue runs that were announced.
        new: Runs that have to be announced, unless they have ended.
    """

    expected: timedelta | None
    count: int = 0
    announced: set[RunRef] = field(default_factory=set)
    new: list[ActiveRun] = field(default_factory=list)


class _Invocation:
    def __init__(self, ports: WatchPorts) -> None:
        self._ports = ports
        self._now = ports.clock()
        self._left = MOST_ALERTS
        self._watched = Watched()
        self._errors: Counter[str] = Counter()
        # Many runs may wait for the same stage.
        self._registrations = cache(ports.registry.registrations)

    def watch(self) -> Watched:
        published = self._ports.workflows.published()
        announced = {announcement.ref: announcement for announcement in self._ports.announcements.all()}
        overdue: dict[str, _Overdue] = {}
        for workflow, seconds in sorted(published.items()):
            if found := self._try(workflow, self._find, workflow, seconds, announced):
                overdue[workflow] = found
        for run, expected in _round_robin(overdue.values()):
            self._alert(run.ref.workflow, self._announce, run, expected)
        for ref, announcement in announced.items():
            if ref.workflow in published and ref.workflow not in overdue:
                continue  # The workflow's runs could not be read.
            found = overdue.get(ref.workflow, _Overdue(None))
            if ref not in found.announced:
                self._alert(ref.workflow, self._announce_end, announcement, found.expected)
        self._measure(published, overdue)
        if self._errors:
            where = ", ".join(sorted(self._errors))
            raise WatchFailedError(f"{self._errors.total()} errors, see the log: {where}")
        return self._watched

    def _find(self, workflow: str, seconds: str | None, announced: Mapping[RunRef, Announcement]) -> _Overdue:
        overdue = _Overdue(expected_duration(workflow, seconds))
        if overdue.expected is None:
            return overdue
        for run in self._ports.active.started_until(workflow, self._now - overdue.expected):
            overdue.count += 1
            if run.ref in announced:
                overdue.announced.add(run.ref)
            elif len(overdue.new) < _MOST_READ:
                overdue.new.append(run)
        return overdue

    def _announce(self, active: ActiveRun, expected: timedelta) -> None:
        ports, ref = self._ports, active.ref
        run = ports.runs.get_run(ref.uid, ref.workflow)
        # The index lags behind, and holds ended runs until their end is finished.
        if run is None or run.ref != ref or run.ended:
            return
        document = ports.runs.run_document(uid=ref.uid, workflow=ref.workflow)
        if document is None:
            return
        self._left -= 1
        announcement = Announcement(
            ref=ref,
            execution=run.execution,
            started_at=run.started_at,
            expected=expected,
            expires_at=run.expires_at,
        )
        alert = overdue_alert(announcement, awaited(document, self._registrations), ports.deployment)
        ports.alerts.publish(alert)
        ports.journal.published(alert, ref)
        if ports.announcements.add(announcement):
            self._watched.announced.append(ref)

    def _announce_end(self, announcement: Announcement, expected: timedelta | None) -> None:
        ports, ref = self._ports, announcement.ref
        run = ports.runs.get_run(ref.uid, ref.workflow)
        in_progress = run is not None and run.ref == ref and not run.ended
        if in_progress and expected is not None and announcement.started_at + expected <= self._now:
            return  # It is still overdue; the index lags behind.
        self._left -= 1
        alert = ended_alert(announcement, run, expected, ports.deployment)
        ports.alerts.publish(alert)
        ports.journal.published(alert, ref)
        if ports.announcements.remove(announcement):
            self._watched.ended.append(ref)

    def _measure(self, published: Mapping[str, str | None], overdue: Mapping[str, _Overdue]) -> None:
        """Logs the metrics that are certain: no value is better than a wrong one."""
        active = self._try("all workflows", self._ports.active.count)
        for workflow in sorted({*published, *(active or ())}):
            known = workflow in overdue or workflow not in published
            late = overdue.get(workflow, _Overdue(None)).count if known else None
            self._count(workflow, None if active is None else active.get(workflow, 0), late)
        late = sum(found.count for found in overdue.values()) if len(overdue) == len(published) else None
        self._count(None, None if active is None else sum(active.values()), late)

    def _count(self, workflow: str | None, active: int | None, overdue: int | None) -> None:
        counts = {Metric.ACTIVE_RUNS: active, Metric.OVERDUE_RUNS: overdue}
        if certain := {metric: count for metric, count in counts.items() if count is not None}:
            self._ports.journal.measured(workflow, certain)

    def _alert(self, workflow: str, alert: Callable[[*Arguments], None], *arguments: *Arguments) -> None:
        if self._left > 0 and self._errors[workflow] < _MOST_ERRORS:
            self._try(workflow, alert, *arguments)

    def _try(self, workflow: str, do: Callable[[*Arguments], T], *arguments: *Arguments) -> T | None:
        try:
            return do(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, it does not delay other workflows
            self._errors[workflow] += 1
            self._ports.journal.failed(error, workflow=workflow)
            return None


def _round_robin(overdue: Iterable[_Overdue]) -> Iterator[tuple[ActiveRun, timedelta]]:
    """The runs to announce, with their expected durations: one of each workflow, then the next of each."""
    by_workflow = [[(run, found.expected) for run in found.new] for found in overdue if found.expected is not None]
    return (each for each in chain.from_iterable(zip_longest(*by_workflow)) if each is not None)
