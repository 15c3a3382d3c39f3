"""What was said of overdue runs, in the control table.

All announcements are below one partition key, so that one query reads them; no run's control item is there
that begins as they do. A pass writes some hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.stores.conditional import ConditionFailed, write_if
from orchestrator_runtime.stores.items import Values, item_of, key_of, number, time, utc_now
from orchestrator_runtime.stores.query import query_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item, NewItem

OVERDUE: Final = "~overdue"
"""The partition of all announcements, and how their paths begin: no workflow can be named so."""


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

    def claim(self, announcement: Announcement, *, stale_before: datetime) -> bool:
        """See ``watch_ports.Announcements``."""
        return self._write(
            self._client.put_item,
            Item=announcement_item(announcement),
            ConditionExpression=(
                "attribute_not_exists(claimed_at) OR expires_at <= :now OR (attribute_not_exists(announced_at) "
                "AND attribute_not_exists(end_claimed_at) AND claimed_at <= :stale)"
            ),
            ExpressionAttributeValues={
                ":now": number(int(self._clock().timestamp())),
                ":stale": time(stale_before),
            },
        )

    def confirm(self, announcement: Announcement, *, now: datetime) -> None:
        """See ``watch_ports.Announcements``."""
        self._write(
            self._client.update_item,
            Key=_key(announcement.ref),
            UpdateExpression="SET announced_at = :now",
            ConditionExpression="claimed_at = :claimed",
            ExpressionAttributeValues={":now": time(now), ":claimed": time(announcement.claimed_at)},
        )

    def claim_end(self, announcement: Announcement, *, now: datetime, stale_before: datetime) -> bool:
        """See ``watch_ports.Announcements``."""
        return self._write(
            self._client.update_item,
            Key=_key(announcement.ref),
            UpdateExpression="SET end_claimed_at = :now",
            ConditionExpression=(
                "claimed_at = :claimed AND (attribute_not_exists(end_claimed_at) OR end_claimed_at <= :stale)"
            ),
            ExpressionAttributeValues={
                ":now": time(now),
                ":claimed": time(announcement.claimed_at),
                ":stale": time(stale_before),
            },
        )

    def forget(self, announcement: Announcement, *, end_claimed_at: datetime) -> None:
        """See ``watch_ports.Announcements``."""
        self._write(
            self._client.delete_item,
            Key=_key(announcement.ref),
            ConditionExpression="claimed_at = :claimed AND end_claimed_at = :ended",
            ExpressionAttributeValues={
                ":claimed": time(announcement.claimed_at),
                ":ended": time(end_claimed_at),
            },
        )

    def _write(self, write: Any, **request: Any) -> bool:  # noqa: ANN401 - a client's method and its request
        try:
            write_if(write, TableName=self._table, **request)
        except ConditionFailed:
            return False
        return True


def announcement_item(announcement: Announcement) -> NewItem:
    """An announcement as it stands in the table."""
    ref = announcement.ref
    return {
        **_key(ref),
        **item_of(
            {
                "run": ref.uid,
                "workflow": ref.workflow,
                "attempt": ref.attempt,
                "execution": announcement.execution,
                "started_at": announcement.started_at,
                "expected_seconds": int(announcement.expected.total_seconds()),
                "claimed_at": announcement.claimed_at,
                "announced_at": announcement.announced_at,
                "end_claimed_at": announcement.end_claimed_at,
                "expires_at": announcement.expires_at,
            }
        ),
    }


def announcement_of(item: Item) -> Announcement:
    """Read an announcement."""
    values = Values(item)
    return Announcement(
        ref=RunRef(item["run"]["S"], item["workflow"]["S"], int(item["attempt"]["N"])),
        execution=item["execution"]["S"],
        started_at=datetime.fromisoformat(item["started_at"]["S"]),
        expected=timedelta(seconds=int(item["expected_seconds"]["N"])),
        expires_at=int(item["expires_at"]["N"]),
        claimed_at=datetime.fromisoformat(item["claimed_at"]["S"]),
        announced_at=values.time("announced_at"),
        end_claimed_at=values.time("end_claimed_at"),
    )


def _key(ref: RunRef) -> NewItem:
    # A uid may take all the bytes that a sort key has.
    return key_of(OVERDUE, f"{OVERDUE}/{ref.workflow}/{sha256(ref.uid.encode()).hexdigest()}/{ref.attempt}")
