"""So many runs a second, on paper: which quotas give way, in what order, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.average_run import INDEX_WRITES, AverageRun
from benchmarks.floor import OTHERS, STAGES
from benchmarks.prices import LOGGED_GIGABYTE, METRIC_MONTH, MILLION
from benchmarks.quotas import OPEN_EXECUTIONS, QUOTAS, WRITES_BELOW_A_KEY, Quota
from orchestrator_runtime.contract import DEFAULT_RETENTION_DAYS

MONTH_SECONDS: Final = 730 * 3600
DAY_SECONDS: Final = 86_400
DEFAULT_RUN_DAYS: Final = 30
"""A workflow's timeout."""
FULL: Final = 0.8
"""A quota of which so much is used has no room for an hour that is busier than others."""

# The metrics of one workflow and one activity, if each happens.
RUN_METRICS: Final = 10
"""Once for all workflows, and once for each."""
STAGE_METRICS: Final = 1
PLUGIN_METRICS: Final = 4
CORE_METRICS: Final = 3


@dataclass(frozen=True, slots=True)
class Binding:
    """How much of a quota is used up.

    Attributes:
        quota: The quota.
        utilisation: 1 is all.
    """

    quota: Quota
    utilisation: float

    @property
    def asked(self) -> float:
        """What the quota has to be, so that there is room left."""
        return self.quota.at_most * self.utilisation / FULL

    @property
    def full(self) -> bool:
        """Whether there is no room left."""
        return self.utilisation >= FULL


def binding(run: AverageRun, runs_per_second: float) -> list[Binding]:
    """All quotas, the one that gives way first before the others."""
    all_of_them = (Binding(quota, quota.utilisation(run, runs_per_second)) for quota in QUOTAS)
    return sorted(all_of_them, key=lambda one: -one.utilisation)


def shares(bound: Iterable[Binding], *, raised: bool) -> int:
    """Into how many parts runs have to be divided, each a deployment, so that no quota is used up.

    Args:
        bound: The quotas.
        raised: Whether AWS has raised what it raises, as far as it takes. Else each part needs an account or a region
            of its own.
    """
    hold = (one.utilisation for one in bound if not (raised and one.quota.raised_by_aws))
    return max(1, math.ceil(max(hold)))


def index_partitions(runs_per_second: float) -> int:
    """Of the index of runs in progress, so many that it has room."""
    return math.ceil(runs_per_second * INDEX_WRITES / WRITES_BELOW_A_KEY / FULL)


def longest_mean_run(run: AverageRun, runs_per_second: float) -> float:
    """Seconds that runs may last on average before all open executions are used up."""
    return OPEN_EXECUTIONS.bears(run) / runs_per_second


@dataclass(frozen=True, slots=True)
class Bill:
    """What runs cost, in dollars at list prices.

    Attributes:
        run: What one takes.
        runs_per_second: How many start.
    """

    run: AverageRun
    runs_per_second: float

    @property
    def runs_a_month(self) -> float:
        """In a month of 730 hours."""
        return self.runs_per_second * MONTH_SECONDS

    @property
    def per_million(self) -> float:
        """A million runs, without logs."""
        return self.run.dollars * MILLION

    @property
    def logs_per_million(self) -> float:
        """The ingestion of what a million runs log."""
        return self.run.logged_bytes * MILLION / 1e9 * LOGGED_GIGABYTE

    @property
    def a_month(self) -> float:
        """Of all runs, without logs."""
        return self.run.dollars * self.runs_a_month

    @property
    def logs_a_month(self) -> float:
        """Of what all runs log."""
        return self.logs_per_million / MILLION * self.runs_a_month

    @property
    def plan_gigabytes(self) -> float:
        """Of the parallel stages' expected sets, as long as the items of a run are kept by default."""
        kept = (DEFAULT_RUN_DAYS + DEFAULT_RETENTION_DAYS) * DAY_SECONDS
        return self.run.plan_bytes * self.runs_per_second * kept / 1e9

    @property
    def metrics_a_month(self) -> float:
        """Of the metrics that the core writes by default for one workflow and one activity, at most."""
        plugins = self.run.plugins + OTHERS
        count = 2 * RUN_METRICS + STAGES * STAGE_METRICS + plugins * PLUGIN_METRICS + CORE_METRICS
        return count * METRIC_MONTH
