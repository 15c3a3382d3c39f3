"""The status table's index of the runs in progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import ACTIVE_RUNS, ACTIVE_RUNS_PARTITIONS, TableAttribute
from orchestrator_runtime.core.records import ActiveRun
from orchestrator_runtime.stores.items import active_run_of, iso, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_AT_ONCE: Final = 1_000
"""Runs that a count reads one by one from a partition before it lets DynamoDB count."""
_BEFORE_ALL: Final = "/"
"""Sorts before the first character of every workflow's name."""
_AFTER_SLASH: Final = chr(ord("/") + 1)
"""What begins with ``New/`` sorts before ``New0``, and so does no run of a workflow that comes after ``New``."""


class DynamoActiveRuns:
    """Implements ``execution_ports.ActiveRuns`` and ``watch_ports.RunsInProgress``.

    Args:
        client: The DynamoDB client.
        table: The status table's name.
        at_once: How many runs of a partition counting reads at once.
    """

    def __init__(self, client: DynamoDBClient, table: str, *, at_once: int = _AT_ONCE) -> None:
        self._client = client
        self._table = table
        self._at_once = at_once

    def runs(self) -> Iterator[ActiveRun]:
        """See ``execution_ports.ActiveRuns``."""
        for partition in range(ACTIVE_RUNS_PARTITIONS):
            yield from self._read(partition, "")

    def started_until(self, workflow: str, until: datetime) -> Iterator[ActiveRun]:
        """See ``watch_ports.RunsInProgress``."""
        for partition in range(ACTIVE_RUNS_PARTITIONS):
            yield from self._read(
                partition,
                " AND active_since BETWEEN :first AND :last",
                {":first": text(f"{workflow}/"), ":last": text(f"{workflow}/{iso(until)}")},
            )

    def count(self) -> Mapping[str, int]:
        """See ``watch_ports.RunsInProgress``.

        Where there are few runs, one query a partition reads them all. Where there are many, DynamoDB counts those of a
        workflow, and sends none of them; the next query starts after that workflow. No list of workflows is needed.
        """
        counts: Counter[str] = Counter()
        for partition in range(ACTIVE_RUNS_PARTITIONS):
            after: str | None = _BEFORE_ALL
            while after is not None:
                after = self._count_after(partition, after, counts)
        return counts

    def _count_after(self, partition: int, after: str, counts: Counter[str]) -> str | None:
        """Count the first runs behind a place, and all of the last one's workflow; say where to go on, if anywhere."""
        page: Any = self._client.query(
            **self._request(partition, " AND active_since > :after", {":after": text(after)}),
            ProjectionExpression=TableAttribute.ACTIVE_SINCE,
            Limit=self._at_once,
        )
        workflows: list[str] = [item["active_since"]["S"].partition("/")[0] for item in page["Items"]]
        counts.update(workflows)
        if "LastEvaluatedKey" not in page:
            return None
        rest = self._request(partition, " AND begins_with(active_since, :of)", {":of": text(f"{workflows[-1]}/")})
        start: Any = page["LastEvaluatedKey"]
        while start:
            answer = self._client.query(**rest, Select="COUNT", ExclusiveStartKey=start)
            counts[workflows[-1]] += answer["Count"]
            start = answer.get("LastEvaluatedKey")
        return workflows[-1] + _AFTER_SLASH

    def _read(self, partition: int, condition: str, values: Mapping[str, Any] | None = None) -> Iterator[ActiveRun]:
        pages = self._client.get_paginator("query").paginate(**self._request(partition, condition, values or {}))
        for page in pages:
            yield from map(active_run_of, page["Items"])

    def _request(self, partition: int, condition: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "IndexName": ACTIVE_RUNS,
            "KeyConditionExpression": f"active = :partition{condition}",
            "ExpressionAttributeValues": {":partition": text(str(partition)), **values},
        }
