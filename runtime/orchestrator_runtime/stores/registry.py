"""The registry in DynamoDB.

Beside an item for each registration there is one for each name that managed registrations of
a stage hold, in a partition of its own: who holds the name, and for which subscriptions. Both
are written in one transaction, so that of two deployments in the same second one is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import REGISTRY_BY_FUNCTION, Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.stores.conditional import ConditionFailed, WriteConflict, transact, write_if
from orchestrator_runtime.stores.items import Values, item_of, text, time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item, NewItem

NAMES: Final = "~names/"
"""How the partition of a stage's names begins; no activity can be named so."""
_TRIES: Final = 20
"""How often a write is tried that others come before; each time one of them has come through."""
_NOBODY_HOLDS: Final = "attribute_not_exists(holders)"


class DynamoRegistry:
    """Implements ``ports.Registry``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def registrations(self, activity: str, stage: Stage) -> Sequence[Registration]:
        """See ``ports.Registry``."""
        return self._query("stage", f"{activity}/{stage}", ConsistentRead=True)

    def of_function(self, function_arn: str) -> Sequence[Registration]:
        """See ``ports.Registry``."""
        return self._query("function", function_arn, IndexName=REGISTRY_BY_FUNCTION)

    def get(self, activity: str, stage: Stage, subscription_arn: str) -> Registration | None:
        """See ``ports.Registry``."""
        item = self._read(_key(f"{activity}/{stage}", subscription_arn))
        return registration_of(item) if item else None

    def put(self, registration: Registration, *, replacing: Registration | None = None) -> bool:
        """See ``ports.Registry``."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(subscription_arn)"}
        if replacing is not None:
            condition = _unchanged(replacing)
        try:
            self._write(self._client.put_item, Item=registration_item(registration), **condition)
        except ConditionFailed:
            return False
        return True

    def register(self, registration: Registration) -> str | None:
        """See ``ports.Registry``."""
        key, owner = registration.key, registration.owner
        hold = {
            "Key": _key(f"{NAMES}{key}", registration.name),
            "UpdateExpression": "SET #owner = :owner ADD holders :holder",
            "ConditionExpression": f"{_NOBODY_HOLDS} OR #owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": text(owner), ":holder": {"SS": [registration.subscription_arn]}},
        }
        for _ in range(_TRIES):
            before = self.get(registration.activity, registration.stage, registration.subscription_arn)
            if before and before.managed and before.owner != owner:
                return before.owner
            put = {"Item": registration_item(registration), **_still(before)}
            writes: list[dict[str, Any]] = [{"Update": hold}, {"Put": put}]
            renamed = before is not None and before.managed and before.name != registration.name
            if before and renamed:
                writes.append({"Update": _let_go(before)})
            try:
                self._transact(*writes)
            except ConditionFailed:
                if (holder := self._holder(registration)) not in {None, owner}:
                    return holder
            except WriteConflict:
                continue
            else:
                if before and renamed:
                    self._sweep(before)
                return None
        raise WriteConflict

    def unregister(self, activity: str, stage: Stage, subscription_arn: str, *, owner: str) -> bool:
        """See ``ports.Registry``."""
        for _ in range(_TRIES):
            before = self.get(activity, stage, subscription_arn)
            # Whatever was not registered by this owner is not taken away by its deployment.
            if before is None or before.owner != owner or not before.managed:
                return False
            try:
                self._delete(before, _still(before))
            except (ConditionFailed, WriteConflict):
                continue
            return True
        raise WriteConflict

    def remove(self, registration: Registration) -> bool:
        """See ``ports.Registry``."""
        for _ in range(_TRIES):
            try:
                self._delete(registration, _unchanged(registration))
            except WriteConflict:
                continue
            except ConditionFailed:
                return self.get(registration.activity, registration.stage, registration.subscription_arn) is None
            return True
        raise WriteConflict

    def _query(self, key: str, value: str, **how: Any) -> list[Registration]:  # noqa: ANN401 - options of a query
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=f"#{key} = :{key}",
            ExpressionAttributeNames={f"#{key}": key},
            ExpressionAttributeValues={f":{key}": text(value)},
            **how,
        )
        return [registration_of(item) for page in pages for item in page["Items"]]

    def _read(self, key: NewItem) -> Item | None:
        return self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")

    def _write(self, write: Any, **request: Any) -> None:  # noqa: ANN401 - a client's method and its request
        for _ in range(_TRIES):
            try:
                write_if(write, TableName=self._table, **request)
            except WriteConflict:
                continue
            return
        raise WriteConflict

    def _holder(self, registration: Registration) -> str | None:
        item = self._read(_key(f"{NAMES}{registration.key}", registration.name))
        return Values(item).text("owner") if item and "holders" in item else None

    def _delete(self, registration: Registration, condition: dict[str, Any]) -> None:
        delete = {"Key": _key(registration.key, registration.subscription_arn), **condition}
        if not registration.managed:
            self._write(self._client.delete_item, **delete)
            return
        self._transact({"Delete": delete}, {"Update": _let_go(registration)})
        self._sweep(registration)

    def _transact(self, *writes: dict[str, Any]) -> None:
        transact(
            self._client,
            [{kind: {**request, "TableName": self._table} for kind, request in write.items()} for write in writes],
        )

    def _sweep(self, registration: Registration) -> None:
        """Delete the name's item if nobody holds it any more; one that is left over by a crash is harmless."""
        try:
            write_if(
                self._client.delete_item,
                TableName=self._table,
                Key=_key(f"{NAMES}{registration.key}", registration.name),
                ConditionExpression=_NOBODY_HOLDS,
            )
        except (ConditionFailed, WriteConflict):
            return


def _key(stage: str, subscription_arn: str) -> NewItem:
    return item_of({"stage": stage, "subscription_arn": subscription_arn})


def _let_go(registration: Registration) -> dict[str, Any]:
    """Take a subscription off those that hold its name."""
    return {
        "Key": _key(f"{NAMES}{registration.key}", registration.name),
        "UpdateExpression": "DELETE holders :holder",
        "ExpressionAttributeValues": {":holder": {"SS": [registration.subscription_arn]}},
    }


def _still(before: Registration | None) -> dict[str, Any]:
    """The condition that the name that was read as held for a subscription still is the one."""
    if before is None or not before.managed:
        return {
            "ConditionExpression": "attribute_not_exists(#owner)",
            "ExpressionAttributeNames": {"#owner": "owner"},
        }
    return {
        "ConditionExpression": "#owner = :owner AND #name = :name",
        "ExpressionAttributeNames": {"#owner": "owner", "#name": "name"},
        "ExpressionAttributeValues": {":owner": text(before.owner), ":name": text(before.name)},
    }


def _unchanged(before: Registration) -> dict[str, Any]:
    """The condition that a registration still is the version that was read."""
    condition = _still(before)
    values = condition.get("ExpressionAttributeValues", {})
    version = "attribute_not_exists(seen_at)"
    if before.seen_at is not None:
        version, values = "seen_at = :seen_at", {**values, ":seen_at": time(before.seen_at)}
    parts = ("attribute_exists(subscription_arn)", condition["ConditionExpression"], version)
    return {
        **condition,
        "ConditionExpression": " AND ".join(parts),
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def registration_item(registration: Registration) -> NewItem:
    """A registration as it stands in the table."""
    values = asdict(registration)
    del values["activity"]
    return item_of(
        {
            **values,
            "stage": registration.key,
            "function": registration.function,
            # Absent, not empty: that is what conditions ask for.
            "owner": registration.owner or None,
            "filter_policy": compact_json(registration.filter_policy),
            "sender_role_ids": compact_json(registration.sender_role_ids) if registration.sender_role_ids else None,
        }
    )


def registration_of(item: Item) -> Registration:
    """Read a registration."""
    values = Values(item)
    activity, _, stage = item["stage"]["S"].rpartition("/")
    return Registration(
        activity=activity,
        stage=Stage(stage),
        name=item["name"]["S"],
        subscription_arn=item["subscription_arn"]["S"],
        endpoint=item["endpoint"]["S"],
        protocol=item["protocol"]["S"],
        kind=item["kind"]["S"],
        owner=values.text("owner") or "",
        filter_policy=values.document("filter_policy") or {},
        filter_policy_scope=item["filter_policy_scope"]["S"],
        mandatory=values.flag("mandatory"),
        order=int(item["order"]["N"]),
        always_run=values.flag("always_run"),
        timeout_seconds=values.whole("timeout_seconds"),
        start_within_seconds=values.whole("start_within_seconds"),
        reports_start=values.flag("reports_start"),
        sender_role_ids=tuple(values.document("sender_role_ids") or ()),
        description=values.text("description"),
        revision=values.text("revision"),
        problem=values.text("problem"),
        seen_at=values.time("seen_at"),
    )
