"""What happens at the ports, seen and disturbed by the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


class Crash(BaseException):
    """The handler's process died. Not an ``Exception``: no handler outlives it."""


class Epoch(Protocol):
    """A clock as the tables read it, to know what has expired."""

    @property
    def epoch(self) -> int: ...


@dataclass
class Clock:
    """The core's clock; stands still until the test moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    @property
    def epoch(self) -> int:
        return int(self.now.timestamp())

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def _nothing(_name: str) -> None:
    """Let every effect happen."""


@dataclass
class Calls:
    """Every call of a port goes through here, before it does anything.

    Attributes:
        log: Names of the calls, ``status.get_run``.
        effects: Runs before each write, publish and signal; may raise ``Crash``.
    """

    log: list[str] = field(default_factory=list)
    effects: Callable[[str], None] = _nothing
    _meanwhile: list[tuple[str, Callable[[], object]]] = field(default_factory=list)

    def read(self, name: str) -> None:
        self.log.append(name)
        self._interfere(name)

    def effect(self, name: str) -> None:
        self._interfere(name)
        self.effects(name)
        self.log.append(name)

    def meanwhile(self, name: str, action: Callable[[], object]) -> None:
        """Let something else happen once, just before the next call of that name."""
        self._meanwhile.append((name, action))

    def crash_at(self, ordinal: int) -> None:
        """Die before the effect of that number, counted from 0; then never again."""
        left = ordinal

        def die(name: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                self.effects = _nothing
                raise Crash(name)

        self.effects = die

    def steady(self) -> None:
        """Let every effect happen again."""
        self.effects = _nothing

    def _interfere(self, name: str) -> None:
        for waiting in self._meanwhile:
            if waiting[0] == name:
                self._meanwhile.remove(waiting)
                waiting[1]()
                return
