"""The three tables as the constructs define them, on moto's DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

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

_INDEXES: dict[str, Any] = {
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
        index = _INDEXES.get(table)
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


class Repeated:
    """Calls the methods of a store or a client twice and returns the second answer, as if the first had been lost.

    Args:
        wrapped: The store or client.
        methods: The methods to repeat. Default: all.
    """

    def __init__(self, wrapped: object, methods: Collection[str] | None = None) -> None:
        self._wrapped = wrapped
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._wrapped, name)
        if self._methods is not None and name not in self._methods:
            return call

        def twice(*given: Any, **named: Any) -> Any:
            with suppress(ClientError):
                call(*given, **named)
            return call(*given, **named)

        return twice


def repeating_client(client: DynamoDBClient) -> DynamoDBClient:
    """A client that sends every write twice, as the SDK does if the first answer is lost.

    A transaction is sent once: it has a token by which DynamoDB recognizes a repetition, and answers it like the
    first.
    """
    repeated: Any = Repeated(client, {"put_item", "update_item", "delete_item"})
    return cast("DynamoDBClient", repeated)
