"""The world of ``watch_runs``: runs of several workflows, and the alerts about them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator_runtime.contract import Ending, Metric, State
from orchestrator_runtime.core.records import Run, RunRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.deployment import Deployment
from orchestrator_runtime.protocol.watch_runs import Watched, WatchPorts, watch_runs
from tests.rules.memory_watch import (
    MemoryAlerts,
    MemoryAnnouncements,
    MemoryRunRecords,
    MemoryRunsInProgress,
    MemoryWatchJournal,
    MemoryWorkflows,
)
from tests.rules.world import WORKFLOW, World, present

EXPECTED = 3_600
"""Expected duration of the workflow's runs, in seconds."""
YEAR = 365 * 86_400


class Watch:
    """A core whose runs are watched. ``start`` writes nothing but a run's row; ``world`` runs the real flows."""

    def __init__(self, *plugins: Registration) -> None:
        self.world = World(*plugins)
        self.clock, self.calls, self.status = self.world.clock, self.world.calls, self.world.status
        self.active = MemoryRunsInProgress(self.calls, self.status)
        self.workflows = MemoryWorkflows({WORKFLOW: str(EXPECTED)})
        self.announcements = MemoryAnnouncements(self.calls, self.clock)
        self.alerts = MemoryAlerts(self.calls)
        self.journal = MemoryWatchJournal()

    def start(self, uid: str = "q-1", workflow: str = WORKFLOW, attempt: int = 1, **other: Any) -> RunRef:
        ref = RunRef(uid, workflow, attempt)
        run = Run(
            ref=ref,
            state=State.IN_PROGRESS,
            metadata={},
            execution=f"arn:{attempt}",
            activities=(("Rate",),),
            started_at=self.clock.now,
            expires_at=self.clock.epoch + YEAR,
        )
        self.status.runs.put(uid, ref.path, replace(run, **other), run.expires_at)
        return ref

    def end(self, ref: RunRef, state: State = State.COMPLETE, *, finish: bool = True) -> None:
        run = present(self.status.runs.get(ref.uid, ref.path))
        ending = Ending.COMPLETED if state is State.COMPLETE else Ending.FAILED
        self.status.end_run(
            ref, execution=run.execution, state=state, ending=ending, message="secret", now=self.clock.now
        )
        if finish:
            self.status.finish_end(ref, execution=run.execution)

    def run(self) -> Watched:
        return watch_runs(self.ports)

    @property
    def ports(self) -> WatchPorts:
        return WatchPorts(
            active=self.active,
            runs=MemoryRunRecords(self.status),
            registry=self.world.registry,
            workflows=self.workflows,
            announcements=self.announcements,
            alerts=self.alerts,
            journal=self.journal,
            deployment=Deployment("claims", "dev"),
            clock=self.clock,
        )

    @property
    def published(self) -> list[str]:
        """Kind, uid and attempt of each alert that was published."""
        documents = [alert.document for alert in self.alerts.published]
        return [f"{each['kind']} {each['uid']} {each['attempt']}" for each in documents]

    @property
    def ids(self) -> list[str]:
        return [alert.id for alert in self.alerts.published]

    def counted(self, workflow: str | None = None) -> tuple[int | None, int | None]:
        """The last metrics of a workflow, or of all together: runs in progress, overdue runs."""
        counts = self.journal.counts.get(workflow, {})
        return counts.get(Metric.ACTIVE_RUNS), counts.get(Metric.OVERDUE_RUNS)


def overdue(*plugins: Registration) -> tuple[Watch, RunRef]:
    """Makes a run that has just become overdue."""
    watch = Watch(*plugins)
    ref = watch.start()
    watch.clock.forward(EXPECTED)
    return watch, ref
