"""Reads items, consistently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator_runtime.stores.items import Values, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item, NewItem


def get_live(client: DynamoDBClient, table: str, key: NewItem, *, now: datetime) -> Item | None:
    """Read an item; one that has expired is absent, though DynamoDB may not have deleted it yet."""
    item = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    return item if item and not Values(item).expired(now) else None


def query_all(client: DynamoDBClient, table: str, uid: str, prefix: str) -> Iterator[Item]:
    """Read the items of a uid whose path begins so, page by page."""
    pages = client.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="uid = :uid AND begins_with(#path, :prefix)",
        ExpressionAttributeNames={"#path": "path"},
        ExpressionAttributeValues={":uid": text(uid), ":prefix": text(prefix)},
        ConsistentRead=True,
    )
    for page in pages:
        yield from page["Items"]
