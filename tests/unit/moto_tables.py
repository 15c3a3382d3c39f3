"""The three tables as the constructs define them, on moto's DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from orchestrator_runtime.contract import ACTIVE_RUNS, DUE_ACTIVITIES, REGISTRY_BY_FUNCTION, TableAttribute

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "eu-west-1"
STATUS = "status"
CONTROL = "control"
REGISTRY = "registry"

_KEYS = {
    STATUS: (TableAttribute.UID, TableAttribute.PATH),
    CONTROL: (TableAttribute.UID, TableAttribute.PATH),
    REGISTRY: (TableAttribute.ACTIVITY, TableAttribute.REGISTRATION),
}

INDEXES: dict[str, Any] = {
    STATUS: {
        "name": ACTIVE_RUNS,
        "keys": (TableAttribute.ACTIVE, TableAttribute.ACTIVE_SINCE),
        "projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["workflow", "attempt", "execution"]},
    },
    CONTROL: {
        "name": DUE_ACTIVITIES,
        "keys": (TableAttribute.DUE_SHARD, TableAttribute.DUE_AT),
        "projection": {"ProjectionType": "KEYS_ONLY"},
    },
    REGISTRY: {
        "name": REGISTRY_BY_FUNCTION,
        "keys": (TableAttribute.FUNCTION,),
        "projection": {"ProjectionType": "ALL"},
    },
}


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    @property
    def epoch(self) -> int:
        return int(self.now.timestamp())

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def create_tables(client: DynamoDBClient) -> None:
    for table, (partition, sort) in _KEYS.items():
        index = INDEXES.get(table)
        names = [partition, sort, *(index["keys"] if index else ())]
        indexes: Any = {}
        if index:
            kinds = ("HASH", "RANGE")[: len(index["keys"])]
            keys = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(index["keys"], kinds, strict=True)]
            described = {"IndexName": index["name"], "KeySchema": keys, "Projection": index["projection"]}
            indexes = {"GlobalSecondaryIndexes": [described]}
        client.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": partition, "KeyType": "HASH"},
                {"AttributeName": sort, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            **indexes,
        )


def items(client: DynamoDBClient, table: str) -> list[dict[str, Any]]:
    """Everything that a table holds."""
    return [item for page in client.get_paginator("scan").paginate(TableName=table) for item in page["Items"]]


def refuse_bad_keys(params: Mapping[str, Any], **_: Any) -> None:
    """Refuse keys as DynamoDB does; moto lets them pass. A handler of botocore's ``before-parameter-build``."""
    for name, value in (params.get("Key") or params.get("Item") or {}).items():
        if name not in {key for keys in _KEYS.values() for key in keys}:
            continue
        most = 2048 if name in {TableAttribute.UID, TableAttribute.ACTIVITY} else 1024
        if not 0 < len(value["S"].encode()) <= most:
            raise ClientError(
                {"Error": {"Code": "ValidationException", "Message": f"the key {name} is empty or too long"}},
                "DynamoDB",
            )


@contextmanager
def meanwhile(
    client: DynamoDBClient, operation: str, happens: Callable[[], object], *, skip: int = 0
) -> Iterator[None]:
    """Let something happen just before a call of an operation, once: another handler's write.

    Args:
        client: The client.
        operation: As AWS names it.
        happens: What happens.
        skip: Calls of the operation that come before.
    """
    event = f"before-parameter-build.dynamodb.{operation}"
    calls = 0

    def hook(**_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == skip + 1:
            happens()

    client.meta.events.register(event, hook)
    try:
        yield
    finally:
        client.meta.events.unregister(event, hook)
    assert calls > skip, f"{operation} was not called"


@contextmanager
def lost_answers(client: DynamoDBClient, *operations: str) -> Iterator[list[dict[str, Any]]]:
    """Let the SDK lose the first answer to every call of some operations, and send the request again.

    Args:
        client: The client.
        operations: As AWS names them.

    Yields:
        The requests that were sent again.
    """
    repeated: list[dict[str, Any]] = []

    def lose(attempts: int, request_dict: Mapping[str, Any], **_: Any) -> float | None:
        if attempts > 1:
            return None
        repeated.append(json.loads(request_dict["body"]))
        return 0

    hook: Any = lose  # botocore takes what it returns for seconds to wait; its types say that it returns nothing
    events = [f"needs-retry.dynamodb.{operation}" for operation in operations]
    for event in events:
        client.meta.events.register(event, hook)
    try:
        yield repeated
    finally:
        for event in events:
            client.meta.events.unregister(event, hook)
