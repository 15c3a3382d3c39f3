"""What the core calls in Step Functions: signals, which get lost, or their answers do; and executions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.core.records import ActivityRef
from tests.simulation.faults import Fault
from tests.simulation.functions import PortFailed

if TYPE_CHECKING:
    from tests.simulation.activity_task import Entry
    from tests.simulation.simulation import Simulation

_STOP_AFTER: Final = (0.02, 0.2, 5.0)
_SIGNAL_AFTER: Final = (0.5, 5.0, 40.0)
_SIGNAL_FAULTS: Final = (
    None,
    Fault.SIGNAL_DROPPED,
    Fault.SIGNAL_LOST,
    Fault.SIGNAL_UNANSWERED,
    Fault.SIGNAL_TWICE,
    Fault.SIGNAL_DELAYED,
)


class ExecutionService:
    """Implements ``execution_ports.Executions`` over the executions that are played."""

    def __init__(self, simulation: Simulation) -> None:
        self.is_running = simulation.executions.is_running
        self.find = simulation.executions.find
        self.running = simulation.executions.running
        self._simulation = simulation

    def stop(self, execution: str, error: str, cause: str) -> None:
        """An execution is stopped a moment after it is asked for; it may have come to its end by then."""
        simulation = self._simulation
        after = _STOP_AFTER[simulation.decisions.pick(len(_STOP_AFTER))]
        simulation.scheduler.after(after, simulation.outside.stop, execution)


class SignalService:
    """Implements ``ports.Signals`` over Step Functions as it is played; signals get lost, or their answers do."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._signals = simulation.signals
        self._silenced: set[ActivityRef] = set()

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
            simulation.note(fault, f"{entry.ref.name} {token}")
            if fault in (Fault.SIGNAL_DROPPED, Fault.SIGNAL_LOST):
                invocation.undisturbed = False
            if fault is Fault.SIGNAL_DROPPED:
                return True
            if fault is Fault.SIGNAL_LOST:
                raise PortFailed("SendTask: could not connect")
        after = _SIGNAL_AFTER[simulation.decisions.pick(len(_SIGNAL_AFTER))] if fault is Fault.SIGNAL_DELAYED else 0.05
        alive = send()
        entry.task.accept(entry, error, cause, after=after)
        if fault is Fault.SIGNAL_UNANSWERED:
            raise PortFailed("SendTask: the connection was closed")
        return send() if fault is Fault.SIGNAL_TWICE else alive

    def _fault(self, entry: Entry) -> Fault | None:
        simulation = self._simulation
        if not simulation.profile.silent:
            return _SIGNAL_FAULTS[simulation.decisions.weigh(simulation.profile.signal)]
        # Where no report arrives, the first signal of each activity does not either.
        if entry.ref in self._silenced:
            return None
        self._silenced.add(entry.ref)
        return Fault.SIGNAL_DROPPED
