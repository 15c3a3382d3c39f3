"""The control table's index of activities by due time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import DUE_ACTIVITIES, DUE_SHARDS, TableAttribute
from orchestrator_runtime.core.records import DueActivity
from orchestrator_runtime.stores.items import text, time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PER_SHARD: Final = 500
"""Activities that one listing reads from a shard: 8,000 in all."""
_PER_PAGE: Final = 100


class DynamoDueActivities:
    """Implements ``ports.DueActivities``.

    Args:
        client: The DynamoDB client.
        table: The control table's name.
        per_shard: The number of activities that one listing returns from each shard at most. The others are due in
            the next listing.
        per_page: The number of activities that one query returns at most.
    """

    def __init__(
        self, client: DynamoDBClient, table: str, *, per_shard: int = _PER_SHARD, per_page: int = _PER_PAGE
    ) -> None:
        self._client = client
        self._table = table
        self._per_shard = per_shard
        self._per_page = per_page

    def due(self, now: datetime) -> Iterator[DueActivity]:
        """See ``ports.DueActivities``.

        A shard's next page is read when its last one is used up, so that a caller that stops early reads no more.
        """
        shards = (self._of_shard(shard, now) for shard in range(DUE_SHARDS))
        return merge(*shards, key=lambda activity: activity.due_at)

    def _of_shard(self, shard: int, now: datetime) -> Iterator[DueActivity]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=DUE_ACTIVITIES,
            KeyConditionExpression="due_shard = :shard AND due_at <= :now",
            ExpressionAttributeValues={":shard": text(str(shard)), ":now": time(now)},
            PaginationConfig={"MaxItems": self._per_shard, "PageSize": self._per_page},
        )
        for page in pages:
            yield from map(_due_of, page["Items"])


def _due_of(item: Any) -> DueActivity:  # noqa: ANN401 - an item as the client answers
    workflow, activity, _ = item[TableAttribute.PATH]["S"].split("/")
    return DueActivity(
        uid=item[TableAttribute.UID]["S"],
        workflow=workflow,
        activity=activity,
        due_at=datetime.fromisoformat(item[TableAttribute.DUE_AT]["S"]),
    )
