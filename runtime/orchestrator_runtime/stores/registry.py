"""The registry in DynamoDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.stores.items import Values, item_of, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item, NewItem


class DynamoRegistry:
    """Implements ``ports.Registry``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def registrations(self, activity: str, stage: Stage) -> Sequence[Registration]:
        """See ``ports.Registry``."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="#stage = :stage",
            ExpressionAttributeNames={"#stage": "stage"},
            ExpressionAttributeValues={":stage": text(f"{activity}/{stage}")},
            ConsistentRead=True,
        )
        return [registration_of(item) for page in pages for item in page["Items"]]

    def put(self, registration: Registration) -> None:
        """See ``ports.Registry``."""
        self._client.put_item(TableName=self._table, Item=registration_item(registration))

    def delete(self, activity: str, stage: Stage, subscription_arn: str) -> None:
        """See ``ports.Registry``."""
        key = item_of({"stage": f"{activity}/{stage}", "subscription_arn": subscription_arn})
        self._client.delete_item(TableName=self._table, Key=key)


def registration_item(registration: Registration) -> NewItem:
    """A registration as it stands in the table."""
    values = asdict(registration)
    del values["activity"]
    return item_of(
        {
            **values,
            "stage": registration.key,
            "function": registration.function,
            "filter_policy": compact_json(registration.filter_policy),
            "sender_role_ids": compact_json(registration.sender_role_ids) if registration.sender_role_ids else None,
        }
    )


def registration_of(item: Item) -> Registration:
    """Read a registration."""
    values = Values(item)
    activity, _, stage = item["stage"]["S"].rpartition("/")
    return Registration(
        activity=activity,
        stage=Stage(stage),
        name=item["name"]["S"],
        subscription_arn=item["subscription_arn"]["S"],
        endpoint=item["endpoint"]["S"],
        protocol=item["protocol"]["S"],
        kind=item["kind"]["S"],
        owner=values.text("owner") or "",
        filter_policy=values.document("filter_policy") or {},
        filter_policy_scope=item["filter_policy_scope"]["S"],
        mandatory=values.flag("mandatory"),
        order=int(item["order"]["N"]),
        always_run=values.flag("always_run"),
        timeout_seconds=values.whole("timeout_seconds"),
        start_within_seconds=values.whole("start_within_seconds"),
        reports_start=values.flag("reports_start"),
        sender_role_ids=tuple(values.document("sender_role_ids") or ()),
        description=values.text("description"),
        problem=values.text("problem"),
        seen_at=values.time("seen_at"),
    )
