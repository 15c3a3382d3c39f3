"""Where everything that is left to chance in a schedule comes from: one list of small numbers.

A schedule is what its decisions are. 0 is the plainest choice everywhere: no fault, the
shortest delay, the smallest workflow. So a list of zeros is a run in which nothing goes
wrong, and whatever is not zero in a list is what makes the schedule special. That is
what shrinking and replaying live on.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from random import Random


class Odds:
    """Chances of several things, the first of which is that nothing special happens.

    Args:
        weights: How likely each of them is, as compared with the others.
    """

    def __init__(self, *weights: float) -> None:
        self.total = sum(weights)
        self.bounds = list(accumulate(weights))[:-1]


class Decisions:
    """Decisions drawn by a random number generator.

    Args:
        seed: The seed of the campaign.
        schedule: The schedule's number; what it draws depends on nothing but these two.
    """

    def __init__(self, seed: int, schedule: int) -> None:
        self._random = Random(seed << 64 | schedule).random

    def pick(self, count: int) -> int:
        """One of so many things, each as likely as the others."""
        return int(self._random() * count)

    def weigh(self, odds: Odds) -> int:
        """One of several things, by their chances."""
        return bisect(odds.bounds, self._random() * odds.total)


class RecordedDecisions(Decisions):
    """The same decisions, noted."""

    def __init__(self, seed: int, schedule: int) -> None:
        super().__init__(seed, schedule)
        self.taken: list[int] = []

    def pick(self, count: int) -> int:
        return self._note(super().pick(count))

    def weigh(self, odds: Odds) -> int:
        return self._note(super().weigh(odds))

    def _note(self, decision: int) -> int:
        self.taken.append(decision)
        return decision


class GivenDecisions(Decisions):
    """Decisions that are given; what is asked beyond them is decided the plainest way.

    Attributes:
        taken: What was decided in the end, without the zeros at its end.
    """

    def __init__(self, given: Sequence[int]) -> None:
        self._given = iter(given)
        self._taken: list[int] = []

    @property
    def taken(self) -> list[int]:
        return trimmed(self._taken)

    def pick(self, count: int) -> int:
        return self._next(count)

    def weigh(self, odds: Odds) -> int:
        return self._next(len(odds.bounds) + 1)

    def _next(self, count: int) -> int:
        decision = min(next(self._given, 0), count - 1)
        self._taken.append(decision)
        return decision


def trimmed(decisions: Sequence[int]) -> list[int]:
    """Decisions without the zeros at their end, which say nothing."""
    length = len(decisions)
    while length and not decisions[length - 1]:
        length -= 1
    return list(decisions[:length])


def as_text(decisions: Sequence[int]) -> str:
    """Decisions on one line: the places that are not zero, each with its number."""
    return ",".join(f"{place}={decision}" for place, decision in enumerate(decisions) if decision)


def of_text(text: str) -> list[int]:
    """Read what ``as_text`` wrote.

    Raises:
        ValueError: It did not write that.
    """
    places: dict[int, int] = {}
    for entry in filter(None, text.split(",")):
        written = re.fullmatch(r"(\d+)=(\d+)", entry)
        if written is None:
            raise ValueError(f"decisions are written PLACE=DECISION,…, not {entry!r}")
        places[int(written[1])] = int(written[2])
    decisions = [0] * (max(places, default=-1) + 1)
    for place, decision in places.items():
        decisions[place] = decision
    return decisions
