"""Whoever starts, stops, cancels and sweeps runs; and what EventBridge tells of executions that are over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.core.ended_execution import ExecutionStatus
from orchestrator_runtime.protocol.cancel_run import CancelRefusedError, CancelRequest
from tests.simulation.decisions import Odds
from tests.simulation.faults import Fate, Fault
from tests.simulation.scenario import UID, WORKFLOW
from tests.simulation.workflow_execution import WorkflowExecution

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

OTHER_METADATA: Final[dict[str, Any]] = {"line": "home", "premium": 1200}
PLACE: Final = "arn:aws:states:eu-west-1:123456789012"
MACHINE: Final = "claims-dev-workflow-"

_STOP_AT: Final = (5.0, 0.1, 1.0, 30.0, 70.0, 200.0)
_STATUSES: Final = (ExecutionStatus.ABORTED, ExecutionStatus.TIMED_OUT)
_EVENT_AFTER: Final = (0.3, 30.0, 400.0)
_EVENT_RETRIES: Final = (60.0, 120.0)
_RESTART_AFTER: Final = (30.0, 1.0, 300.0)
_OTHER_METADATA_ODDS: Final = Odds(0.85, 0.15)


class Outside:
    """The world outside of a workflow's state machine.

    Attributes:
        starts: How often the run was started, but for starts while it ran.
    """

    def __init__(self, simulation: Simulation, fate: Fate) -> None:
        self._simulation = simulation
        self._scheduler = fate.scheduler
        self._decisions = fate.decisions
        self._profile = fate.profile
        self._note = fate.note
        self.starts = 0
        self._executions = 0
        self._extra: set[str] = set()
        self._workflows: dict[str, WorkflowExecution] = {}

    def start(self) -> None:
        self.starts += 1
        decisions = self._decisions
        override = False
        if self.starts > 1 and decisions.weigh(_OTHER_METADATA_ODDS):
            self._simulation.metadata, override = OTHER_METADATA, True
        execution = self._execute(override=override)
        match decisions.weigh(self._profile.outside):
            case 1:
                self._scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._stop, execution)
            case 2:
                self._scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._start_again)
            case 3:
                self._scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._unregister)
            case 4:
                self._scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self.cancel)
            case 5:
                self._scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._sweep_early)

    def _execute(self, *, override: bool) -> WorkflowExecution:
        self._executions += 1
        arn = f"{PLACE}:execution:{MACHINE}{WORKFLOW}:{self._executions}"
        self._workflows[arn] = execution = WorkflowExecution(self._simulation, arn, override=override)
        return execution

    def _stop(self, execution: WorkflowExecution) -> None:
        if execution.running:
            self._note(Fault.STOPPED, execution.arn)
            execution.stop(_STATUSES[self._decisions.pick(len(_STATUSES))])

    def _start_again(self) -> None:
        if any(execution.running for execution in self._workflows.values()):
            self._note(Fault.SECOND_START, "")
            self._extra.add(self._execute(override=False).arn)

    def _unregister(self) -> None:
        registrations = self._simulation.registry.all
        if registrations:
            arn = sorted(registrations)[self._decisions.pick(len(registrations))]
            self._note(Fault.UNREGISTERED, arn)
            del registrations[arn]

    def cancel(self) -> None:
        """Somebody cancels the run; who does not get an answer does it again."""
        self._note(Fault.CANCELLED, "")
        request = CancelRequest(uid=UID, workflow=WORKFLOW)

        def failed(error: str, _cause: str) -> None:
            if error != CancelRefusedError.__name__:
                self._scheduler.after(_EVENT_RETRIES[0], call)

        def call() -> None:
            self._simulation.functions.call(
                "cancel_run",
                "",
                lambda: self._simulation.core.cancel_run(request, self._simulation.cancel_ports),
                returned=lambda _: None,
                failed=failed,
            )

        call()

    def _sweep_early(self) -> None:
        self._note(Fault.SWEPT, "")
        self.sweep()

    def sweep(self) -> None:
        self._simulation.functions.call(
            "sweep_runs",
            "",
            lambda: list(self._simulation.core.sweep_runs(self._simulation.sweep_ports)),
            returned=lambda _: None,
            failed=lambda *_: None,
        )

    def stop(self, arn: str) -> None:
        """Stop an execution, as the core asks."""
        if arn in self._workflows:
            self._workflows[arn].stop(ExecutionStatus.ABORTED)

    def execution_ended(self, execution: WorkflowExecution, status: ExecutionStatus) -> None:
        """An execution of the workflow is over, by itself or not."""
        if status is not ExecutionStatus.SUCCEEDED:
            self._send_status_event(execution.arn)
        if execution.ref is not None and not execution.unsaid:
            self._simulation.time_limits.check(execution.ref)
        if execution.arn not in self._extra and self.starts < self._simulation.scenario.attempts:
            self._scheduler.after(_RESTART_AFTER[self._decisions.pick(len(_RESTART_AFTER))], self.start)

    # What EventBridge tells of executions

    def _send_status_event(self, arn: str) -> None:
        after = _EVENT_AFTER[0]
        match self._decisions.weigh(self._profile.event):
            case 1:
                self._note(Fault.EVENT_DROPPED, arn)
                return
            case 2:
                self._note(Fault.EVENT_DUPLICATED, arn)
                self._scheduler.after(_EVENT_AFTER[2], self._handle_status_event, arn, 0)
            case 3:
                self._note(Fault.EVENT_DELAYED, arn)
                after = _EVENT_AFTER[1 + self._decisions.pick(2)]
        self._scheduler.after(after, self._handle_status_event, arn, 0)

    def _handle_status_event(self, arn: str, tries: int) -> None:
        """The flow that an event of an execution's end leads to; Lambda tries a call that failed twice more."""
        told = self._simulation.executions.executions[arn]

        def failed(_error: str, _cause: str) -> None:
            if tries < len(_EVENT_RETRIES):
                self._scheduler.after(_EVENT_RETRIES[tries], self._handle_status_event, arn, tries + 1)

        self._simulation.functions.call(
            "end_left_behind",
            f"{arn} {told.status}",
            lambda: self._simulation.core.end_left_behind(told, self._simulation.sweep_ports),
            returned=lambda _: None,
            failed=failed,
            execution=arn,
        )
