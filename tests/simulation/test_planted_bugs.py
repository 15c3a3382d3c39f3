"""The simulator finds bugs: each version of the core that is wrong breaks an invariant, and soon."""

from __future__ import annotations

import pytest

from tests.simulation.campaign import play, shrunk
from tests.simulation.core import Core
from tests.simulation.planted_bugs import PLANTED

WITHIN = {
    "a token is stored whatever its rank": 2_000,
    "the stage is read before the token is stored": 1_000,
    "errors and the close are decided together": 2_000,
}
"""Schedules; what takes more than 500 needs a handler to sleep at one call while just the right thing happens."""


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str) -> None:
    found = first_violation(PLANTED[bug], WITHIN.get(bug, 500))
    assert found is not None


def test_what_is_not_wrong_is_not_found() -> None:
    assert first_violation(Core(), 500) is None


def test_a_schedule_that_breaks_an_invariant_is_made_plain() -> None:
    core = PLANTED["the tally forgets failures"]
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
