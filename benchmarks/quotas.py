"""Quotas of AWS that runs use up, with their defaults in a large region, and what a run takes of each.

Large regions are N. Virginia, Oregon and Ireland; SNS publishes there at different rates, and N. Virginia's is taken.
Looked up in November 2026, where ``source`` says. New accounts may have less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from benchmarks.average_run import ACTIVITIES, CALL_SECONDS, INDEX_WRITES, AverageRun
from orchestrator_runtime.contract import ACTIVE_RUNS_PARTITIONS, DUE_SHARDS

_AWS: Final = "https://docs.aws.amazon.com"
STEP_FUNCTIONS: Final = f"{_AWS}/step-functions/latest/dg/service-quotas.html"
LAMBDA: Final = f"{_AWS}/lambda/latest/dg/gettingstarted-limits.html"
READERS: Final = f"{_AWS}/lambda/latest/dg/services-sqs-scaling.html"
PROVISIONED: Final = (
    "https://aws.amazon.com/blogs/aws/"
    "aws-lambda-enhances-sqs-processing-with-new-provisioned-mode-3x-faster-scaling-16x-higher-capacity"
)
SQS: Final = f"{_AWS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"
SNS: Final = f"{_AWS}/general/latest/gr/sns.html"
DYNAMODB: Final = f"{_AWS}/amazondynamodb/latest/developerguide/ServiceQuotas.html"
PARTITIONS: Final = f"{_AWS}/amazondynamodb/latest/developerguide/bp-partition-key-design.html"

CONCURRENCY: Final = 1_000
REQUESTS_FOR_EACH: Final = 10
"""Requests a second for each concurrent execution that is allowed; asynchronous calls by AWS are not counted."""
WRITES_BELOW_A_KEY: Final = 1_000
READS_BELOW_A_KEY: Final = 3_000


class Scope(StrEnum):
    """Who shares a quota."""

    ACCOUNT = "account and region"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota.

    Attributes:
        name: What is limited.
        at_most: The default.
        takes: What a run takes of it. Of what is limited at once: for how many seconds it holds one.
        per: Of what that is so many, and whether a second or at once.
        scope: Who shares it.
        raised_by_aws: Whether AWS raises it on request.
        lift: What to do about it.
        source: Where it is documented.
    """

    name: str
    at_most: float
    takes: Callable[[AverageRun], float]
    per: str
    scope: Scope
    raised_by_aws: bool
    lift: str
    source: str

    def utilisation(self, run: AverageRun, runs_per_second: float) -> float:
        """How much of it so many runs a second use up; 1 is all."""
        return runs_per_second * self.takes(run) / self.at_most

    def bears(self, run: AverageRun) -> float:
        """How many runs a second use all of it up."""
        return self.at_most / self.takes(run)


_SECOND, _ONCE = "a second", "at once"

QUOTAS: Final = (
    Quota(
        "`StartExecution`",
        300,
        lambda run: run.executions,
        _SECOND,
        Scope.ACCOUNT,
        raised_by_aws=True,
        lift="a request; 1,300 may come at once",
        source=STEP_FUNCTIONS,
    ),
    Quota(
        "`SendTaskSuccess`",
        500,
        lambda run: run.answers,
        _SECOND,
        Scope.ACCOUNT,
        raised_by_aws=True,
        lift="a request; 3,000 may come at once",
        source=STEP_FUNCTIONS,
    ),
    Quota(
        "state transitions",
        5_000,
        lambda run: run.transitions,
        _SECOND,
        Scope.ACCOUNT,
        raised_by_aws=True,
        lift="a request; 5,000 may come at once",
        source=STEP_FUNCTIONS,
    ),
    Quota(
        "functions at work",
        CONCURRENCY,
        lambda run: (run.core_calls + run.plugin_calls) * CALL_SECONDS,
        _ONCE,
        Scope.ACCOUNT,
        raised_by_aws=True,
        lift="a request. `reserved_concurrency` keeps a share for the core, where plugins use up the rest",
        source=LAMBDA,
    ),
    Quota(
        "calls that wait",
        CONCURRENCY * REQUESTS_FOR_EACH,
        lambda run: run.core_calls,
        _SECOND,
        Scope.ACCOUNT,
        raised_by_aws=True,
        lift="grows with functions at work, ten for each; plugins are called without waiting",
        source=LAMBDA,
    ),
    Quota(
        "messages published",
        30_000,
        lambda run: run.publishes,
        _SECOND,
        Scope.ACCOUNT,
        raised_by_aws=True,
        lift="a request; 9,000 in Oregon and Ireland",
        source=SNS,
    ),
    Quota(
        "batches read",
        1_250,
        lambda run: run.batches * CALL_SECONDS,
        _ONCE,
        Scope.DEPLOYMENT,
        raised_by_aws=False,
        lift=f"nothing yet: Lambda's [provisioned mode]({PROVISIONED}) reads up to 20,000, and there is no prop for "
        "it. `reserved_concurrency` of `record_result` lowers it, to 1,000 at most",
        source=READERS,
    ),
    Quota(
        "reports in flight",
        120_000,
        lambda run: run.reports * CALL_SECONDS,
        _ONCE,
        Scope.DEPLOYMENT,
        raised_by_aws=True,
        lift="a request",
        source=SQS,
    ),
    Quota(
        "table writes",
        40_000,
        lambda run: run.write_units,
        "units a second",
        Scope.DEPLOYMENT,
        raised_by_aws=True,
        lift="a request, for each table; here all units of a run count as one table's",
        source=DYNAMODB,
    ),
    Quota(
        "table reads",
        40_000,
        lambda run: run.read_units,
        "units a second",
        Scope.DEPLOYMENT,
        raised_by_aws=True,
        lift="a request, for each table; here all units of a run count as one table's",
        source=DYNAMODB,
    ),
    Quota(
        "index writes",
        ACTIVE_RUNS_PARTITIONS * WRITES_BELOW_A_KEY,
        lambda _run: INDEX_WRITES,
        "units a second",
        Scope.DEPLOYMENT,
        raised_by_aws=False,
        lift=f"more partitions than {ACTIVE_RUNS_PARTITIONS}, `ACTIVE_RUNS_PARTITIONS` in `contract.py`; "
        "runs in progress are found in the old ones",
        source=PARTITIONS,
    ),
    Quota(
        "due index writes",
        DUE_SHARDS * WRITES_BELOW_A_KEY,
        lambda _run: ACTIVITIES * INDEX_WRITES,
        "units a second",
        Scope.DEPLOYMENT,
        raised_by_aws=False,
        lift=f"more shards than {DUE_SHARDS}, `DUE_SHARDS` in `contract.py`",
        source=PARTITIONS,
    ),
    Quota(
        "registry reads",
        READS_BELOW_A_KEY,
        lambda run: run.registry_units,
        "units a second",
        Scope.DEPLOYMENT,
        raised_by_aws=False,
        lift="nothing yet: the registrations of an activity are below one key, and each run reads all of them. "
        "Several activities with fewer plugins each",
        source=PARTITIONS,
    ),
)

OPEN_EXECUTIONS: Final = Quota(
    "open executions",
    1_000_000,
    lambda run: run.executions,
    _ONCE,
    Scope.ACCOUNT,
    raised_by_aws=True,
    lift="a request; how many are open depends on how long runs last",
    source=STEP_FUNCTIONS,
)
"""``takes`` is for a run that lasts a second."""
