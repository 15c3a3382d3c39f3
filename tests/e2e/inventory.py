"""Everything that an AWS has of what the library's stacks define, to be compared before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator_cli.local import LocalEnvironment

_LISTS = [
    ("cloudformation", "describe_stacks", "Stacks", "StackName"),
    ("cloudformation", "list_exports", "Exports", "Name"),
    ("dynamodb", "list_tables", "TableNames", None),
    ("sqs", "list_queues", "QueueUrls", None),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    ("lambda", "list_layers", "Layers", "LayerName"),
    ("stepfunctions", "list_state_machines", "stateMachines", "name"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("ssm", "describe_parameters", "Parameters", "Name"),
    ("events", "list_rules", "Rules", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("iam", "list_policies", "Policies", "PolicyName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
]
_ONE_PAGE = {"list_rules"}
"""Lists that boto3 has no paginator for; an AWS with so few of them answers with one page."""


def inventory(aws: LocalEnvironment) -> dict[str, set[str]]:
    """Names, by service and the list that they are in: ``{"sqs Queues": {…}}``."""
    found: dict[str, set[str]] = {}
    for service, operation, key, name in _LISTS:
        scope = {"Scope": "Local"} if operation == "list_policies" else {}
        entries = _entries(aws.client(service), operation, key, scope)  # type: ignore[call-overload]
        found[f"{service} {key}"] = {str(entry if name is None else entry[name]) for entry in entries}
    return found


def more(after: dict[str, set[str]], before: dict[str, set[str]]) -> dict[str, set[str]]:
    """What one has and the other had not."""
    return {what: gained for what, names in after.items() if (gained := names - before[what])}


def _entries(client: Any, operation: str, key: str, options: dict[str, str]) -> Iterator[Any]:
    if operation in _ONE_PAGE:
        yield from getattr(client, operation)(**options)[key]
        return
    for page in client.get_paginator(operation).paginate(**options):
        yield from page.get(key, [])
