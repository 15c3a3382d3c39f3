"""Plays many schedules, on one process or several, and counts what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from tests.simulation.core import Core
from tests.simulation.decisions import Decisions, GivenDecisions, RecordedDecisions
from tests.simulation.faults import Fault, FaultCount
from tests.simulation.shrink import shrink
from tests.simulation.simulation import Played, Simulation

CHUNK = 250
MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Broken:
    """A schedule that broke an invariant."""

    schedule: int
    invariant: str
    detail: str


@dataclass(slots=True)
class Tally:
    """What many schedules came to.

    Attributes:
        broken: Of those that broke an invariant the first few.
        violations: How many broke one.
        attempts: How often a run was started.
        left_open: How many left a run to the sweep: its execution had ended, and nothing told of it.
    """

    schedules: int = 0
    faults: FaultCount = field(default_factory=Counter)
    profiles: Counter[str] = field(default_factory=Counter)
    violations: int = 0
    attempts: int = 0
    events: int = 0
    left_open: int = 0
    broken: list[Broken] = field(default_factory=list)

    def add(self, schedule: int, played: Played) -> None:
        self.schedules += 1
        self.faults += played.faults
        self.profiles[played.profile] += 1
        self.attempts += played.attempts
        self.events += played.events
        self.left_open += played.left_open
        if played.violation is not None:
            self.violations += 1
            if len(self.broken) < MOST_SHOWN:
                self.broken.append(Broken(schedule, played.violation.invariant, played.violation.detail))

    def merge(self, other: Tally) -> None:
        self.schedules += other.schedules
        self.faults += other.faults
        self.profiles += other.profiles
        self.violations += other.violations
        self.attempts += other.attempts
        self.events += other.events
        self.left_open += other.left_open
        self.broken = sorted(self.broken + other.broken, key=lambda broken: broken.schedule)[:MOST_SHOWN]


def play(seed: int, schedule: int, core: Core | None = None) -> Played:
    """Play one schedule."""
    return Simulation(Decisions(seed, schedule), core=core).play()


def play_range(seed: int, first: int, end: int, core: Core | None = None) -> Tally:
    """Play schedules, from one to before another."""
    tally = Tally()
    for schedule in range(first, end):
        tally.add(schedule, play(seed, schedule, core))
    return tally


def campaign(
    *,
    seed: int,
    schedules: int,
    first: int = 0,
    processes: int = 1,
    progress: Callable[[Tally, float], None] = lambda _tally, _seconds: None,
) -> Tally:
    """Play schedules; what comes out depends on seed and numbers alone, not on how many processes play them.

    Args:
        seed: The seed.
        schedules: How many.
        first: The number of the first.
        processes: How many processes play.
        progress: Told how it stands, every few hundred schedules, and how long it took.
    """
    total, began = Tally(), monotonic()
    for tally in _chunks(seed, range(first, first + schedules, CHUNK), first + schedules, processes):
        total.merge(tally)
        progress(total, monotonic() - began)
    return total


def _chunks(seed: int, firsts: Sequence[int], end: int, processes: int) -> Iterator[Tally]:
    ends = [min(start + CHUNK, end) for start in firsts]
    if processes == 1:
        yield from map(partial(play_range, seed), firsts, ends)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(partial(play_range, seed), firsts, ends)


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The plainest decisions that were found to break the invariant, and what they lead to."""

    decisions: list[int]
    played: Played


def shrunk(seed: int, schedule: int, core: Core | None = None) -> Shrunk:
    """Make a schedule that breaks an invariant plain."""
    recorded = RecordedDecisions(seed, schedule)
    violation = Simulation(recorded, core=core).play().violation
    if violation is None:
        raise ValueError(f"schedule {schedule} of seed {seed} breaks no invariant")

    def still_fails(decisions: Sequence[int]) -> Sequence[int] | None:
        given = GivenDecisions(decisions)
        found = Simulation(given, core=core).play().violation
        return given.taken if found is not None and found.invariant == violation.invariant else None

    decisions = shrink(recorded.taken, still_fails)
    return Shrunk(decisions, replay(decisions, core))


def replay(decisions: Sequence[int], core: Core | None = None) -> Played:
    """Play given decisions, and tell what happens."""
    return Simulation(GivenDecisions(decisions), core=core, traced=True).play()


def retell(seed: int, schedule: int, core: Core | None = None) -> Played:
    """Play a schedule by its number, and tell what happens."""
    return Simulation(Decisions(seed, schedule), core=core, traced=True).play()


def table(faults: FaultCount) -> list[str]:
    """The faults by kind, all that there are, the most frequent first."""
    kinds = sorted(Fault, key=lambda fault: (-faults[fault], fault))
    width = len(f"{max(faults.values(), default=0):,}")
    return [f"{faults[kind]:>{width},}  {kind}" for kind in kinds]
