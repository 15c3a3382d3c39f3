"""Small cases in every order: no state that can be reached breaks an invariant."""

from __future__ import annotations

import pytest

from tests.simulation.cases import SMALL, Case
from tests.simulation.exhaustive import explore
from tests.simulation.planted_bugs import PLANTED
from tests.simulation.violation import Violation

ONE, RESUMED, AT_ONCE, FAILING, IN_A_ROW = SMALL[:5]
FOUND = {
    "a stored outcome suppresses the task result": (ONE, "no lost token"),
    "the pending set is a counter": (IN_A_ROW, "no early join"),
    "an outcome is written over": (FAILING, "outcomes never change"),
    "failures do not count": (ONE, "errors count"),
    "nobody enforces deadlines": (ONE, "every activity ends"),
    "a claim never expires": (AT_ONCE, "every activity ends"),
    "two are dispatched at once": (IN_A_ROW, "one at a time"),
    "a report is accepted on a terminal row": (RESUMED, "one terminal state"),
    "a report of an earlier attempt is accepted": (RESUMED, "attempts only go up"),
}


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_no_state_that_can_be_reached_breaks_an_invariant(case: Case) -> None:
    explored = explore(case)
    assert explored.complete
    assert explored.states > 5_000


@pytest.mark.parametrize("bug", FOUND)
def test_a_planted_bug_is_reached(bug: str) -> None:
    case, invariant = FOUND[bug]
    with pytest.raises(Violation) as broken:
        explore(case, core=PLANTED[bug])
    assert broken.value.invariant == invariant


def test_a_bound_is_told() -> None:
    assert not explore(SMALL[0], most=100).complete
