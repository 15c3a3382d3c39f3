"""Makes a schedule that breaks an invariant as plain as it can be: fewer plugins, fewer faults, shorter delays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tests.simulation.decisions import trimmed

MOST_TRIES = 4_000


def shrink(decisions: Sequence[int], still_fails: Callable[[Sequence[int]], Sequence[int] | None]) -> list[int]:
    """Find plainer decisions with the same end.

    Blocks of decisions are made plain, or left out, from large to small; what remains
    is made smaller. It ends when nothing helps any more, or after ``MOST_TRIES``.

    Args:
        decisions: Decisions of a schedule that breaks an invariant.
        still_fails: Plays decisions; returns those that were asked for, or ``None`` if the same invariant holds.
    """
    best = trimmed(decisions)
    tries = 0
    improved = True
    while improved:
        improved = False
        for plainer in _PLAINER:
            for change in plainer(len(best)):
                tries += 1
                if tries > MOST_TRIES:
                    return best
                taken = still_fails(change(best))
                if taken is not None and _weight(taken) < _weight(best):
                    best = trimmed(taken)
                    improved = True
    return best


Change = Callable[[Sequence[int]], list[int]]


def _blocks(length: int) -> Iterator[Change]:
    """Make blocks plain, from large to small."""
    size = length
    while size:
        for start in range(0, length, size):
            yield partial(_replaced, start, start + size, lambda _: 0)
        size //= 2


def _gaps(length: int) -> Iterator[Change]:
    """Leave some out: what is decided after them moves to their places."""
    for size in (8, 4, 2, 1):
        for start in range(length):
            yield partial(_without, start, start + size)


def _smaller(length: int) -> Iterator[Change]:
    """Make single ones smaller."""
    for place in range(length):
        for less in _LESS:
            yield partial(_replaced, place, place + 1, less)


def _replaced(start: int, end: int, other: Callable[[int], int], now: Sequence[int]) -> list[int]:
    return [*now[:start], *map(other, now[start:end]), *now[end:]]


def _without(start: int, end: int, now: Sequence[int]) -> list[int]:
    return [*now[:start], *now[end:]]


_LESS: tuple[Callable[[int], int], ...] = (lambda one: min(one, 1), lambda one: one // 2, lambda one: max(one - 1, 0))
_PLAINER = (_blocks, _gaps, _smaller)


def _weight(decisions: Sequence[int]) -> tuple[int, int, int]:
    """How far decisions are from a run in which nothing happens."""
    return sum(1 for decision in decisions if decision), sum(decisions), len(trimmed(decisions))
