"""The world as the protocol sees it, in memory: every port, a clock that stands still, and handlers that may die."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.ended_execution import Execution, ExecutionStatus
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.records import (
    ActivityControl,
    ActivityRef,
    Outcome,
    PluginRow,
    Run,
    RunRef,
    StagePlan,
    StageRef,
    StageRow,
)
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.models import Report
from orchestrator_runtime.protocol.begin_run import BeginPorts, BeginRequest, begin_run
from orchestrator_runtime.protocol.cancel_run import CancelPorts, CancelRequest, cancel_run
from orchestrator_runtime.protocol.check_deadlines import Checked, CheckPorts, check_deadlines
from orchestrator_runtime.protocol.closing import ActivityPorts, EndPorts
from orchestrator_runtime.protocol.end_run import EndRequest, end_run
from orchestrator_runtime.protocol.open_activity import OpenRequest, open_activity
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.sweep_runs import SweepPorts, end_left_behind, sweep_runs
from tests.rules.calls import Calls, Clock
from tests.rules.memory_control import MemoryControlStore
from tests.rules.memory_ports import (
    MemoryActiveRuns,
    MemoryExecutions,
    MemoryJournal,
    MemoryPublisher,
    MemorySignals,
    Signal,
)
from tests.rules.memory_registry import MemoryRegistry
from tests.rules.memory_status import MemoryStatusStore

UID, WORKFLOW, ACTIVITY = "q-1", "NewBusiness", "Rate"
METADATA: dict[str, Any] = {"line": "auto", "premium": 1200}
MACHINES = "arn:aws:states:eu-west-1:123456789012"
WORKFLOW_ARN_PREFIX = f"{MACHINES}:stateMachine:claims-dev-workflow-"
PRE, PARALLEL, POST = Stage
R = TypeVar("R")


class World:
    """One run's world. The helpers call the flows; ``row``, ``outcome`` and the like look without being seen.

    Args:
        plugins: The registrations.
        stage: The stage that the helpers look at and report on; registrations to ``parallel`` are made to it.
        settings: The settings of every stage.
    """

    def __init__(self, *plugins: Registration, stage: Stage = PARALLEL, **settings: Any) -> None:
        self.clock, self.calls = Clock(), Calls()
        self.place = stage
        self.status = MemoryStatusStore(self.calls, self.clock)
        self.control = MemoryControlStore(self.calls, self.clock)
        options = {"timeout_seconds": 600, "start_within_seconds": 60, **settings}
        self.registry = MemoryRegistry(settings=StageSettings(**options))
        self.publisher = MemoryPublisher(self.calls)
        self.signals = MemorySignals(self.calls)
        self.executions = MemoryExecutions(self.calls)
        self.journal = MemoryJournal()
        self.attempt = 1
        self._entries = 0
        self._token_of: dict[tuple[ActivityRef, str], str] = {}
        for registration in plugins:
            self.registry.put(replace(registration, stage=stage) if registration.stage is PARALLEL else registration)

    # The flows

    def begin(
        self,
        execution: str = "one",
        *,
        metadata: Mapping[str, Any] | None = None,
        override: bool = False,
        uid: str = UID,
        by: str | None = None,
    ) -> RunRef:
        request = BeginRequest(
            uid=uid,
            workflow=WORKFLOW,
            activities=(("Validate",), (ACTIVITY,)),
            execution=execution,
            timeout=timedelta(days=30),
            metadata=METADATA if metadata is None else metadata,
            metadata_override=override,
            by=by,
        )
        ports = BeginPorts(
            status=self.status,
            journal=self.journal,
            executions=self.executions,
            retention=timedelta(days=90),
            clock=self.clock,
        )
        self.executions.begin(execution, given=json.dumps({"uid": uid}))
        ref = begin_run(request, ports)
        self.attempt = ref.attempt
        return ref

    def open(
        self,
        activity: str = ACTIVITY,
        *,
        token: str | None = None,
        attempt: int | None = None,
        entered: datetime | None = None,
        retry: int = 0,
    ) -> str:
        """Enter the activity's task; returns its token. Entering it again kills the token of the entry before."""
        self._entries += 1
        ref = self.ref(activity=activity, attempt=attempt).of_activity
        token = token or f"token-{self._entries}"
        request = OpenRequest(
            ref=ref,
            token=token,
            entered=entered or self.clock.now + timedelta(milliseconds=self._entries),
            retry=retry,
        )
        entries = {rank: old for (of, rank), old in self._token_of.items() if of == ref}
        self._token_of[ref, request.rank] = token
        if request.rank > max(entries, default=""):
            self.signals.alive -= set(entries.values())
            self.signals.alive.add(token)
        open_activity(request, self.ports)
        return token

    def check_deadlines(self, **other: Any) -> Checked:
        """Let the schedule invoke the check of deadlines."""
        return check_deadlines(replace(self.check_ports, **other))

    def report(self, plugin: str, state: State = State.COMPLETE, **other: Any) -> list[str]:
        return self.report_all([received(plugin, state, **{"attempt": self.attempt, "stage": self.place, **other})])

    def report_all(self, batch: Iterable[IncomingReport]) -> list[str]:
        return record_results(batch, self.ports, self.status.get_plan)

    def end(
        self, execution: str = "one", *, error: str | None = None, cause: str = "why", uid: str | None = UID
    ) -> Failure | None:
        if execution in self.executions.executions:
            self.executions.end(execution, ExecutionStatus.FAILED if error else ExecutionStatus.SUCCEEDED)
        failure = Failure(error, cause) if error else None
        request = EndRequest(uid=uid, workflow=WORKFLOW, execution=execution, failure=failure)
        return end_run(request, self.end_ports)

    def cancel(self, reason: str | None = None, *, by: str | None = None, uid: str = UID) -> Run:
        request = CancelRequest(uid=uid, workflow=WORKFLOW, reason=reason, by=by)
        return cancel_run(request, CancelPorts(end=self.end_ports, executions=self.executions))

    def tell(self, told: Execution) -> RunRef | None:
        """Bring the event that an execution has ended."""
        return end_left_behind(told, self.sweep_ports)

    def sweep(self) -> list[RunRef]:
        return [*sweep_runs(self.sweep_ports)]

    @property
    def end_ports(self) -> EndPorts:
        return EndPorts(
            status=self.status, control=self.control, signals=self.signals, journal=self.journal, clock=self.clock
        )

    @property
    def sweep_ports(self) -> SweepPorts:
        return SweepPorts(
            end=self.end_ports,
            active=MemoryActiveRuns(self.status),
            executions=self.executions,
            workflow_arn_prefix=WORKFLOW_ARN_PREFIX,
        )

    @property
    def check_ports(self) -> CheckPorts:
        return CheckPorts(activity=self.ports, due=self.control, has_time=lambda: True)

    @property
    def ports(self) -> ActivityPorts:
        return ActivityPorts(
            status=self.status,
            control=self.control,
            registry=self.registry,
            publisher=self.publisher,
            signals=self.signals,
            journal=self.journal,
            report_to="https://sqs/results",
            clock=self.clock,
        )

    # What there is to see

    def ref(self, stage: Stage | None = None, *, activity: str = ACTIVITY, attempt: int | None = None) -> StageRef:
        return RunRef(UID, WORKFLOW, attempt or self.attempt).stage(activity, stage or self.place)

    @property
    def run(self) -> Run:
        return present(self.status.runs.get(UID, f"{WORKFLOW}/"))

    @property
    def stage(self) -> StageRow:
        return present(self.status.stages.get(UID, self.ref().path))

    @property
    def outcome(self) -> Outcome | None:
        """How the stage ended in this attempt."""
        row = self.status.stages.get(UID, self.ref().path)
        return row.outcome if row and row.attempt == self.attempt else None

    @property
    def plan(self) -> StagePlan:
        return present(self.status.plans.get(UID, self.ref().path))

    @property
    def item(self) -> ActivityControl:
        """The activity's item in the control table."""
        return present(self.control.rows.get(UID, self.ref().of_activity.path))

    @property
    def token(self) -> str:
        """The stored token."""
        return present(self.control.tokens.get(UID, self.ref().of_activity.path)).token

    def row(self, plugin: str) -> PluginRow | None:
        return self.status.plugins.get(UID, f"{self.ref().path}{plugin}/")

    def state(self, plugin: str) -> State | None:
        row = self.row(plugin)
        return row.state if row else None

    @property
    def dispatched(self) -> list[list[str]]:
        return self.publisher.dispatched

    @property
    def answered(self) -> list[Signal]:
        """The task results that reached the state machine."""
        return [signal for signal in self.signals.sent if signal.alive]


def present(record: R | None) -> R:
    assert record is not None
    return record


def plugin(name: str, **other: Any) -> Registration:
    registration = Registration(
        activity=ACTIVITY,
        stage=Stage.PARALLEL,
        name=name,
        subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:rate:{name}",
        endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
    )
    return replace(registration, **other)


def received(plugin: str, state: State = State.COMPLETE, *, sender: str | None = None, **other: Any) -> IncomingReport:
    stage = {"uid": UID, "workflow": WORKFLOW, "activity": ACTIVITY, "stage": PARALLEL, "attempt": 1}
    report = Report.model_validate({**stage, **other, "plugin": plugin, "state": state})
    return IncomingReport.of_report(report, id=f"{plugin}-{state}", sender=sender)


def open_stage(*plugins: Registration, stage: Stage = PARALLEL, **settings: Any) -> World:
    """A world whose run has begun, and whose activity is open at that stage."""
    world = World(*plugins, stage=stage, **settings)
    world.begin()
    world.open()
    return world
