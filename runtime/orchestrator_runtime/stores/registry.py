"""The registry in DynamoDB.

    activity=Rate                   registration=parallel/arn:aws:sns:…   a registration to the stage
    activity=Rate                   registration=parallel/~settings/arn:… the settings of the stage, by stack
    activity=~names/Rate/parallel   registration=Score                    the stack that holds the name

One query reads consecutive stages of an activity with their settings.

A name's item says which stack holds it, and for which subscriptions. It is written in one transaction with the
registration: of two deployments that register the same name in the same second, one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import REGISTRY_BY_FUNCTION, Stage, TableAttribute
from orchestrator_runtime.core.registration import Registration, StageRegistrations, StageSettings
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.stores.conditional import ConditionFailed, WriteConflict, transact, write_if
from orchestrator_runtime.stores.items import Values, item_of, text, time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item, NewItem

NAMES: Final = "~names/"
"""How the partition of a stage's names begins; no activity can be named so."""
SETTINGS: Final = "~settings/"
"""How what stands in the place of a subscription begins in the key of a stage's settings; a stack's ARN follows."""
_AFTER_SLASH: Final = "0"
"""The character that follows the slash: a range up to it has every key of the stage before it."""
_TRIES: Final = 20
"""How often a write is tried that others come before; each time one of them has come through."""
_NOBODY_HOLDS: Final = "attribute_not_exists(holders)"


class DynamoRegistry:
    """Implements ``registry_port.Registry``."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def stages(self, activity: str, stages: Sequence[Stage]) -> Mapping[Stage, StageRegistrations]:
        """See ``registry_port.Registry``."""
        settings: dict[Stage, tuple[str, StageSettings]] = {}
        registrations: dict[Stage, list[Registration]] = {stage: [] for stage in stages}
        for item in self._query_stages(activity, stages):
            stage, what = _split(item)
            if what.startswith(SETTINGS):
                written = (item["written_at"]["S"], settings_of(item))
                settings[stage] = max(settings.get(stage, written), written, key=lambda one: one[0])
            elif stage in registrations:
                registrations[stage].append(registration_of(item))
        return {
            stage: StageRegistrations(settings[stage][1], registrations[stage]) for stage in stages if stage in settings
        }

    def registrations(self, activity: str, stage: Stage) -> Sequence[Registration]:
        """See ``registry_port.Registry``."""
        items = self._query_stages(activity, [stage])
        return [registration_of(item) for item in items if not _split(item)[1].startswith(SETTINGS)]

    def put_settings(self, activity: str, stage: Stage, settings: StageSettings, *, owner: str, now: datetime) -> None:
        """See ``registry_port.Registry``."""
        item = {**_settings_key(activity, stage, owner), **item_of({**asdict(settings), "written_at": now})}
        self._client.put_item(TableName=self._table, Item=item)

    def remove_settings(self, activity: str, stage: Stage, *, owner: str) -> None:
        """See ``registry_port.Registry``."""
        self._client.delete_item(TableName=self._table, Key=_settings_key(activity, stage, owner))

    def of_function(self, function_arn: str) -> Sequence[Registration]:
        """See ``registry_port.Registry``."""
        items = self._query(
            "#function = :function",
            {"#function": TableAttribute.FUNCTION},
            {":function": function_arn},
            IndexName=REGISTRY_BY_FUNCTION,
        )
        return [registration_of(item) for item in items]

    def get(self, activity: str, stage: Stage, subscription_arn: str) -> Registration | None:
        """See ``registry_port.Registry``."""
        if subscription_arn.startswith(SETTINGS):
            return None
        item = self._read(_key(activity, f"{stage}/{subscription_arn}"))
        return registration_of(item) if item else None

    def named(self, activity: str, stage: Stage, name: str) -> Sequence[Registration]:
        """See ``registry_port.Registry``."""
        item = self._read(_key(f"{NAMES}{activity}/{stage}", name))
        subscriptions = item["holders"]["SS"] if item and "holders" in item else []
        found = [self.get(activity, stage, subscription_arn) for subscription_arn in sorted(subscriptions)]
        return [each for each in found if each is not None and each.managed and each.name == name]

    def put(self, registration: Registration, *, replacing: Registration | None = None) -> bool:
        """See ``registry_port.Registry``."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(registration)"}
        if replacing is not None:
            condition = _unchanged(replacing)
        item = registration_item(registration)
        try:
            self._write(self._client.put_item, Item=item, **condition)
        except ConditionFailed as failed:
            # The SDK repeats a write whose answer was lost: then the item is ours already.
            return failed.item == item
        return True

    def register(self, registration: Registration) -> str | None:
        """See ``registry_port.Registry``."""
        owner = registration.owner
        hold = {
            "Key": _name_key(registration),
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
        """See ``registry_port.Registry``."""
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
        """See ``registry_port.Registry``."""
        for _ in range(_TRIES):
            try:
                self._delete(registration, _unchanged(registration))
            except WriteConflict:
                continue
            except ConditionFailed:
                return self.get(registration.activity, registration.stage, registration.subscription_arn) is None
            return True
        raise WriteConflict

    def _query_stages(self, activity: str, stages: Sequence[Stage]) -> Iterator[Item]:
        """Read everything of some stages that follow one another; between the keys of two can be those of a third."""
        return self._query(
            "#activity = :activity AND #registration BETWEEN :first AND :last",
            {"#activity": TableAttribute.ACTIVITY, "#registration": TableAttribute.REGISTRATION},
            {":activity": activity, ":first": f"{min(stages)}/", ":last": f"{max(stages)}{_AFTER_SLASH}"},
            ConsistentRead=True,
        )

    def _query(
        self,
        condition: str,
        names: Mapping[str, str],
        values: Mapping[str, str],
        **how: Any,  # noqa: ANN401 - options of a query
    ) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={name: text(value) for name, value in values.items()},
            **how,
        )
        for page in pages:
            yield from page["Items"]

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
        item = self._read(_name_key(registration))
        return Values(item).text("owner") if item and "holders" in item else None

    def _delete(self, registration: Registration, condition: dict[str, Any]) -> None:
        delete = {"Key": _registration_key(registration), **condition}
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
                Key=_name_key(registration),
                ConditionExpression=_NOBODY_HOLDS,
            )
        except (ConditionFailed, WriteConflict):
            return


def _key(activity: str, registration: str) -> NewItem:
    return item_of({TableAttribute.ACTIVITY: activity, TableAttribute.REGISTRATION: registration})


def _registration_key(registration: Registration) -> NewItem:
    return _key(registration.activity, f"{registration.stage}/{registration.subscription_arn}")


def _name_key(registration: Registration) -> NewItem:
    return _key(f"{NAMES}{registration.key}", registration.name)


def _settings_key(activity: str, stage: Stage, owner: str) -> NewItem:
    return _key(activity, f"{stage}/{SETTINGS}{owner}")


def _split(item: Item) -> tuple[Stage, str]:
    """The stage of an item, and the rest of its key."""
    stage, _, what = item[TableAttribute.REGISTRATION]["S"].partition("/")
    return Stage(stage), what


def _let_go(registration: Registration) -> dict[str, Any]:
    """Take a subscription off those that hold its name."""
    return {
        "Key": _name_key(registration),
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
    parts = ("attribute_exists(registration)", condition["ConditionExpression"], version)
    return {
        **condition,
        "ConditionExpression": " AND ".join(parts),
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def registration_item(registration: Registration) -> NewItem:
    """A registration as it stands in the table."""
    values = asdict(registration)
    for of_the_key in ("activity", "stage", "subscription_arn"):
        del values[of_the_key]
    return {
        **_registration_key(registration),
        **item_of(
            {
                **values,
                TableAttribute.FUNCTION: registration.function,
                # Absent, not empty: that is what conditions ask for.
                "owner": registration.owner or None,
                "filter_policy": compact_json(registration.filter_policy),
                "sender_role_ids": compact_json(registration.sender_role_ids) if registration.sender_role_ids else None,
            }
        ),
    }


def registration_of(item: Item) -> Registration:
    """Read a registration."""
    values = Values(item)
    stage, subscription_arn = _split(item)
    return Registration(
        activity=item[TableAttribute.ACTIVITY]["S"],
        stage=stage,
        name=item["name"]["S"],
        subscription_arn=subscription_arn,
        endpoint=item["endpoint"]["S"],
        protocol=item["protocol"]["S"],
        kind=item["kind"]["S"],
        owner=values.text("owner") or "",
        filter_policy=values.document("filter_policy") or {},
        filter_policy_scope=item["filter_policy_scope"]["S"],
        filter_keys_since=values.time("filter_keys_since"),
        named_since=values.time("named_since"),
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


def settings_of(item: Item) -> StageSettings:
    """Read the settings of a stage."""
    return StageSettings(
        timeout_seconds=int(item["timeout_seconds"]["N"]),
        start_within_seconds=int(item["start_within_seconds"]["N"]),
        fail_on_optional_error=Values(item).flag("fail_on_optional_error"),
        max_output_bytes=int(item["max_output_bytes"]["N"]),
    )
