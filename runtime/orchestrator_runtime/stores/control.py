"""The control table in DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import Control, Release, RunRef, StageRef
from orchestrator_runtime.stores.conditional import ConditionFailed, write_if
from orchestrator_runtime.stores.items import control_of, item_of, key_of, number, numbers, text, time, utc_now
from orchestrator_runtime.stores.query import query_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


_UNOPENED_FOR: Final = 86_400
"""Seconds that a row lives whose stage never opens; opening lets it live as long as the run."""


class DynamoControlStore:
    """Implements ``ports.ControlStore``."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Callable[[], datetime] = utc_now) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def store_token(self, ref: StageRef, *, token: str, rank: str) -> Control | None:
        """See ``ports.ControlStore``."""
        now = int(self._clock().timestamp())
        first = {
            **key_of(ref.run.uid, ref.path),
            **item_of({"attempt": ref.attempt, "token": token, "rank": rank, "expires_at": now + _UNOPENED_FOR}),
        }
        try:
            write_if(
                self._client.put_item,
                TableName=self._table,
                Item=first,
                ConditionExpression="attribute_not_exists(attempt) OR attempt < :attempt OR expires_at <= :now",
                ExpressionAttributeValues={":attempt": number(ref.attempt), ":now": number(now)},
            )
        except ConditionFailed:
            return self._update(
                ref,
                "SET #token = :token, #rank = :rank",
                condition="#rank < :rank",
                names={"#token": "token", "#rank": "rank"},
                values={":token": text(token), ":rank": text(rank)},
            )
        return control_of(first)

    def open(self, ref: StageRef, *, indices: Collection[int], expires_at: int) -> Control | None:
        """See ``ports.ControlStore``."""
        update = "SET opened = :yes, expires_at = :expires"
        values: dict[str, Any] = {":yes": {"BOOL": True}, ":expires": number(expires_at)}
        if indices:
            update, values = f"{update}, #open = :open", {**values, ":open": numbers(indices)}
        opened = self._update(
            ref,
            update,
            condition="attribute_not_exists(opened)",
            names={"#open": "open"} if indices else {},
            values=values,
        )
        return opened or self.get(ref)

    def settle(self, ref: StageRef, *, closed: Collection[int], failed: Collection[int]) -> Control | None:
        """See ``ports.ControlStore``."""
        update, values = "DELETE #open :closed", {":closed": numbers(closed)}
        if failed:
            update, values = f"{update} ADD failed :failed", {**values, ":failed": numbers(failed)}
        return self._update(ref, update, names={"#open": "open"}, values=values)

    def claim(self, ref: StageRef, *, ordinal: int, now: datetime, stale_before: datetime) -> Release | None:
        """See ``ports.ControlStore``."""
        claimed = self._update(
            ref,
            "SET released = :ordinal, claimed_at = :now REMOVE confirmed_at",
            condition=(
                "attribute_not_exists(ended) AND (attribute_not_exists(released) OR released < :ordinal OR "
                "(released = :ordinal AND attribute_not_exists(confirmed_at) AND claimed_at <= :stale))"
            ),
            values={":ordinal": number(ordinal), ":now": time(now), ":stale": time(stale_before)},
        )
        return claimed.release if claimed else None

    def confirm(self, ref: StageRef, release: Release, *, now: datetime) -> None:
        """See ``ports.ControlStore``."""
        self._update(
            ref,
            "SET confirmed_at = :now",
            condition="released = :ordinal AND claimed_at = :claimed",
            values={":now": time(now), ":ordinal": number(release.ordinal), ":claimed": time(release.claimed_at)},
        )

    def get(self, ref: StageRef) -> Control | None:
        """See ``ports.ControlStore``."""
        item = self._client.get_item(TableName=self._table, Key=key_of(ref.run.uid, ref.path), ConsistentRead=True).get(
            "Item"
        )
        control = control_of(item) if item else None
        return control if control and control.attempt == ref.attempt else None

    def end_stages(self, ref: RunRef) -> Mapping[tuple[str, Stage], Control]:
        """See ``ports.ControlStore``."""
        ended: dict[tuple[str, Stage], Control] = {}
        for item in query_all(self._client, self._table, ref.uid, ref.path):
            _, activity, stage, _ = item["path"]["S"].split("/")
            control = self._update(
                ref.stage(activity, Stage(stage)), "SET ended = :yes", values={":yes": {"BOOL": True}}
            )
            if control is not None:
                ended[activity, Stage(stage)] = control
        return ended

    def _update(
        self,
        ref: StageRef,
        update: str,
        *,
        values: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        condition: str | None = None,
    ) -> Control | None:
        """Update the row if it is of the attempt and the condition holds; return it as it is afterwards."""
        try:
            answer = write_if(
                self._client.update_item,
                TableName=self._table,
                Key=key_of(ref.run.uid, ref.path),
                UpdateExpression=update,
                ConditionExpression="attempt = :attempt" + (f" AND {condition}" if condition else ""),
                ExpressionAttributeValues={**values, ":attempt": number(ref.attempt)},
                **({"ExpressionAttributeNames": names} if names else {}),
                ReturnValues="ALL_NEW",
            )
        except ConditionFailed:
            return None
        return control_of(answer["Attributes"])
