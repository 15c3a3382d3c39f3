"""The smaller ports in memory: publisher, signals, executions, journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.ended_execution import Execution, ExecutionStatus, state_machine_of
from orchestrator_runtime.core.happening import Happening, ReportRefused
from orchestrator_runtime.core.journal_line import line_of
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import ActiveRun
from tests.rules.calls import Calls
from tests.rules.memory_status import MemoryStatusStore

H = TypeVar("H", bound=Happening)


@dataclass
class MemoryPublisher:
    """Implements ``ports.Publisher``; ``dispatched`` says whom each message named."""

    calls: Calls
    messages: list[Message] = field(default_factory=list)

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        self.calls.effect("publisher.publish")
        document = json.loads(message.body)
        assert (activity, stage) == (document["activity"], document["stage"]), "it went to another stage's topic"
        self.messages.append(message)

    @property
    def dispatched(self) -> list[list[str]]:
        return [json.loads(message.body)["plugins"] for message in self.messages]


@dataclass(frozen=True)
class Signal:
    """A signal that was sent, to a living token or not; no error means success."""

    token: str
    alive: bool
    error: str | None = None
    cause: str = ""


@dataclass
class MemorySignals:
    """Implements ``ports.Signals``. A token takes one signal, and a further entry of its stage kills it."""

    calls: Calls
    alive: set[str] = field(default_factory=set)
    sent: list[Signal] = field(default_factory=list)
    outputs: list[Mapping[str, Any]] = field(default_factory=list)

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        self.calls.effect("signals.succeed")
        self.outputs.append(output)
        return self._send(Signal(token, token in self.alive))

    def fail(self, token: str, error: str, cause: str) -> bool:
        assert cause, f"{error}: nobody is told why"
        self.calls.effect("signals.fail")
        return self._send(Signal(token, token in self.alive, str(error), cause))

    def _send(self, signal: Signal) -> bool:
        self.sent.append(signal)
        self.alive.discard(signal.token)
        return signal.alive


@dataclass
class MemoryActiveRuns:
    """Implements ``execution_ports.ActiveRuns``."""

    status: MemoryStatusStore

    def runs(self) -> list[ActiveRun]:
        return self.status.active_runs()


@dataclass
class MemoryExecutions:
    """Implements ``execution_ports.Executions``; ``begin``, ``end`` and ``forget`` make what there is to ask about."""

    calls: Calls
    executions: dict[str, Execution] = field(default_factory=dict)

    def begin(self, execution: str, *, given: str = "{}") -> None:
        self.executions[execution] = Execution(arn=execution, status=ExecutionStatus.RUNNING, input=given)

    def end(self, execution: str, status: ExecutionStatus, **how: Any) -> Execution:
        ended = replace(self.executions[execution], status=status, **how)
        self.executions[execution] = ended
        return ended

    def forget(self) -> None:
        self.executions.clear()

    def is_running(self, execution: str) -> bool:
        found = self.executions.get(execution)
        return found is not None and not found.status.is_over

    def find(self, execution: str) -> Execution | None:
        self.calls.read("executions.find")
        return self.executions.get(execution)

    def running(self, state_machine: str) -> set[str]:
        self.calls.read("executions.running")
        return {arn for arn in self.executions if self.is_running(arn) and state_machine_of(arn) == state_machine}

    def stop(self, execution: str, error: str, cause: str) -> None:
        self.calls.effect("executions.stop")
        if self.is_running(execution):
            self.end(execution, ExecutionStatus.ABORTED, error=error, cause=cause)


@dataclass
class MemoryJournal:
    """Implements ``ports.Journal``; keeps what it is told."""

    told: list[Happening] = field(default_factory=list)
    errors: list[tuple[Exception, Mapping[str, str | int]]] = field(default_factory=list)

    def tell(self, happening: Happening) -> None:
        assert line_of(happening).message
        self.told.append(happening)

    def of(self, kind: type[H]) -> list[H]:
        """What it was told of one kind."""
        return [happening for happening in self.told if isinstance(happening, kind)]

    @property
    def refusals(self) -> list[ReportRefused]:
        return self.of(ReportRefused)

    @property
    def reasons(self) -> list[str]:
        return [refusal.reason for refusal in self.refusals]

    def failed(self, error: Exception, **about: str | int) -> None:
        self.errors.append((error, about))
