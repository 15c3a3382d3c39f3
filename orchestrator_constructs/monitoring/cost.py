"""An estimate of what a deployment costs, computed from what it uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.core.function import memory_mb
from orchestrator_constructs.core.stores import CoreStores
from orchestrator_constructs.monitoring.expressions import search
from orchestrator_runtime.contract import ACTIVE_RUNS, DUE_ACTIVITIES, PLUGIN_DIMENSIONS, Handler, Metric

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
    "- Lambda: invocations and duration of the core's functions; not of plugins.\n"
    "- Step Functions: one transition for each invocation of begin-run, open-activity and end-run.\n"
    "- DynamoDB: units that tables and indexes consumed; not storage and backups.\n"
    "- SNS: at most one publish for each invocation of a plugin.\n"
    "- SQS: messages of the results queue, sent, received and deleted one by one.\n\n"
    "Logs, metrics and alarms are not in it."
)


def estimates(core: OrchestratorCore, functions: Mapping[Handler, lambda_.IFunction]) -> list[cloudwatch.IMetric]:
    """Dollars an hour, one line for each service."""
    return [
        _of_functions(functions, core.parts.options.architecture),
        _of_transitions(functions),
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
    calls, durations, gigabyte_milliseconds = {}, {}, []
    for handler, function in functions.items():
        name = handler.name.lower()
        calls[f"calls_{name}"] = function.metric_invocations(period=HOUR)
        durations[f"ms_{name}"] = function.metric_duration(period=HOUR, statistic=_SUM)
        gigabyte_milliseconds.append(f"FILL(ms_{name}, 0) * {memory_mb(handler) / 1024:g}")
    price = _GB_SECOND.get(architecture.name, _GB_SECOND["x86_64"])
    return _dollars(
        f"{_total(list(calls))} * {_CALL} + ({' + '.join(gigabyte_milliseconds)}) / 1000 * {price}",
        {**calls, **durations},
        "Lambda",
    )


def _of_transitions(functions: Mapping[Handler, lambda_.IFunction]) -> cloudwatch.MathExpression:
    entries = {
        f"entries_{handler.name.lower()}": functions[handler].metric_invocations(period=HOUR)
        for handler in (Handler.BEGIN_RUN, Handler.OPEN_ACTIVITY, Handler.END_RUN)
    }
    return _dollars(f"{_total(list(entries))} * {_TRANSITION}", entries, "Step Functions")


def _of_tables(stores: CoreStores) -> cloudwatch.MathExpression:
    units: dict[str, dict[str, cloudwatch.IMetric]] = {"Write": {}, "Read": {}}
    tables = {"status": stores.status, "control": stores.control, "registry": stores.registry}
    indexes = {ACTIVE_RUNS: stores.status, DUE_ACTIVITIES: stores.control}
    for kind, metrics in units.items():
        consumed = f"Consumed{kind}CapacityUnits"
        for name, table in tables.items():
            metrics[f"{kind.lower()}s_{name}"] = table.metric(consumed, period=HOUR, statistic=_SUM)
        for index, table in indexes.items():
            metrics[f"{kind.lower()}s_{index}"] = cloudwatch.Metric(
                namespace="AWS/DynamoDB",
                metric_name=consumed,
                dimensions_map={"TableName": table.table_name, "GlobalSecondaryIndexName": index},
                period=HOUR,
                statistic=_SUM,
            )
    writes, reads = units["Write"], units["Read"]
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
