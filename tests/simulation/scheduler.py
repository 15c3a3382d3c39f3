"""The virtual clock, what is going to happen, and the story of what did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from tests.rules.calls import START
from tests.simulation.violation import Violation

MOST_EVENTS = 20_000
"""More than any schedule has. One with more would go round in circles."""


@dataclass(slots=True)
class Scheduler:
    """Lets events happen, one after the other, each at its time.

    Attributes:
        now: Seconds since the schedule began.
        number: How many events have begun; it tells what was before what.
        trace: What happened, in words; ``None`` where nobody reads it.
    """

    now: float = 0.0
    number: int = 0
    trace: list[str] | None = None
    _events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = field(default_factory=list)
    _order: int = 0

    def after(self, seconds: float, event: Callable[..., None], *arguments: Any) -> None:
        """Let something happen later; of what is due at the same time the first scheduled is first."""
        self._order += 1
        heappush(self._events, (self.now + seconds, self._order, event, arguments))

    def run(self) -> None:
        """Let everything happen.

        Raises:
            Violation: There is no end to it.
        """
        events = self._events
        while events:
            self.now, _, event, arguments = heappop(events)
            self.number += 1
            if self.number > MOST_EVENTS:
                raise Violation("no end", f"{MOST_EVENTS:,} events, and {len(events):,} more to come")
            event(*arguments)

    def tell(self, what: str) -> None:
        """Note what happens, if somebody wants to read it."""
        if self.trace is not None:
            minutes, seconds = divmod(self.now, 60)
            self.trace.append(f"{int(minutes):5d}:{seconds:06.3f}  {what}")


@dataclass(slots=True)
class CoreClock:
    """The clock of the core's functions and tables, which is not Step Functions' clock.

    Attributes:
        ahead: Seconds that it is ahead of the scheduler's.
    """

    scheduler: Scheduler
    ahead: float = 0.0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.scheduler.now + self.ahead)

    @property
    def epoch(self) -> int:
        return _START + int(self.scheduler.now + self.ahead)


_START = int(START.timestamp())


def moment(seconds: float) -> datetime:
    """A time of the scheduler as a date."""
    return START + timedelta(seconds=seconds)
