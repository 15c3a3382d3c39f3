"""Counts the runs in progress, and says of those that are overdue that they are, and when they are so no more.

What is said is claimed first, published, and then confirmed; that it is over is claimed, published, and then
forgotten. So of two passes at once only one says it, and what a pass that died left unsaid is said by another.
It is said twice only if a pass dies between publishing and the write that follows; the alert's id is the same then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Final, TypeVar, TypeVarTuple

from orchestrator_runtime.contract import Metric, Stage
from orchestrator_runtime.core.awaited import awaited
from orchestrator_runtime.core.overdue import CLAIM_HOLDS, Announcement, expected_duration
from orchestrator_runtime.core.overdue_alert import ended_alert, overdue_alert
from orchestrator_runtime.core.records import ActiveRun, RunRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.deployment import Deployment
from orchestrator_runtime.ports import Registry
from orchestrator_runtime.watch_ports import Alerts, Announcements, RunRecords, RunsInProgress, WatchJournal, Workflows

MOST_ALERTS: Final = 100
"""How many a pass publishes, or fails to; the next goes on."""
_MOST_LOOKED_AT: Final = 10 * MOST_ALERTS
"""Overdue runs of a workflow that a pass keeps in mind to announce: some may turn out to have ended."""
_GIVES_UP_AFTER: Final = 3
"""Errors of a workflow's runs after which a pass leaves that workflow to the next."""

T = TypeVar("T")
About = TypeVarTuple("About")


class WatchFailedError(Exception):
    """Something could not be counted or said; everything else was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPorts:
    """What watching runs needs of the world.

    Attributes:
        active: The index of the runs in progress.
        runs: The runs' rows.
        registry: Whose a plugin is.
        workflows: What is deployed, and how long it is expected to take.
        announcements: What was said.
        alerts: Where it is said.
        journal: Where counts go.
        deployment: Whose runs they are.
        clock: The time.
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
    """What a pass has said.

    Attributes:
        announced: Runs of which it was said that they are overdue.
        ended: Runs of which it was said that they are so no more.
    """

    announced: list[RunRef] = field(default_factory=list)
    ended: list[RunRef] = field(default_factory=list)


def watch_runs(ports: WatchPorts) -> Watched:
    """Look at all runs in progress once.

    What goes wrong with one workflow does not hold up the others.

    Raises:
        WatchFailedError: Something went wrong. It was logged, and the next pass tries again.
    """
    return _Pass(ports).look()


@dataclass(slots=True)
class _Overdue:
    """The overdue runs of a workflow.

    Attributes:
        expected: How long its runs are expected to take; ``None``: none of them is ever overdue.
        count: How many there are.
        known: Those of which it was said, or is about to be.
        unsaid: Those of which it may have to be said.
    """

    expected: timedelta | None
    count: int = 0
    known: set[RunRef] = field(default_factory=set)
    unsaid: list[ActiveRun] = field(default_factory=list)


class _Pass:
    def __init__(self, ports: WatchPorts) -> None:
        self._ports = ports
        self._now = ports.clock()
        self._left = MOST_ALERTS
        self._watched = Watched()
        self._errors: Counter[str] = Counter()
        self._registrations: dict[tuple[str, Stage], Sequence[Registration]] = {}

    def look(self) -> Watched:
        published = self._ports.workflows.published()
        known = {announcement.ref: announcement for announcement in self._ports.announcements.all()}
        overdue: dict[str, _Overdue] = {}
        for workflow, seconds in sorted(published.items()):
            if found := self._try(workflow, self._look_at, workflow, seconds, known):
                overdue[workflow] = found
        for run, expected in _by_turns(overdue.values()):
            self._say(run.ref.workflow, self._announce, run, expected)
        for announcement in known.values():
            workflow = announcement.ref.workflow
            found = overdue.get(workflow)
            unsure = workflow in published and found is None
            if not unsure and not (found and announcement.ref in found.known):
                self._say(workflow, self._announce_end, announcement, found.expected if found else None)
        self._measure(published, overdue)
        if self._errors:
            where = ", ".join(sorted(self._errors))
            raise WatchFailedError(f"{self._errors.total()} errors, each of them logged: {where}")
        return self._watched

    def _look_at(self, workflow: str, seconds: str | None, known: Mapping[RunRef, Announcement]) -> _Overdue:
        overdue = _Overdue(expected_duration(workflow, seconds))
        if overdue.expected is None:
            return overdue
        for run in self._ports.active.started_until(workflow, self._now - overdue.expected):
            overdue.count += 1
            announcement = known.get(run.ref)
            if announcement is not None:
                overdue.known.add(run.ref)
            unsaid = announcement is None or announcement.may_be_claimed(self._now - CLAIM_HOLDS)
            if unsaid and len(overdue.unsaid) < _MOST_LOOKED_AT:
                overdue.unsaid.append(run)
        return overdue

    def _announce(self, active: ActiveRun, expected: timedelta) -> None:
        ports, ref = self._ports, active.ref
        run = ports.runs.get_run(ref.uid, ref.workflow)
        # The index lags behind, and holds runs that have ended as long as their end is not finished.
        if run is None or run.ref != ref or run.ended:
            return
        document = ports.runs.run_document(uid=ref.uid, workflow=ref.workflow)
        if document is None:
            return
        self._left -= 1
        now = ports.clock()
        announcement = Announcement(
            ref=ref,
            execution=run.execution,
            started_at=run.started_at,
            expected=expected,
            expires_at=run.expires_at,
            claimed_at=now,
        )
        if not ports.announcements.claim(announcement, stale_before=now - CLAIM_HOLDS):
            return
        alert = overdue_alert(announcement, awaited(document, self._registered), ports.deployment)
        ports.alerts.publish(alert)
        ports.announcements.confirm(announcement, now=ports.clock())
        ports.journal.said(alert, ref)
        self._watched.announced.append(ref)

    def _announce_end(self, announcement: Announcement, expected: timedelta | None) -> None:
        ports, ref = self._ports, announcement.ref
        if not announcement.end_may_be_claimed(self._now - CLAIM_HOLDS):
            return
        run = ports.runs.get_run(ref.uid, ref.workflow)
        in_progress = run is not None and run.ref == ref and not run.ended
        if in_progress and expected is not None and announcement.started_at + expected <= self._now:
            return  # The index did not show it, and it is overdue nevertheless.
        self._left -= 1
        now = ports.clock()
        if not ports.announcements.claim_end(announcement, now=now, stale_before=now - CLAIM_HOLDS):
            return
        alert = ended_alert(announcement, run, expected, ports.deployment)
        ports.alerts.publish(alert)
        ports.announcements.forget(announcement, end_claimed_at=now)
        ports.journal.said(alert, ref)
        self._watched.ended.append(ref)

    def _measure(self, published: Collection[str], overdue: Mapping[str, _Overdue]) -> None:
        """Make metrics of what could be counted: nothing is better than a wrong number."""
        active = self._try("all workflows", self._ports.active.count)
        sure = len(overdue) == len(published)
        for workflow in sorted({*published, *(active or ())}):
            counts = {} if active is None else {Metric.ACTIVE_RUNS: active.get(workflow, 0)}
            if workflow not in published or workflow in overdue:
                counts[Metric.OVERDUE_RUNS] = overdue[workflow].count if workflow in overdue else 0
            if counts:
                self._ports.journal.measured(workflow, counts)
        totals = {} if active is None else {Metric.ACTIVE_RUNS: sum(active.values())}
        if sure:
            totals[Metric.OVERDUE_RUNS] = sum(found.count for found in overdue.values())
        if totals:
            self._ports.journal.measured(None, totals)

    def _registered(self, activity: str, stage: Stage) -> Sequence[Registration]:
        """Who is registered to a stage; many runs may wait at the same one."""
        if (activity, stage) not in self._registrations:
            self._registrations[activity, stage] = self._ports.registry.registrations(activity, stage)
        return self._registrations[activity, stage]

    def _say(self, workflow: str, say: Callable[[*About], None], *about: *About) -> None:
        if self._left > 0 and self._errors[workflow] < _GIVES_UP_AFTER:
            self._try(workflow, say, *about)

    def _try(self, workflow: str, do: Callable[[*About], T], *about: *About) -> T | None:
        try:
            return do(*about)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other workflows go on
            self._errors[workflow] += 1
            self._ports.journal.failed(error, workflow=workflow)
            return None


def _by_turns(overdue: Iterable[_Overdue]) -> Iterator[tuple[ActiveRun, timedelta]]:
    """Runs of which it may have to be said that they are overdue: of each workflow one, and so on."""
    lists = [[(run, found.expected) for run in found.unsaid] for found in overdue if found.expected is not None]
    for turn in zip_longest(*lists):
        yield from (each for each in turn if each is not None)
