"""The world as the protocol sees it, in memory: every port, a clock that stands still, and handlers that may die."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from orchestrator_runtime.contract import ReleaseRule, Stage, State
from orchestrator_runtime.core.ended_execution import Execution, ExecutionStatus
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.plan import StageOptions
from orchestrator_runtime.core.records import Control, Outcome, PluginRow, Run, RunRef, StagePlan, StageRef, StageRow
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.models import Report
from orchestrator_runtime.protocol.advance_stage import AdvanceRequest, advance_stage
from orchestrator_runtime.protocol.attribution import ReceivedRecord
from orchestrator_runtime.protocol.begin_run import BeginPorts, BeginRequest, begin_run
from orchestrator_runtime.protocol.cancel_run import CancelPorts, CancelRequest, cancel_run
from orchestrator_runtime.protocol.end_run import EndPorts, EndRequest, end_run
from orchestrator_runtime.protocol.received import Received
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.stage_effects import StagePorts
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
SEQUENTIAL = ReleaseRule.ONE_AT_A_TIME
R = TypeVar("R")


class World:
    """One run's world. The helpers call the flows; ``row``, ``outcome`` and the like look without being seen."""

    def __init__(self, *plugins: Registration) -> None:
        self.clock, self.calls = Clock(), Calls()
        self.status = MemoryStatusStore(self.calls, self.clock)
        self.control = MemoryControlStore(self.calls, self.clock)
        self.registry = MemoryRegistry()
        self.publisher = MemoryPublisher(self.calls)
        self.signals = MemorySignals(self.calls)
        self.executions = MemoryExecutions(self.calls)
        self.journal = MemoryJournal()
        self.attempt = 1
        self._entries = 0
        self._token_of: dict[tuple[StageRef, str], str] = {}
        for registration in plugins:
            self.registry.put(registration)

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

    def advance(
        self,
        stage: Stage = Stage.PARALLEL,
        *,
        token: str | None = None,
        attempt: int | None = None,
        activity: str = ACTIVITY,
        rule: ReleaseRule = ReleaseRule.ALL_AT_ONCE,
        fail_on_optional_error: bool = False,
        entered: datetime | None = None,
        retry: int = 0,
    ) -> str:
        """Enter the stage's task; returns its token. Entering it again kills the token of the entry before."""
        self._entries += 1
        ref = self.ref(stage, activity=activity, attempt=attempt)
        token = token or f"token-{self._entries}"
        request = AdvanceRequest(
            ref=ref,
            options=StageOptions(
                rule=rule, timeout_seconds=600, start_within_seconds=60, fail_on_optional_error=fail_on_optional_error
            ),
            token=token,
            entered=entered or self.clock.now + timedelta(milliseconds=self._entries),
            retry=retry,
        )
        entries = {rank: old for (of, rank), old in self._token_of.items() if of == ref}
        self._token_of[ref, request.rank] = token
        if request.rank > max(entries, default=""):
            self.signals.alive -= set(entries.values())
            self.signals.alive.add(token)
        advance_stage(request, self.ports)
        return token

    def report(self, plugin: str, state: State = State.COMPLETE, **other: Any) -> list[str]:
        return self.report_all([received(plugin, state, **{"attempt": self.attempt, **other})])

    def report_all(self, batch: Iterable[Received | ReceivedRecord]) -> list[str]:
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
    def ports(self) -> StagePorts:
        return StagePorts(
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

    def ref(self, stage: Stage = Stage.PARALLEL, *, activity: str = ACTIVITY, attempt: int | None = None) -> StageRef:
        return RunRef(UID, WORKFLOW, attempt or self.attempt).stage(activity, stage)

    @property
    def run(self) -> Run:
        return present(self.status.runs.get(UID, f"{WORKFLOW}/"))

    @property
    def stage(self) -> StageRow:
        return present(self.status.stages.get(UID, self.ref().path))

    @property
    def outcome(self) -> Outcome | None:
        row = self.status.stages.get(UID, self.ref().path)
        return row.outcome if row else None

    @property
    def plan(self) -> StagePlan:
        return present(self.status.plans.get(UID, self.ref().path))

    @property
    def tally(self) -> Control:
        return present(self.control.rows.get(UID, self.ref().path))

    def row(self, plugin: str) -> PluginRow | None:
        return self.status.plugins.get(UID, f"{self.ref().path}{plugin}/")

    def state(self, plugin: str) -> State | None:
        row = self.row(plugin)
        return row.state if row else None

    @property
    def released(self) -> list[list[str]]:
        return self.publisher.released

    @property
    def heard(self) -> list[Signal]:
        """The signals that reached the state machine."""
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


def received(plugin: str, state: State = State.COMPLETE, *, sender: str | None = None, **other: Any) -> Received:
    stage = {"uid": UID, "workflow": WORKFLOW, "activity": ACTIVITY, "stage": Stage.PARALLEL, "attempt": 1}
    report = Report.model_validate({**stage, **other, "plugin": plugin, "state": state})
    return Received(id=f"{plugin}-{state}", report=report, sender=sender)


def open_stage(*plugins: Registration, **options: Any) -> World:
    """A world whose run has begun, and whose parallel stage is open."""
    world = World(*plugins)
    world.begin()
    world.advance(**options)
    return world
