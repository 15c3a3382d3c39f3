"""Reads every item below a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator_runtime.stores.items import text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item


def query_all(client: DynamoDBClient, table: str, uid: str, prefix: str) -> Iterator[Item]:
    """Read the items of a uid whose path begins so, page by page, consistently."""
    pages = client.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="uid = :uid AND begins_with(#path, :prefix)",
        ExpressionAttributeNames={"#path": "path"},
        ExpressionAttributeValues={":uid": text(uid), ":prefix": text(prefix)},
        ConsistentRead=True,
    )
    for page in pages:
        yield from page["Items"]
