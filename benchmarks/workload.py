"""The workloads, by the names that they have in the original's figures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

_NAME: Final = re.compile(r"(?:(?P<times>\d+) x )?W\((?P<activities>\d+),\s*(?P<plugins>\d+)\)(?: concurrent)?")


@dataclass(frozen=True, slots=True, order=True)
class Workload:
    """W(A, P), one run at a time or several at once.

    Attributes:
        activities: A, the activities of the workflow.
        plugins: P, the plugins on the parallel stage of each; one more each before and after.
        at_once: How many runs start together.
    """

    activities: int
    plugins: int
    at_once: int = 1

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a name.

        Raises:
            ValueError: It is none.
        """
        found = _NAME.fullmatch(name.strip())
        if found is None:
            raise ValueError(f"{name!r} is no workload: write W(3,5) or '10 x W(3,5) concurrent'")
        return cls(int(found["activities"]), int(found["plugins"]), int(found["times"] or 1))

    @property
    def name(self) -> str:
        """As it stands in the results."""
        one = f"W({self.activities},{self.plugins})"
        return one if self.at_once == 1 else f"{self.at_once} x {one} concurrent"

    @property
    def plugin_calls(self) -> int:
        """Calls of plugins in a run."""
        return self.activities * (self.plugins + 2)


GROWTH: Final = tuple(Workload(1, plugins) for plugins in (1, 10, 30, 60, 100, 200))
"""What shows how cost grows with the number of plugins."""
ALL: Final = (*GROWTH, Workload(3, 1), Workload(3, 5), Workload(3, 5, at_once=10))


def chosen(text: str) -> tuple[Workload, ...]:
    """The workloads that a text names, apart by blanks, in the order of the results; all if it is empty.

    Raises:
        ValueError: It names something else.
    """
    if not text.strip():
        return ALL
    names = re.findall(r"\d+ x W\(\d+,\s*\d+\) concurrent|\S+", text)
    wanted = {Workload.parse(name) for name in names}
    return tuple(sorted(wanted))
