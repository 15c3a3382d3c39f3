"""What was aimed at, and whether the results are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from benchmarks.waiting import transitions_added

Document = Mapping[str, Any]
"""The results as they are written down."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal.

    Attributes:
        label: What is counted, and where.
        version_1: The figure of version 1 of the protocol, in words.
        limit: The figure that is aimed at.
        measured: Finds ours in the results; raises ``KeyError`` if it was not measured.
        at_least: Whether more is better.
    """

    label: str
    version_1: str
    limit: float
    measured: Callable[[Document], float]
    at_least: bool = False

    def verdict(self, document: Document) -> tuple[str, str]:
        """Ours, and whether that meets the goal."""
        try:
            got = self.measured(document)
        except KeyError:
            return "", "not measured"
        met = got >= self.limit if self.at_least else got <= self.limit
        return number(got), "met" if met else "**missed**"


def number(value: float) -> str:
    """A figure as it is printed: whole where it is large, else with what digits it has."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,}"


def _of(workload: str, *keys: str) -> Callable[[Document], float]:
    def measured(document: Document) -> float:
        value: Any = document["results"][workload]
        for key in keys:
            value = value[key]
        return float(value)

    return measured


def _compared(comparison: str, key: str) -> Callable[[Document], float]:
    return lambda document: float(document["comparisons"][comparison][key])


def _waiting(takes: timedelta) -> Callable[[Document], float]:
    return lambda _document: transitions_added(takes)


EMPTY: Final = "an activity without a matching plugin"
"""The comparison of a run that has such an activity with one that has none."""

GOALS: Final = (
    Goal("state transitions, W(3,5)", "14", 5, _of("W(3,5)", "transitions")),
    Goal("transitions added by one plugin of 10 minutes", "20", 0, _waiting(timedelta(minutes=10))),
    Goal("transitions added by one plugin of an hour", "120", 0, _waiting(timedelta(hours=1))),
    Goal("transitions added by one plugin of a day", "396", 1, _waiting(timedelta(days=1))),
    Goal("dollars per million W(3,5), units as billed", "490", 230, _of("W(3,5)", "dollars_per_million", "as_billed")),
    Goal("core invocations, W(3,5)", "22", 14, _of("W(3,5)", "lambda_core")),
    Goal("write units as billed, W(3,5)", "146", 85, _of("W(3,5)", "wru_billed")),
    Goal("write units as billed, W(1,200)", "314", 290, _of("W(1,200)", "wru_billed")),
    Goal("read units as billed, W(3,5)", "77", 50, _of("W(3,5)", "rru_billed")),
    Goal(f"{EMPTY}: transitions", "4", 1, _compared(EMPTY, "transitions")),
    Goal(f"{EMPTY}: writes", "not counted", 0, _compared(EMPTY, "writes")),
    Goal(f"{EMPTY}: publishes", "0", 0, _compared(EMPTY, "publishes")),
    Goal("wall, W(1,1) against three bare hops", "3.4", 1.5, _compared("W(1,1) against three bare hops", "ratio")),
    Goal("wall, W(1,200) against W(1,1)", "3.4", 3, _compared("W(1,200) against W(1,1)", "ratio")),
    Goal(
        "write units over P: R² of a straight line",
        "0.99984",
        0.999,
        _compared("straight line of wru over P", "r2"),
        at_least=True,
    ),
    Goal("log bytes written, W(3,5)", "28,662", 60_000, _of("W(3,5)", "log_bytes")),
    Goal(
        "largest item, W(1,200), with tokens of 1,000, plan apart", "1,688", 2560, _of("W(1,200)", "item_bytes_padded")
    ),
)
