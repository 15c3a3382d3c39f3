"""The status table's index of the runs in progress."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orchestrator_runtime.contract import ACTIVE_RUNS, ACTIVE_RUNS_PARTITIONS
from orchestrator_runtime.core.records import ActiveRun
from orchestrator_runtime.stores.items import active_run_of, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoActiveRuns:
    """Implements ``execution_ports.ActiveRuns``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def runs(self) -> Iterator[ActiveRun]:
        """See ``execution_ports.ActiveRuns``."""
        for partition in range(ACTIVE_RUNS_PARTITIONS):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=ACTIVE_RUNS,
                KeyConditionExpression="active = :partition",
                ExpressionAttributeValues={":partition": text(str(partition))},
            )
            for page in pages:
                yield from map(active_run_of, page["Items"])
