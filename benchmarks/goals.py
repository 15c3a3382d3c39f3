"""What was aimed at, and whether the results are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Document = Mapping[str, Any]
"""The results as they are written down."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal.

    Attributes:
        label: What is counted, and where.
        original: The original's figure, in words.
        limit: The figure that is aimed at.
        measured: Finds ours in the results; raises ``KeyError`` if it was not measured.
        at_least: Whether more is better.
    """

    label: str
    original: str
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


GOALS: Final = (
    Goal("dollars per million W(3,5)", "841", 420, _of("W(3,5)", "dollars_per_million", "total")),
    Goal("state transitions, W(3,5)", "21", 14, _of("W(3,5)", "transitions")),
    Goal("core invocations, W(3,5)", "120", 40, _of("W(3,5)", "lambda_core")),
    Goal("write units, W(1,200)", "5,043", 700, _of("W(1,200)", "wru")),
    Goal(
        "write units over P: R² of a straight line",
        "a curve",
        0.999,
        _compared("straight line of wru over P", "r2"),
        at_least=True,
    ),
    Goal("read units, W(1,200)", "116", 116, _of("W(1,200)", "rru")),
    Goal("log bytes written, W(3,5)", "1.36 MB", 60_000, _of("W(3,5)", "log_bytes")),
    Goal(
        "largest item, W(1,200), with tokens of 1,000, expected set apart",
        "≈ 7 KB",
        2560,
        _of("W(1,200)", "item_bytes_padded"),
    ),
    Goal("wall, W(1,1) against three bare hops", "≈ 1.8", 1.3, _compared("W(1,1) against three bare hops", "ratio")),
)
