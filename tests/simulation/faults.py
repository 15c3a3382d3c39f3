"""What can go wrong, how often, and how often it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from tests.simulation.decisions import Decisions, Odds
from tests.simulation.scheduler import Scheduler


class Fault(StrEnum):
    """A kind of fault, in the words of the table of faults."""

    CALL_DROPPED = "delivery to a plugin dropped"
    CALL_DUPLICATED = "delivery to a plugin duplicated"
    CALL_DELAYED = "delivery to a plugin delayed"
    REPORT_DROPPED = "report dropped"
    REPORT_DUPLICATED = "report duplicated"
    REPORT_DELAYED = "report delayed, behind later ones"
    REPORT_GARBAGE = "report that is garbage, a stranger's or of another attempt"
    REPORT_AGAIN = "handled report received again"
    REPORT_DEAD = "report dead-lettered after its last receive"
    SIGNAL_DROPPED = "signal to a state machine dropped"
    SIGNAL_LOST = "signal failed with an error, not received"
    SIGNAL_UNANSWERED = "signal failed with an error, received"
    SIGNAL_TWICE = "signal received twice, the second refused"
    SIGNAL_DELAYED = "signal acted upon late"
    EVENT_DROPPED = "status event dropped"
    EVENT_DUPLICATED = "status event duplicated"
    EVENT_DELAYED = "status event delayed"
    CRASH = "handler crashed between two effects"
    SUSPENDED = "handler suspended between two effects, others between"
    ZOMBIE = "handler went on after it was taken for dead"
    CONFLICT = "write conflict: a port's call failed, without its effect"
    UNANSWERED = "a port's call failed, with its effect"
    TORN_READ = "stage read in two parts, others between"
    REPEATED = "write repeated by the SDK, its first answer was lost"
    THROTTLED = "call of a handler refused by Lambda"
    TOKEN_REUSED = "retried task kept its token"
    CLOCK_JUMP = "clock jumped forward"
    CLOCK_SKEW = "handler's clock ahead or behind"
    STOPPED = "execution stopped from outside"
    CANCELLED = "run cancelled"
    SWEPT = "runs swept while they ran"
    SECOND_START = "run started while it ran"
    UNSETTLED = "delivery to a new subscription dropped"
    TICK_LOST = "schedule tick lost"
    TICK_LATE = "schedule tick late"
    TICK_DOUBLED = "schedule tick doubled"
    UNREGISTERED = "plugin unregistered between attempts"


RARE, SOME, MUCH = 0.01, 0.04, 0.12
"""How likely a fault is at each of the occasions that it has."""


def _odds(*chances: float) -> Odds:
    return Odds(1 - sum(chances), *chances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How likely what is. The first chance of each is that nothing happens.

    Attributes:
        name: What kind of bad day it is.
        silent: Whether no report arrives, nor any activity's first signal.
        call: Of a delivery to a plugin: dropped, duplicated, delayed.
        report: Of a report: dropped, duplicated, delayed.
        again: Of a report that was dealt with: received again.
        signal: Of a signal: dropped, lost, unanswered, twice, delayed.
        event: Of a status event: dropped, duplicated, delayed.
        handler: Of a call of a handler: crash, suspended, conflict, unanswered, torn read, throttled,
            repeated write.
        tick: Of a tick of the schedule: lost, late, doubled.
        token: Of a retried task: keeps its token.
        clock: Of a call of a handler: skew, jump.
        outside: Of an attempt: stopped from outside, started a second time, a plugin unregistered, cancelled, swept.
        last_moment: Of a run that enters its last state: cancelled.
        receives: After how many a report is dead-lettered.
    """

    name: str
    silent: bool = False
    call: Odds = field(default_factory=lambda: _odds(RARE, RARE, SOME))
    report: Odds = field(default_factory=lambda: _odds(RARE, RARE, SOME))
    again: Odds = field(default_factory=lambda: _odds(RARE))
    signal: Odds = field(default_factory=lambda: _odds(RARE, RARE, RARE, RARE, RARE))
    event: Odds = field(default_factory=lambda: _odds(MUCH, MUCH, MUCH))
    handler: Odds = field(default_factory=lambda: _odds(RARE, SOME, RARE, RARE, RARE, RARE, RARE))
    tick: Odds = field(default_factory=lambda: _odds(RARE, RARE, RARE))
    token: Odds = field(default_factory=lambda: _odds(0.5))
    clock: Odds = field(default_factory=lambda: _odds(0.0, 0.0))
    outside: Odds = field(default_factory=lambda: _odds(SOME, SOME, SOME, SOME, SOME))
    last_moment: Odds = field(default_factory=lambda: _odds(RARE))
    receives: int = 50


PROFILES = (
    Profile(name="calm"),
    Profile(
        name="messages",
        call=_odds(SOME, MUCH, MUCH),
        report=_odds(MUCH, MUCH, MUCH),
        again=_odds(MUCH),
        signal=_odds(MUCH, SOME, SOME, SOME, MUCH),
        tick=_odds(MUCH, MUCH, MUCH),
    ),
    Profile(name="crashes", handler=_odds(0.2, SOME, 0.05, 0.05, SOME, SOME, SOME), receives=3),
    Profile(name="races", handler=_odds(SOME, 0.35, SOME, SOME, 0.06, RARE, 0.06), report=_odds(RARE, MUCH, 0.2)),
    Profile(name="clocks", clock=_odds(0.3, 0.05), handler=_odds(SOME, MUCH, RARE, RARE, RARE, RARE)),
    Profile(name="stops", outside=_odds(0.35, 0.15, 0.1, 0.2, 0.1), handler=_odds(SOME, 0.2, RARE, RARE, RARE, RARE)),
    Profile(
        name="storm",
        call=_odds(MUCH, MUCH, MUCH),
        report=_odds(MUCH, MUCH, MUCH),
        again=_odds(MUCH),
        signal=_odds(SOME, SOME, SOME, SOME, SOME),
        handler=_odds(MUCH, 0.2, SOME, SOME, SOME, SOME, SOME),
        tick=_odds(MUCH, MUCH, MUCH),
        clock=_odds(MUCH, RARE),
        outside=_odds(0.2, 0.15, 0.1, 0.15, 0.1),
        receives=3,
    ),
    Profile(
        name="silence",
        silent=True,
        call=_odds(SOME, SOME, SOME),
        handler=_odds(),
        tick=_odds(),
        outside=_odds(),
        last_moment=_odds(),
    ),
)
PROFILE_ODDS = Odds(15, 15, 15, 20, 10, 10, 10, 5)


FaultCount = Counter[Fault]


@dataclass(frozen=True, slots=True)
class Fate:
    """Decides what goes wrong, and counts it."""

    scheduler: Scheduler
    decisions: Decisions
    profile: Profile
    faults: FaultCount

    def note(self, fault: Fault, where: object) -> None:
        """Count a fault."""
        self.faults[fault] += 1
        if self.scheduler.trace is not None:
            self.scheduler.tell(f"! {fault}: {where}")
