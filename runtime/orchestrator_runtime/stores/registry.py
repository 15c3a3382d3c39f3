"""The registry in DynamoDB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import Registration
from orchestrator_runtime.stores.items import item_of, registration_item, registration_of, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


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
