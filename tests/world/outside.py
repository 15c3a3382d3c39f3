"""Everything that is no table of the protocol's: registry, topics, state machines, journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import Registration
from tests.world.effects import Effects


class MemoryRegistry:
    """Implements ``ports.Registry``."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.rows: dict[tuple[str, str], Registration] = {}

    def registrations(self, activity: str, stage: Stage) -> Sequence[Registration]:
        """See ``ports.Registry``."""
        self._effects("registry.registrations", activity=activity, stage=stage)
        return [row for (key, _), row in sorted(self.rows.items()) if key == f"{activity}/{stage}"]

    def put(self, registration: Registration) -> None:
        """See ``ports.Registry``."""
        self._effects("registry.put", registration=registration)
        self.rows[registration.key, registration.subscription_arn] = registration

    def delete(self, activity: str, stage: Stage, subscription_arn: str) -> None:
        """See ``ports.Registry``."""
        self._effects("registry.delete", activity=activity, stage=stage, subscription_arn=subscription_arn)
        self.rows.pop((f"{activity}/{stage}", subscription_arn), None)


@dataclass(frozen=True, slots=True)
class Published:
    """A message on a stage's topic."""

    activity: str
    stage: Stage
    message: Message


class MemoryPublisher:
    """Implements ``ports.Publisher``."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.published: list[Published] = []

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        """See ``ports.Publisher``."""
        self._effects("publisher.publish", activity=activity, stage=stage, message=message)
        self.published.append(Published(activity, stage, message))


@dataclass(frozen=True, slots=True)
class Signal:
    """What a waiting task was told.

    Attributes:
        token: The token that it waited on.
        output: With a success.
        error: With a failure, like the next.
        cause: What went wrong.
    """

    token: str
    output: Mapping[str, Any] | None = None
    error: str | None = None
    cause: str | None = None


class MemorySignals:
    """Implements ``ports.Signals``. A token is alive from when it is issued until it is used or revoked."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._alive: set[str] = set()
        self.tried: list[Signal] = []
        self.heard: list[Signal] = []

    def issue(self, token: str) -> str:
        """Let a task wait on a token."""
        self._alive.add(token)
        return token

    def revoke(self, token: str) -> None:
        """Let the wait time out."""
        self._alive.discard(token)

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """See ``ports.Signals``."""
        self._effects("signals.succeed", token=token)
        return self._signal(Signal(token, output=output))

    def fail(self, token: str, error: str, cause: str) -> bool:
        """See ``ports.Signals``."""
        self._effects("signals.fail", token=token)
        return self._signal(Signal(token, error=str(error), cause=cause))

    def _signal(self, signal: Signal) -> bool:
        self.tried.append(signal)
        if signal.token not in self._alive:
            return False
        self._alive.discard(signal.token)
        self.heard.append(signal)
        return True


class MemoryExecutions:
    """Implements ``ports.Executions``."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self.running: set[str] = set()

    def is_running(self, execution: str) -> bool:
        """See ``ports.Executions``."""
        self._effects("executions.is_running", execution=execution)
        return execution in self.running


class MemoryJournal:
    """Implements ``ports.Journal``."""

    def __init__(self) -> None:
        self.refusals: list[tuple[str, Mapping[str, str | int]]] = []
        self.failures: list[Exception] = []

    def refused(self, reason: str, detail: str, **about: str | int) -> None:
        """See ``ports.Journal``."""
        self.refusals.append((reason, about))

    def failed(self, error: Exception, **about: str | int) -> None:
        """See ``ports.Journal``."""
        self.failures.append(error)

    @property
    def reasons(self) -> list[str]:
        """Why reports were refused, in order."""
        return [reason for reason, _ in self.refusals]
