"""What a deployment costs, reckoned from what it uses. An estimate: the bill is AWS's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.core.function import MEMORY_MB
from orchestrator_constructs.core.stores import CoreStores
from orchestrator_constructs.monitoring.expressions import search
from orchestrator_runtime.contract import ACTIVE_RUNS, PLUGIN_DIMENSIONS, STAGE_DIMENSIONS, Handler, Metric

# Dollars in us-east-1, November 2026; free tiers and discounts left out.
_CALL: Final = "0.0000002"
_GB_SECOND: Final = {"arm64": "0.0000133334", "x86_64": "0.0000166667"}
_TRANSITION: Final = "0.000025"
_WRITE_UNIT: Final = "0.000000625"
_READ_UNIT: Final = "0.000000125"
_PUBLISH: Final = "0.0000005"
_REQUEST: Final = "0.0000004"

HOUR: Final = Duration.hours(1)
_SUM: Final = cloudwatch.Stats.SUM

INCLUDED: Final = (
    "**Estimate** of what the core uses in an hour, in dollars at the prices of us-east-1, without free tiers.\n\n"
    "- Lambda: calls and duration of the core's functions; not of plugins.\n"
    "- Step Functions: 2 transitions for each attempt at a run and 4 for each activity, counted by what the core "
    "logs; AWS counts none by state machine.\n"
    "- DynamoDB: units that the tables consumed; not storage and backups.\n"
    "- SNS: at most one publish for each call of a plugin.\n"
    "- SQS: messages of the results queue, sent, received and deleted one by one.\n\n"
    "Logs, metrics and alarms are not in it."
)


def estimates(core: OrchestratorCore, functions: Mapping[Handler, lambda_.IFunction]) -> list[cloudwatch.IMetric]:
    """Dollars an hour, one line for each service."""
    return [
        _of_functions(functions, core.parts.options.architecture),
        _of_transitions(core),
        _of_tables(core.parts.stores),
        _of_publishes(core),
        _of_requests(core),
    ]


def _dollars(expression: str, metrics: Mapping[str, cloudwatch.IMetric], label: str) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(expression=expression, using_metrics=metrics, label=label, period=HOUR)


def _total(names: Sequence[str]) -> str:
    return "(" + " + ".join(f"FILL({name}, 0)" for name in names) + ")"


def _of_functions(
    functions: Mapping[Handler, lambda_.IFunction], architecture: lambda_.Architecture
) -> cloudwatch.MathExpression:
    calls, durations = {}, {}
    for handler, function in functions.items():
        name = handler.name.lower()
        calls[f"calls_{name}"] = function.metric_invocations(period=HOUR)
        durations[f"ms_{name}"] = function.metric_duration(period=HOUR, statistic=_SUM)
    gigabyte_seconds = f"{_total(list(durations))} / 1000 * {MEMORY_MB / 1024:g}"
    price = _GB_SECOND.get(architecture.name, _GB_SECOND["x86_64"])
    return _dollars(f"{_total(list(calls))} * {_CALL} + {gigabyte_seconds} * {price}", {**calls, **durations}, "Lambda")


def _of_transitions(core: OrchestratorCore) -> cloudwatch.MathExpression:
    stages = search(core.deployment, Metric.STAGE_DURATION, STAGE_DIMENSIONS, cloudwatch.Stats.SAMPLE_COUNT)
    waits = search(core.deployment, Metric.STAGE_WAITS, STAGE_DIMENSIONS, _SUM)
    attempts = {
        "started": core.metric_runs_started(period=HOUR),
        "resumed": core.metric_runs_resumed(period=HOUR),
    }
    # An activity has three stages, and four transitions of its own and its workflow's; each wait has one.
    return _dollars(
        f"({_total(list(attempts))} * 2 + FILL(SUM({stages}), 0) * 4 / 3 + FILL(SUM({waits}), 0)) * {_TRANSITION}",
        attempts,
        "Step Functions",
    )


def _of_tables(stores: CoreStores) -> cloudwatch.MathExpression:
    writes, reads = {}, {}
    for name, table in {"status": stores.status, "control": stores.control, "registry": stores.registry}.items():
        writes[f"writes_{name}"] = table.metric("ConsumedWriteCapacityUnits", period=HOUR, statistic=_SUM)
        reads[f"reads_{name}"] = table.metric("ConsumedReadCapacityUnits", period=HOUR, statistic=_SUM)
    index = {"TableName": stores.status.table_name, "GlobalSecondaryIndexName": ACTIVE_RUNS}
    for units, metrics, name in (("Write", writes, "writes_index"), ("Read", reads, "reads_index")):
        metrics[name] = cloudwatch.Metric(
            namespace="AWS/DynamoDB",
            metric_name=f"Consumed{units}CapacityUnits",
            dimensions_map=index,
            period=HOUR,
            statistic=_SUM,
        )
    return _dollars(
        f"{_total(list(writes))} * {_WRITE_UNIT} + {_total(list(reads))} * {_READ_UNIT}",
        {**writes, **reads},
        "DynamoDB",
    )


def _of_publishes(core: OrchestratorCore) -> cloudwatch.MathExpression:
    calls = search(core.deployment, Metric.PLUGIN_ERRORS, PLUGIN_DIMENSIONS, cloudwatch.Stats.SAMPLE_COUNT)
    return _dollars(f"FILL(SUM({calls}), 0) * {_PUBLISH}", {}, "SNS")


def _of_requests(core: OrchestratorCore) -> cloudwatch.MathExpression:
    queue = core.results_queue
    requests = {
        "sent": queue.metric_number_of_messages_sent(period=HOUR),
        "received": queue.metric_number_of_messages_received(period=HOUR),
        "deleted": queue.metric_number_of_messages_deleted(period=HOUR),
        "empty": queue.metric_number_of_empty_receives(period=HOUR),
    }
    return _dollars(f"{_total(list(requests))} * {_REQUEST}", requests, "SQS")
