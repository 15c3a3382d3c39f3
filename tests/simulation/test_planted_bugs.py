"""The simulator finds bugs: each version of the core that is wrong breaks an invariant, and soon."""

from __future__ import annotations

import pytest

from tests.simulation.campaign import play, shrunk
from tests.simulation.core import Core
from tests.simulation.planted_bugs import PLANTED

WITHIN = {
    "a report is accepted in an ended run": 10_000,
    "a report of a plugin that was not dispatched is accepted": 2_000,
    "a repeated write is another's": 1_000,
    "an outcome is written over": 3_000,
    "an execution succeeds over a cancelled run": 1_000,
}
"""Schedules; what takes more than 500 needs a rare report, or a fault at one call at just the right moment."""


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str) -> None:
    found = first_violation(PLANTED[bug], WITHIN.get(bug, 500))
    assert found is not None


def test_what_is_not_wrong_is_not_found() -> None:
    assert first_violation(Core(), 500) is None


def test_a_schedule_that_breaks_an_invariant_is_made_plain() -> None:
    core = PLANTED["the pending set forgets failures"]
    found = first_violation(core, 500)
    assert found is not None
    schedule, invariant = found
    plain = shrunk(1, schedule, core)
    assert plain.played.violation is not None
    assert plain.played.violation.invariant == invariant
    assert sum(plain.played.faults.values()) <= 1
    assert sum(1 for decision in plain.decisions if decision) <= 10
    assert plain.played.trace is not None
    assert plain.played.trace[-1].endswith(str(plain.played.violation))


def first_violation(core: Core, schedules: int) -> tuple[int, str] | None:
    for schedule in range(schedules):
        violation = play(1, schedule, core).violation
        if violation is not None:
            return schedule, violation.invariant
    return None
