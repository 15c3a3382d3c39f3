"""One schedule: a workflow, its runs and everything around them, from its first start to its last event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import ActivityRef, StagePlan, StageRef
from orchestrator_runtime.core.registration import StageSettings
from orchestrator_runtime.handlers.record_result import PlanMemory
from orchestrator_runtime.protocol.begin_run import BeginPorts
from orchestrator_runtime.protocol.cancel_run import CancelPorts
from orchestrator_runtime.protocol.check_deadlines import CheckPorts
from orchestrator_runtime.protocol.closing import ActivityPorts, EndPorts
from orchestrator_runtime.protocol.report_memory import ReportMemory
from orchestrator_runtime.protocol.sweep_runs import SweepPorts
from tests.rules.memory_ports import MemoryActiveRuns, MemoryExecutions, MemorySignals
from tests.rules.memory_registry import MemoryRegistry
from tests.simulation.activity_task import Entry
from tests.simulation.core import Core, Journal, Unseen
from tests.simulation.decisions import Decisions
from tests.simulation.faults import Fate, FaultCount
from tests.simulation.functions import Functions
from tests.simulation.invariants import Invariants
from tests.simulation.outside import MACHINE, PLACE, Outside
from tests.simulation.plugins import REPORT_TO, Plugins
from tests.simulation.results_queue import ResultsQueue
from tests.simulation.scenario import START_WITHIN, draw_scenario
from tests.simulation.schedule import Schedule
from tests.simulation.scheduler import CoreClock, Scheduler
from tests.simulation.services import ExecutionService, SignalService
from tests.simulation.stepped_ports import (
    stepped,
    stepped_active_runs,
    stepped_control,
    stepped_due,
    stepped_executions,
    stepped_memory,
    stepped_publisher,
    stepped_registry,
    stepped_signals,
    stepped_status,
)
from tests.simulation.time_limits import TimeLimits
from tests.simulation.violation import Violation

METADATA: Final[dict[str, Any]] = {"line": "auto", "premium": 1200}
RUN_TIMEOUT: Final = timedelta(days=30)

_SWEEP_EVERY: Final = 900.0
_MOST_SWEEPS: Final = 10
"""Each may be disturbed; so many in a row are not."""


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
        entries: The last entry of an activity's task.
    """

    run_timeout = RUN_TIMEOUT
    begin_ports: BeginPorts
    activity_ports: ActivityPorts
    check_ports: CheckPorts
    end_ports: EndPorts
    cancel_ports: CancelPorts
    sweep_ports: SweepPorts

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
        self.entries: dict[ActivityRef, Entry] = {}
        self.last_published: dict[str, Any] = {}
        fate = Fate(self.scheduler, decisions, self.profile, self.faults)
        self.note = fate.note
        self.functions = Functions(fate, clock)
        self.invariants = Invariants(self)
        self._queue = ResultsQueue(fate, self.functions, self._record_results)
        self.plugins = Plugins(fate, self.scenario, self.registry, self._queue)
        for (activity, place), stage in self.scenario.stages.items():
            settings = StageSettings(
                timeout_seconds=stage.timeout_seconds,
                start_within_seconds=START_WITHIN,
                fail_on_optional_error=stage.fail_on_optional_error,
            )
            self.registry.put_settings(activity, place, settings, owner="stack", now=clock())
            for plugin in stage.plugins.values():
                self.registry.all[plugin.registration.subscription_arn] = plugin.registration
        self.outside = Outside(self, fate)
        self.time_limits = TimeLimits(fate, self.scenario, core.workflow.activity)
        self.schedule = Schedule(self, fate)
        self._make_ports(clock)
        self._memories = PlanMemory(), PlanMemory()
        self._report_memories = ReportMemory(), ReportMemory()
        self._tokens = 0
        self._sweeps = 0

    def _make_ports(self, clock: CoreClock) -> None:
        functions = self.functions
        status, control = stepped_status(functions, self.status), stepped_control(functions, self.control)
        now = stepped(functions, "clock", clock)
        executions = stepped_executions(functions, ExecutionService(self))
        journal = Journal()
        self.begin_ports = BeginPorts(
            status=status,
            executions=executions,
            journal=journal,
            retention=timedelta(days=90),
            clock=now,
        )
        self.activity_ports = ActivityPorts(
            status=status,
            control=control,
            registry=stepped_registry(functions, self.registry),
            publisher=stepped_publisher(functions, self),
            signals=stepped_signals(functions, SignalService(self)),
            journal=journal,
            report_to=REPORT_TO,
            clock=now,
        )
        self.end_ports = EndPorts(
            status=status, control=control, signals=self.activity_ports.signals, journal=journal, clock=now
        )
        self.check_ports = CheckPorts(
            activity=self.activity_ports,
            due=stepped_due(functions, self.control),
            has_time=lambda: True,
        )
        self.cancel_ports = CancelPorts(end=self.end_ports, executions=executions)
        self.sweep_ports = SweepPorts(
            end=self.end_ports,
            active=stepped_active_runs(functions, MemoryActiveRuns(self.status)),
            executions=executions,
            workflow_arn_prefix=f"{PLACE}:stateMachine:{MACHINE}",
        )
        self._find_plan = stepped(functions, "plan", self._remembered_plan)
        self._report_memory = stepped_memory(functions, self._remembered_reports, self.registry)

    def play(self) -> Played:
        """Play the schedule to its end, or until an invariant is broken."""
        violation = None
        try:
            self.outside.start()
            self.scheduler.run()
            while self.status.active_runs() and self._sweeps < _MOST_SWEEPS:
                self._sweeps += 1
                self.scheduler.after(_SWEEP_EVERY, self.outside.sweep)
                self.scheduler.run()
            self.invariants.settled()
        except Violation as found:
            violation = found
            self.scheduler.tell(f"VIOLATION {found}")
        return Played(
            faults=self.faults,
            violation=violation,
            events=self.scheduler.number,
            attempts=self.outside.starts,
            left_open=self._sweeps > 0,
            profile=self.profile.name,
            trace=self.scheduler.trace,
        )

    def checked(self, entry: Entry) -> None:
        """A call of ``open_activity`` for that entry returned."""
        invocation = self.functions.answering
        assert invocation is not None
        self.invariants.checked(entry, invocation)

    # What the handlers' ports lead to

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        """Implements ``ports.Publisher``."""
        self.last_published = json.loads(message.body)
        self.plugins.deliver(activity, stage, message, self.last_published)

    def new_token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}"

    def _record_results(self, items: Sequence[IncomingReport]) -> list[str]:
        return self.core.record_results(items, self.activity_ports, self._find_plan, memory=self._report_memory)

    def _remembered_plan(self, ref: StageRef) -> StagePlan | None:
        """What one of two function instances remembers of a plan."""
        return self._memories[self.scheduler.number & 1].find(ref, self.status)

    def _remembered_reports(self) -> ReportMemory:
        """What one of two function instances remembers of reports."""
        return self._report_memories[self.scheduler.number & 1]


_CORE: Final = Core()
