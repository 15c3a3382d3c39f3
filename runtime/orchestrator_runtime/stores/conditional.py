"""Conditional writes, alone or in a transaction, and how they fail."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from random import uniform
from time import sleep
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import ClientError

from orchestrator_runtime.stores.items import number

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item, NewItem


T = TypeVar("T")

MOST_TRIES: Final = 8

NO_ROW: Final = "attribute_not_exists(attempt) OR attempt < :attempt OR expires_at <= :now"
"""Condition: there is no item, or one that an earlier attempt or an expired run left."""


def short_pause() -> None:
    """Let another write of the same item come to its end."""
    sleep(uniform(0.02, 0.1))  # noqa: S311 - jitter, no secret


class ConditionFailed(Exception):  # noqa: N818 - an answer, not an error
    """The write's condition did not hold; nothing was written."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition of a write did not hold")
        self.item = item
        """The item as it is; ``None`` if there is none."""


class WriteConflict(Exception):  # noqa: N818 - an answer, not an error
    """Another write of the same item was under way; nothing was written, and the same request may be sent again."""


def write_if(write: Callable[..., Any], **request: Any) -> Any:  # noqa: ANN401 - a client's method and its answer
    """Call a write of the DynamoDB client that has a condition.

    Raises:
        ConditionFailed: The condition did not hold; has the item as it is.
        WriteConflict: A transaction held the item.
    """
    try:
        return write(**request, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "TransactionConflictException":
            raise WriteConflict from None
        if code != "ConditionalCheckFailedException":
            raise
        item: Any = error.response.get("Item")
        raise ConditionFailed(item) from None


def transact(client: DynamoDBClient, writes: Any) -> None:  # noqa: ANN401 - the client's own, deeply nested, shape
    """Write all or none.

    Raises:
        ConditionFailed: A condition did not hold; has the item as it is, where the request asked for it.
        WriteConflict: Another write held one of the items.
    """
    try:
        client.transact_write_items(TransactItems=writes)
    except ClientError as error:
        reasons: Any = error.response.get("CancellationReasons") or [{}]
        if any(reason.get("Code") == "TransactionConflict" for reason in reasons):
            raise WriteConflict from None
        failed = [reason for reason in reasons if reason.get("Code") == "ConditionalCheckFailed"]
        if not failed:
            raise
        raise ConditionFailed(failed[0].get("Item")) from None


def live_on(client: DynamoDBClient, table: str, key: NewItem, *, expires_at: int, now: datetime) -> None:
    """Put off when an item expires; one that has expired, or lives as long already, stays as it is."""
    with suppress(ConditionFailed):
        write_if(
            client.update_item,
            TableName=table,
            Key=key,
            UpdateExpression="SET expires_at = :expires",
            ConditionExpression="expires_at > :now AND expires_at < :expires",
            ExpressionAttributeValues={":expires": number(expires_at), ":now": number(int(now.timestamp()))},
        )


def past_conflicts(write: Callable[[], T], pause: Callable[[], None]) -> T:
    """Write, and as long as another write of the same item is under way, write again.

    Raises:
        WriteConflict: So it was each time.
    """
    for _ in range(MOST_TRIES - 1):
        try:
            return write()
        except WriteConflict:
            pause()
    return write()
