"""Plays schedules from the command line: ``make simulate``."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.campaign import Tally, campaign, replay, retell, shrunk, table
from tests.simulation.cases import LARGE, SMALL
from tests.simulation.decisions import as_text, of_text
from tests.simulation.exhaustive import Explored, explore
from tests.simulation.simulation import Played
from tests.simulation.violation import Violation

QUIET_FOR = 5.0
"""Seconds between two lines that say how far it is."""


def main(arguments: list[str]) -> int:
    """Play, and exit with 1 if an invariant was broken."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--replay", default="", help="a schedule's number, or decisions as a violation shows them")
    parser.add_argument("--exhaustive", action="store_true", help="small cases, in every order")
    given = parser.parse_args(arguments)
    if given.exhaustive:
        return _explore()
    if given.replay:
        return _tell(replay(of_text(given.replay)) if "=" in given.replay else retell(given.seed, int(given.replay)))
    tally = campaign(
        seed=given.seed,
        schedules=given.schedules,
        first=given.first,
        processes=given.processes,
        progress=_Progress(given.schedules),
    )
    print(f"schedules={tally.schedules} faults={sum(tally.faults.values())} violations={tally.violations}")
    print(f"seed={given.seed} first={given.first} attempts={tally.attempts} left_open={tally.left_open}")
    print("\n".join(table(tally.faults)))
    for broken in tally.broken:
        print(f"\nVIOLATION in schedule {broken.schedule}: {broken.invariant}: {broken.detail}")
        print(f"  make simulate SEED={given.seed} REPLAY={broken.schedule}")
    if tally.broken:
        plain = shrunk(given.seed, tally.broken[0].schedule)
        print(f"\nSchedule {tally.broken[0].schedule}, as plain as it could be made:")
        print(f"  make simulate REPLAY={as_text(plain.decisions) or '0=0'}")
        _tell(plain.played)
    return 1 if tally.violations else 0


def _explore() -> int:
    total = Explored()
    for case in (*SMALL, *LARGE):
        try:
            explored = explore(case)
        except Violation as violation:
            print(f"{case.name}: VIOLATION {violation}")
            return 1
        total.states += explored.states
        total.transitions += explored.transitions
        print(f"{explored.states:>10,} states  {explored.transitions:>10,} transitions  {case.name}", flush=True)
    print(f"states={total.states} transitions={total.transitions} violations=0")
    return 0


def _tell(played: Played) -> int:
    print("\n".join(played.trace or ()))
    print(f"\n{played.violation or 'no invariant is broken'}")
    return 1 if played.violation else 0


class _Progress:
    """Says how far a long campaign is."""

    def __init__(self, schedules: int) -> None:
        self._schedules = schedules
        self._said = QUIET_FOR

    def __call__(self, tally: Tally, seconds: float) -> None:
        if seconds >= self._said:
            self._said = seconds + QUIET_FOR
            left = (self._schedules - tally.schedules) * seconds / tally.schedules
            print(
                f"{tally.schedules:,} of {self._schedules:,} schedules, {sum(tally.faults.values()):,} faults, "
                f"{tally.violations} violations; about {left:,.0f} s left",
                file=sys.stderr,
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
