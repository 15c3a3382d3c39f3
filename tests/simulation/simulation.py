"""One schedule: a workflow, its runs and everything around them, from its first start to its last event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from orchestrator_runtime.contract import ReleaseRule, Stage
from orchestrator_runtime.core.ended_execution import ExecutionStatus
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import RunRef, StagePlan, StageRef
from orchestrator_runtime.handlers.record_result import PlanMemory
from orchestrator_runtime.protocol.begin_run import BeginPorts
from orchestrator_runtime.protocol.cancel_run import CancelPorts, CancelRefusedError, CancelRequest
from orchestrator_runtime.protocol.end_run import EndPorts
from orchestrator_runtime.protocol.stage_effects import StagePorts
from orchestrator_runtime.protocol.sweep_runs import SweepPorts
from tests.rules.memory_ports import MemoryActiveRuns, MemoryExecutions, MemorySignals
from tests.rules.memory_registry import MemoryRegistry
from tests.simulation.core import Core, Journal, Unseen
from tests.simulation.decisions import Decisions, Odds
from tests.simulation.faults import Fate, Fault, FaultCount
from tests.simulation.functions import Functions, PortFailed
from tests.simulation.invariants import Invariants
from tests.simulation.plugins import REPORT_TO, Plugins
from tests.simulation.results_queue import Item, ResultsQueue
from tests.simulation.scenario import START_WITHIN, UID, WORKFLOW, draw_scenario
from tests.simulation.scheduler import CoreClock, Scheduler
from tests.simulation.state_machines import Entry, WorkflowExecution
from tests.simulation.stepped_ports import (
    stepped,
    stepped_active_runs,
    stepped_control,
    stepped_executions,
    stepped_publisher,
    stepped_registry,
    stepped_signals,
    stepped_status,
)
from tests.simulation.violation import Violation

METADATA: Final[dict[str, Any]] = {"line": "auto", "premium": 1200}
OTHER_METADATA: Final[dict[str, Any]] = {"line": "home", "premium": 1200}
RUN_TIMEOUT: Final = timedelta(days=30)

_STOP_AT: Final = (5.0, 0.1, 1.0, 30.0, 70.0, 200.0)
_STATUSES: Final = (ExecutionStatus.ABORTED, ExecutionStatus.TIMED_OUT)
_PLACE: Final = "arn:aws:states:eu-west-1:123456789012"
_MACHINE: Final = "claims-dev-workflow-"
_SWEEP_EVERY: Final = 900.0
_MOST_SWEEPS: Final = 10
"""Each may be disturbed; so many in a row are not."""
_EVENT_AFTER: Final = (0.3, 30.0, 400.0)
_EVENT_RETRIES: Final = (60.0, 120.0)
_RESTART_AFTER: Final = (30.0, 1.0, 300.0)
_SIGNAL_AFTER: Final = (0.5, 5.0, 40.0)
_OTHER_METADATA_ODDS: Final = Odds(0.85, 0.15)
_SHORT: Final = 3.0
"""Seconds that any run may take."""
_SHARE_OF_A_FAULT: Final = 120.0
"""Seconds by which one fault may delay a stage, beside one wait: a claim's expiry, a retry, a function's time-out."""


@dataclass(slots=True)
class Played:
    """What became of a schedule."""

    faults: FaultCount
    violation: Violation | None
    events: int
    attempts: int
    left_open: bool
    profile: str
    trace: Sequence[str] | None = None


class Simulation:
    """The world of one schedule.

    Attributes:
        waiting: Which entry of which task a token belongs to.
        entries: The last entry of a stage's task.
    """

    run_timeout = RUN_TIMEOUT
    begin_ports: BeginPorts
    stage_ports: StagePorts
    end_ports: EndPorts

    def __init__(self, decisions: Decisions, *, core: Core | None = None, traced: bool = False) -> None:
        self.core = core = core or _CORE
        self.decisions = decisions
        self.faults: FaultCount = Counter()
        self.scenario = draw_scenario(decisions)
        self.profile = self.scenario.profile
        self.scheduler = Scheduler(trace=[] if traced else None)
        self.metadata: Mapping[str, Any] = METADATA
        clock = CoreClock(self.scheduler)
        calls = Unseen()
        self.status = core.status(calls, clock)
        self.control = core.control(calls, clock)
        self.registry = MemoryRegistry()
        self.signals = MemorySignals(calls)
        self.executions = MemoryExecutions(calls)
        self.waiting: dict[str, Entry] = {}
        self.entries: dict[StageRef, Entry] = {}
        self.last_published: dict[str, Any] = {}
        fate = Fate(self.scheduler, decisions, self.profile, self.faults)
        self.note = fate.note
        self.functions = Functions(fate, clock)
        self.invariants = Invariants(self)
        self._queue = ResultsQueue(fate, self.functions, self._record_results)
        self._plugins = Plugins(fate, self.scenario, self.registry, self._queue)
        for stage in self.scenario.stages.values():
            for plugin in stage.plugins.values():
                self.registry.all[plugin.registration.subscription_arn] = plugin.registration
        self._make_ports(clock)
        self._memories = PlanMemory(), PlanMemory()
        self._tokens = 0
        self._starts = 0
        self._executions = 0
        self._extra: set[str] = set()
        self._begun: dict[RunRef, tuple[float, int]] = {}
        self._times: tuple[float, float] | None = None
        self._silenced: set[StageRef] = set()
        self._workflows: dict[str, WorkflowExecution] = {}
        self._sweeps = 0

    def _make_ports(self, clock: CoreClock) -> None:
        functions = self.functions
        status, control = stepped_status(functions, self.status), stepped_control(functions, self.control)
        now = stepped(functions, "clock", clock)
        self.begin_ports = BeginPorts(
            status=status,
            executions=stepped_executions(functions, ExecutionService(self)),
            retention=timedelta(days=90),
            clock=now,
        )
        self.stage_ports = StagePorts(
            status=status,
            control=control,
            registry=stepped_registry(functions, self.registry),
            publisher=stepped_publisher(functions, self),
            signals=stepped_signals(functions, SignalService(self)),
            report_to=REPORT_TO,
            clock=now,
        )
        executions = stepped_executions(functions, ExecutionService(self))
        self.end_ports = EndPorts(status=status, control=control, signals=self.stage_ports.signals, clock=now)
        self._cancel_ports = CancelPorts(end=self.end_ports, executions=executions)
        self._sweep_ports = SweepPorts(
            end=self.end_ports,
            active=stepped_active_runs(functions, MemoryActiveRuns(self.status)),
            executions=executions,
            workflow_arn_prefix=f"{_PLACE}:stateMachine:{_MACHINE}",
        )
        self._journal = Journal()
        self._find_plan = stepped(functions, "plan", self._remembered_plan)

    def play(self) -> Played:
        """Play the schedule to its end, or until an invariant is broken."""
        violation = None
        try:
            self._start()
            self.scheduler.run()
            while self.status.active_runs() and self._sweeps < _MOST_SWEEPS:
                self._sweeps += 1
                self.scheduler.after(_SWEEP_EVERY, self._sweep)
                self.scheduler.run()
            self.invariants.settled()
        except Violation as found:
            violation = found
            self.scheduler.tell(f"VIOLATION {found}")
        return Played(
            faults=self.faults,
            violation=violation,
            events=self.scheduler.number,
            attempts=self._starts,
            left_open=self._sweeps > 0,
            profile=self.profile.name,
            trace=self.scheduler.trace,
        )

    # Whoever starts and stops runs

    def _start(self) -> None:
        self._starts += 1
        decisions = self.decisions
        override = False
        if self._starts > 1 and decisions.weigh(_OTHER_METADATA_ODDS):
            self.metadata, override = OTHER_METADATA, True
        execution = self._execute(override=override)
        match decisions.weigh(self.profile.outside):
            case 1:
                self.scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._stop, execution)
            case 2:
                self.scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._start_again)
            case 3:
                self.scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._unregister)
            case 4:
                self.scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._cancel)
            case 5:
                self.scheduler.after(_STOP_AT[decisions.pick(len(_STOP_AT))], self._sweep_early)

    def _execute(self, *, override: bool) -> WorkflowExecution:
        self._executions += 1
        arn = f"{_PLACE}:execution:{_MACHINE}{WORKFLOW}:{self._executions}"
        self._workflows[arn] = execution = WorkflowExecution(self, arn, override=override)
        return execution

    def _stop(self, execution: WorkflowExecution) -> None:
        if execution.running:
            self.note(Fault.STOPPED, execution.arn)
            execution.stop(_STATUSES[self.decisions.pick(len(_STATUSES))])

    def _start_again(self) -> None:
        if any(execution.running for execution in self._workflows.values()):
            self.note(Fault.SECOND_START, "")
            self._extra.add(self._execute(override=False).arn)

    def _unregister(self) -> None:
        registrations = self.registry.all
        if registrations:
            arn = sorted(registrations)[self.decisions.pick(len(registrations))]
            self.note(Fault.UNREGISTERED, arn)
            del registrations[arn]

    def _cancel(self) -> None:
        """Somebody cancels the run; who does not get an answer does it again."""
        self.note(Fault.CANCELLED, "")
        request = CancelRequest(uid=UID, workflow=WORKFLOW)

        def failed(error: str, _cause: str) -> None:
            if error != CancelRefusedError.__name__:
                self.scheduler.after(_EVENT_RETRIES[0], call)

        def call() -> None:
            self.functions.call(
                "cancel_run",
                "",
                lambda: self.core.cancel_run(request, self._cancel_ports),
                returned=lambda _: None,
                failed=failed,
            )

        call()

    def _sweep_early(self) -> None:
        self.note(Fault.SWEPT, "")
        self._sweep()

    def _sweep(self) -> None:
        self.functions.call(
            "sweep_runs",
            "",
            lambda: list(self.core.sweep_runs(self._sweep_ports)),
            returned=lambda _: None,
            failed=lambda *_: None,
        )

    def stop(self, arn: str) -> None:
        """Stop an execution, as the core asks."""
        if arn in self._workflows:
            self._workflows[arn].stop(ExecutionStatus.ABORTED)

    def begun(self, ref: RunRef) -> None:
        """An execution was given its attempt."""
        self._begun[ref] = (self.scheduler.now, sum(self.faults.values()))

    def execution_ended(self, execution: WorkflowExecution, status: ExecutionStatus) -> None:
        """An execution of the workflow is over, by itself or not."""
        if status is not ExecutionStatus.SUCCEEDED:
            self._send_status_event(execution.arn)
        if execution.ref is not None and not execution.unsaid:
            self.check_time(execution.ref)
        if execution.arn not in self._extra and self._starts < self.scenario.attempts:
            self.scheduler.after(_RESTART_AFTER[self.decisions.pick(len(_RESTART_AFTER))], self._start)

    def checked(self, entry: Entry) -> None:
        """A call of ``advance_stage`` for that entry returned."""
        invocation = self.functions.answering
        assert invocation is not None
        self.invariants.checked(entry, invocation)

    # What EventBridge tells of executions

    def _send_status_event(self, arn: str) -> None:
        after = _EVENT_AFTER[0]
        match self.decisions.weigh(self.profile.event):
            case 1:
                self.note(Fault.EVENT_DROPPED, arn)
                return
            case 2:
                self.note(Fault.EVENT_DUPLICATED, arn)
                self.scheduler.after(_EVENT_AFTER[2], self._handle_status_event, arn, 0)
            case 3:
                self.note(Fault.EVENT_DELAYED, arn)
                after = _EVENT_AFTER[1 + self.decisions.pick(2)]
        self.scheduler.after(after, self._handle_status_event, arn, 0)

    def _handle_status_event(self, arn: str, tries: int) -> None:
        """The flow that an event of an execution's end leads to; Lambda tries a call that failed twice more."""
        told = self.executions.executions[arn]

        def failed(_error: str, _cause: str) -> None:
            if tries < len(_EVENT_RETRIES):
                self.scheduler.after(_EVENT_RETRIES[tries], self._handle_status_event, arn, tries + 1)

        self.functions.call(
            "end_left_behind",
            f"{arn} {told.status}",
            lambda: self.core.end_left_behind(told, self._sweep_ports),
            returned=lambda _: None,
            failed=failed,
            execution=arn,
        )

    # Time

    def check_time(self, ref: RunRef) -> None:
        """An attempt is under way, or ends: it takes no longer than its deadlines, one wait each, and its faults."""
        began, faults_before = self._begun[ref]
        took = self.scheduler.now - began
        if took < _SHORT:
            return
        if self._times is None:
            self._times = self._allowed_times()
        allowed, longest_wait = self._times
        if self.profile.silent:
            allowed += longest_wait * self.faults[Fault.SIGNAL_DROPPED]
        else:
            allowed += (longest_wait + _SHARE_OF_A_FAULT) * (sum(self.faults.values()) - faults_before)
        if took > allowed:
            raise Violation("no run outlasts its deadlines", f"it took {took:.0f} s, {allowed:.0f} s are allowed")

    def _allowed_times(self) -> tuple[float, float]:
        """How long a run may take where nothing goes wrong but its plugins; and the longest wait between checks."""
        times = {place: self._stage_time(*place) for place in self.scenario.stages}
        allowed = sum(
            max(sum(times[activity, stage] for stage in Stage) for activity in step) for step in self.scenario.steps
        )
        longest_wait = self.core.activity[Stage.PRE].wait_at(max(times.values())).seconds
        return allowed + _SHORT, longest_wait

    def _stage_time(self, activity: str, stage: Stage) -> float:
        played, states = self.scenario.stages[activity, stage], self.core.activity[stage]
        limits = []
        for plugin in played.plugins.values():
            registration = plugin.registration
            timeout = registration.timeout_seconds or played.timeout_seconds
            if registration.reports_start:
                timeout = START_WITHIN if self.profile.silent else START_WITHIN + timeout
            limits.append(timeout)
        if states.rule is ReleaseRule.ALL_AT_ONCE:
            limits = [max(limits, default=0)]
        wait = states.wait_at(sum(limits)).seconds
        return 1.0 + sum(limit + wait for limit in limits if limit)

    # What the handlers' ports lead to

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        """Implements ``ports.Publisher``."""
        self.last_published = json.loads(message.body)
        self._plugins.deliver(activity, stage, message, self.last_published)

    def new_token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}"

    def silence(self, ref: StageRef) -> Fault | None:
        """Where no signal arrives but a check's own, the first of each stage does not either."""
        if ref in self._silenced:
            return None
        self._silenced.add(ref)
        return Fault.SIGNAL_DROPPED

    def _record_results(self, items: Sequence[Item]) -> list[str]:
        return self.core.record_results(items, self.stage_ports, self._journal, self._find_plan)

    def _remembered_plan(self, ref: StageRef) -> StagePlan | None:
        """What one of two function instances remembers of a plan."""
        return self._memories[self.scheduler.number & 1].find(ref, self.status)


class ExecutionService:
    """Implements ``ports.Executions`` over the executions that are played."""

    def __init__(self, simulation: Simulation) -> None:
        self.is_running = simulation.executions.is_running
        self.find = simulation.executions.find
        self.running = simulation.executions.running
        self._stop = simulation.stop

    def stop(self, execution: str, error: str, cause: str) -> None:
        self._stop(execution)


class SignalService:
    """Implements ``ports.Signals`` over Step Functions as it is played; signals get lost, or their answers do."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._signals = simulation.signals

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        return self._send(token, None, "", lambda: self._signals.succeed(token, output))

    def fail(self, token: str, error: str, cause: str) -> bool:
        return self._send(token, str(error), cause, lambda: self._signals.fail(token, error, cause))

    def _send(self, token: str, error: str | None, cause: str, send: Callable[[], bool]) -> bool:
        simulation = self._simulation
        entry = simulation.waiting[token]
        simulation.invariants.signalled(entry, error)
        if token not in self._signals.alive:
            return send()
        fault = self._fault(entry)
        invocation = simulation.functions.running
        assert invocation is not None
        if fault is not None:
            simulation.note(fault, f"{entry.ref.key} {token}")
            if fault in (Fault.SIGNAL_DROPPED, Fault.SIGNAL_LOST):
                invocation.undisturbed = False
            if fault is Fault.SIGNAL_DROPPED:
                return True
            if fault is Fault.SIGNAL_LOST:
                raise PortFailed("SendTask: could not connect")
        after = _SIGNAL_AFTER[simulation.decisions.pick(len(_SIGNAL_AFTER))] if fault is Fault.SIGNAL_DELAYED else 0.05
        alive = send()
        entry.execution.accept(entry, error, cause, after=after)
        if fault is Fault.SIGNAL_UNANSWERED:
            raise PortFailed("SendTask: the connection was closed")
        return send() if fault is Fault.SIGNAL_TWICE else alive

    def _fault(self, entry: Entry) -> Fault | None:
        simulation = self._simulation
        if not simulation.profile.silent:
            return _SIGNAL_FAULTS[simulation.decisions.weigh(simulation.profile.signal)]
        return simulation.silence(entry.ref)


_SIGNAL_FAULTS: Final = (
    None,
    Fault.SIGNAL_DROPPED,
    Fault.SIGNAL_LOST,
    Fault.SIGNAL_UNANSWERED,
    Fault.SIGNAL_TWICE,
    Fault.SIGNAL_DELAYED,
)
_CORE: Final = Core()
