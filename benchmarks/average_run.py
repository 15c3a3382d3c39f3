"""What a run of one activity takes, for any number of plugins: from the counts of W(1,P)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from benchmarks.floor import OTHERS
from benchmarks.goals import Document
from benchmarks.prices import ASSUMED_MILLISECONDS, MILLION, READ_UNIT, WRITE_UNIT
from benchmarks.workload import GROWTH

ACTIVITIES: Final = 1
CALL_SECONDS: Final = ASSUMED_MILLISECONDS / 1000
REGISTRATION_BYTES: Final = 587
"""Of a plugin's item in the registry, with a name of 12 characters and a filter of one key."""
READ_BYTES: Final = 4096
INDEX_WRITES: Final = 2
"""A run enters the index of runs in progress and leaves it; an activity the index of due times."""
_PARTS: Final = ("transitions", "invocations", "durations", "publishes", "sqs")
"""Of the price; reads and writes are taken from the units that AWS bills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageRun:
    """What a run of one activity takes.

    Attributes:
        plugins: P, on the parallel stage; one more each before and after.
        transitions: State transitions.
        core_calls: Calls of the core's functions.
        plugin_calls: Calls of plugins.
        publishes: Requests to publish.
        sqs_requests: Sends of plugins, and a receive and a delete for each batch.
        write_units: Of DynamoDB, as billed, of all tables.
        read_units: Likewise.
        logged_bytes: Of all functions, Lambda's own lines with them, as billed.
        plan_bytes: Of the parallel stage's expected set.
        other_dollars: Of all that is neither a unit of DynamoDB nor a log.
    """

    plugins: int
    transitions: float
    core_calls: float
    plugin_calls: float
    publishes: float
    sqs_requests: float
    write_units: float
    read_units: float
    logged_bytes: float
    plan_bytes: float
    other_dollars: float

    @classmethod
    def counted(cls, document: Document, plugins: int) -> Self:
        """A run with so many plugins on its parallel stage.

        Where W(1,P) was counted, these are its figures; between two counts, those of the straight line from one
        to the other.

        Raises:
            ValueError: There are no counts on both sides.
        """

        def of(figure: Callable[[Any], float]) -> float:
            return _between(document, plugins, figure)

        return cls(
            plugins=plugins,
            transitions=of(lambda counts: counts["transitions"]),
            core_calls=of(lambda counts: counts["lambda_core"]),
            plugin_calls=of(lambda counts: counts["lambda_plugin"]),
            publishes=of(lambda counts: counts["sns_publishes"]),
            sqs_requests=of(lambda counts: counts["sqs_requests"]),
            write_units=of(lambda counts: counts["wru_billed"]),
            read_units=of(lambda counts: counts["rru_billed"]),
            logged_bytes=of(lambda counts: counts["log_bytes_billed"]),
            plan_bytes=of(lambda counts: counts["plan_bytes"]),
            other_dollars=of(lambda counts: sum(counts["dollars_per_million"]["parts"][part] for part in _PARTS))
            / MILLION,
        )

    @property
    def executions(self) -> int:
        """The workflow's."""
        return 1

    @property
    def answers(self) -> int:
        """Task results, one for each activity."""
        return ACTIVITIES

    @property
    def batches(self) -> float:
        """Invocations of ``record_result``: all that neither begin or end the run nor open an activity."""
        return self.core_calls - 2 - ACTIVITIES

    @property
    def reports(self) -> float:
        """Messages that plugins send."""
        return self.sqs_requests - 2 * self.batches

    @property
    def registry_units(self) -> int:
        """Read units of the activity's partition of the registry.

        All registrations are read as the activity opens, those of the stages that follow as each stage closes.
        """
        read = (self.plugins + OTHERS, self.plugins + 1, 1)
        return sum(max(1, math.ceil(registrations * REGISTRATION_BYTES / READ_BYTES)) for registrations in read)

    @property
    def dollars(self) -> float:
        """The price, without logs."""
        return self.other_dollars + self.write_units * WRITE_UNIT + self.read_units * READ_UNIT


def _between(document: Document, plugins: int, figure: Callable[[Any], float]) -> float:
    results = document["results"]
    points = [(load.plugins, float(figure(results[load.name]))) for load in GROWTH if load.name in results]
    for (fewer, low), (more, high) in itertools.pairwise(points):
        if fewer <= plugins <= more:
            return low + (high - low) * (plugins - fewer) / (more - fewer)
    raise ValueError(
        f"{plugins} plugins lie outside of what was counted, W(1,P) for P in {[p for p, _ in points]}: "
        "count W(1,1) and W(1,200) first"
    )
