"""The smaller ports in memory: publisher, signals, executions, journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.message import Message
from tests.rules.calls import Calls


@dataclass
class MemoryPublisher:
    """Implements ``ports.Publisher``; ``released`` says whom each message named."""

    calls: Calls
    messages: list[Message] = field(default_factory=list)

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        self.calls.effect("publisher.publish")
        self.messages.append(message)

    @property
    def released(self) -> list[list[str]]:
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
        self.calls.effect("signals.fail")
        return self._send(Signal(token, token in self.alive, str(error), cause))

    def _send(self, signal: Signal) -> bool:
        self.sent.append(signal)
        self.alive.discard(signal.token)
        return signal.alive


@dataclass
class MemoryExecutions:
    """Implements ``ports.Executions``."""

    running: set[str] = field(default_factory=set)

    def is_running(self, execution: str) -> bool:
        return execution in self.running


@dataclass
class MemoryJournal:
    """Implements ``ports.Journal``; keeps the reasons."""

    reasons: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def refused(self, reason: str, detail: str, **about: str | int) -> None:
        self.reasons.append(reason)

    def failed(self, error: Exception, **about: str | int) -> None:
        self.errors.append(error)
