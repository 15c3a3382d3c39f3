"""What is simulated: the core's flows and tables, and the state machines that call it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from orchestrator_runtime.core.ended_execution import Execution
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.happening import Happening
from orchestrator_runtime.core.journal_line import line_of
from orchestrator_runtime.core.records import Run, RunRef
from orchestrator_runtime.protocol.begin_run import BeginPorts, BeginRequest, begin_run
from orchestrator_runtime.protocol.cancel_run import CancelPorts, CancelRequest, cancel_run
from orchestrator_runtime.protocol.check_deadlines import Checked, CheckPorts, check_deadlines
from orchestrator_runtime.protocol.closing import ActivityPorts, EndPorts
from orchestrator_runtime.protocol.end_run import EndRequest, end_run
from orchestrator_runtime.protocol.open_activity import OpenRequest, open_activity
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.sweep_runs import SweepPorts, end_left_behind, sweep_runs
from tests.rules.calls import Calls
from tests.rules.memory_control import MemoryControlStore
from tests.rules.memory_status import MemoryStatusStore
from tests.simulation.definitions import WorkflowStates, workflow_states
from tests.simulation.functions import PortFailed
from tests.simulation.violation import Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """What is simulated. Tests bring others, to see that what is wrong with them is found."""

    begin_run: Callable[[BeginRequest, BeginPorts], RunRef] = begin_run
    open_activity: Callable[[OpenRequest, ActivityPorts], None] = open_activity
    record_results: Callable[..., list[str]] = record_results
    check_deadlines: Callable[[CheckPorts], Checked] = check_deadlines
    end_run: Callable[[EndRequest, EndPorts], Failure | None] = end_run
    end_left_behind: Callable[[Execution, SweepPorts], RunRef | None] = end_left_behind
    sweep_runs: Callable[[SweepPorts], Iterable[RunRef]] = sweep_runs
    cancel_run: Callable[[CancelRequest, CancelPorts], Run] = cancel_run
    status: type[MemoryStatusStore] = MemoryStatusStore
    control: type[MemoryControlStore] = MemoryControlStore
    workflow: WorkflowStates = field(default_factory=workflow_states)


class Unseen(Calls):
    """The tables' calls are watched as steps."""

    def read(self, name: str) -> None:
        pass

    def effect(self, name: str) -> None:
        pass


class Journal:
    """Implements ``ports.Journal``. An error that no fault explains is a bug."""

    def tell(self, happening: Happening) -> None:
        line_of(happening)

    def failed(self, error: Exception, **about: str | int) -> None:
        if not isinstance(error, PortFailed):
            raise Violation("unexpected error", f"a handler met {error!r}") from error
