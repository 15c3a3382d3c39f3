"""The overdue runs that were announced, in the control table.

All announcements have one partition key, so that one query reads them. An invocation writes at most a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.stores.conditional import ConditionFailed, write_if
from orchestrator_runtime.stores.items import Values, item_of, key_of, number, utc_now
from orchestrator_runtime.stores.query import query_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item, NewItem

OVERDUE: Final = "~overdue"
"""The partition key of all announcements, and the start of their paths. No workflow can have this name."""


class DynamoAnnouncements:
    """Implements ``watch_ports.Announcements``."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Callable[[], datetime] = utc_now) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def all(self) -> Iterator[Announcement]:
        """See ``watch_ports.Announcements``."""
        now = self._clock()
        for item in query_all(self._client, self._table, OVERDUE, f"{OVERDUE}/"):
            if not Values(item).expired(now):
                yield announcement_of(item)

    def add(self, announcement: Announcement) -> bool:
        """See ``watch_ports.Announcements``."""
        return self._write(
            self._client.put_item,
            Item=announcement_item(announcement),
            ConditionExpression="attribute_not_exists(expires_at) OR expires_at <= :now",
            ExpressionAttributeValues={":now": number(int(self._clock().timestamp()))},
        )

    def remove(self, announcement: Announcement) -> bool:
        """See ``watch_ports.Announcements``."""
        item = announcement_item(announcement)
        return self._write(
            self._client.delete_item,
            Key={name: item[name] for name in ("uid", "path")},
            ConditionExpression="expected_seconds = :expected",
            ExpressionAttributeValues={":expected": item["expected_seconds"]},
        )

    def _write(self, write: Any, **request: Any) -> bool:  # noqa: ANN401 - a client's method and its request
        try:
            write_if(write, TableName=self._table, **request)
        except ConditionFailed:
            return False
        return True


def announcement_item(announcement: Announcement) -> NewItem:
    """Makes the item of an announcement."""
    ref = announcement.ref
    # A uid may be as long as a sort key.
    path = f"{OVERDUE}/{ref.workflow}/{sha256(ref.uid.encode()).hexdigest()}/{ref.attempt}"
    values = {
        "run": ref.uid,
        "workflow": ref.workflow,
        "attempt": ref.attempt,
        "execution": announcement.execution,
        "started_at": announcement.started_at,
        "expected_seconds": int(announcement.expected.total_seconds()),
        "expires_at": announcement.expires_at,
    }
    return {**key_of(OVERDUE, path), **item_of(values)}


def announcement_of(item: Item) -> Announcement:
    """Reads an announcement from its item."""
    return Announcement(
        ref=RunRef(item["run"]["S"], item["workflow"]["S"], int(item["attempt"]["N"])),
        execution=item["execution"]["S"],
        started_at=datetime.fromisoformat(item["started_at"]["S"]),
        expected=timedelta(seconds=int(item["expected_seconds"]["N"])),
        expires_at=int(item["expires_at"]["N"]),
    )
