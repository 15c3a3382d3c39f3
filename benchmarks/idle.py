"""What a deployed system costs a month when nothing runs, by service. Arithmetic; ``tests/benchmarks/test_idle.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.prices import (
    ASSUMED_MILLISECONDS,
    GIGABYTE_SECOND_ARM,
    INVOCATION,
    METRIC_MONTH,
    READ_UNIT,
    SQS_REQUEST,
)
from orchestrator_runtime.contract import ACTIVE_RUNS_PARTITIONS, CHECK_DEADLINES_EVERY_SECONDS, DUE_SHARDS

MONTH_SECONDS: Final = 730 * 3600
HOURS: Final = 730
POLLERS: Final = 5
"""Long polls that Lambda keeps open to a queue while nothing arrives."""
LONG_POLL_SECONDS: Final = 20
CHECK_GIGABYTES: Final = 1.0
OTHER_GIGABYTES: Final = 0.5
HOURLY: Final = ("sweep-runs", "reconcile")
EMPTY_QUERY: Final = 0.5
"""Read units of a query of an index that finds nothing."""
ALARM_MONTH: Final = 0.10
KEY_MONTH: Final = 1.00
ALARMS: Final = 27
"""Of ``WorkflowMonitoring``."""
CORE_ALARMS: Final = 4
"""One for each dead-letter queue of the core."""
GAUGES: Final = 2
"""``ActiveRuns`` and ``OverdueRuns``, of all workflows and of each."""


@dataclass(frozen=True, slots=True)
class Idle:
    """One line of the bill.

    Attributes:
        service: The service.
        what: What is billed, in words.
        core: Dollars a month of the core alone.
        monitoring: Dollars a month that ``WorkflowMonitoring`` adds, for one workflow.
    """

    service: str
    what: str
    core: float
    monitoring: float


def idle(workflows: int = 1) -> list[Idle]:
    """The bill of a month.

    Args:
        workflows: How many workflows there are.
    """
    each_minute = MONTH_SECONDS // CHECK_DEADLINES_EVERY_SECONDS
    watches = MONTH_SECONDS // 60
    polls = POLLERS * MONTH_SECONDS // LONG_POLL_SECONDS
    hourly = len(HOURLY) * HOURS
    # Two queries of each partition: one counts the runs in progress, one reads how old the oldest is.
    watched = watches * (2 * ACTIVE_RUNS_PARTITIONS * EMPTY_QUERY + 1)
    return [
        Idle(
            "SQS",
            f"{POLLERS} long polls of the results queue: {polls:,} receives. As many again for each `QueuePlugin`",
            polls * SQS_REQUEST,
            0,
        ),
        Idle(
            "Lambda",
            f"{each_minute:,} invocations of `check-deadlines`, {hourly:,} of `sweep-runs` and `reconcile`; "
            f"{watches:,} of `watch-runs`",
            _invocations(each_minute, CHECK_GIGABYTES) + _invocations(hourly, OTHER_GIGABYTES),
            _invocations(watches, OTHER_GIGABYTES),
        ),
        Idle(
            "DynamoDB",
            f"{DUE_SHARDS} empty queries of the due index each minute; the index of runs in progress",
            (each_minute * DUE_SHARDS + HOURS * ACTIVE_RUNS_PARTITIONS) * EMPTY_QUERY * READ_UNIT,
            watched * READ_UNIT,
        ),
        Idle(
            "CloudWatch",
            f"{CORE_ALARMS} alarms of dead-letter queues; {ALARMS} alarms and {GAUGES * (1 + workflows)} gauges",
            CORE_ALARMS * ALARM_MONTH,
            ALARMS * ALARM_MONTH + GAUGES * (1 + workflows) * METRIC_MONTH,
        ),
        Idle("KMS", "the key of the alerts' topic", 0, KEY_MONTH),
        Idle("Step Functions, SNS, EventBridge, SSM", "state machines, topics, rules and parameters that wait", 0, 0),
    ]


def _invocations(count: float, gigabytes: float) -> float:
    return count * (INVOCATION + gigabytes * ASSUMED_MILLISECONDS / 1000 * GIGABYTE_SECOND_ARM)
