"""Counts what DynamoDB would bill for the calls of a client, by the rules that AWS documents.

moto's own consumed capacity is wrong for items above 1 KB, so the sizes of items are taken here.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.unit.moto_tables import INDEXES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS = ("uid", "path", "activity", "registration")


def item_bytes(item: Mapping[str, Any] | None) -> int:
    """An item's size: names and values, in UTF-8."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in (item or {}).items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_bytes(content)
        case "BOOL":
            return 1
        case "NS":
            return 3 + sum(1 + _number_bytes(number) for number in content)
        case "SS":
            return 3 + sum(1 + len(text.encode()) for text in content)
        case _:
            raise NotImplementedError(f"no rule for the type {kind}")


def _number_bytes(text: str) -> int:
    return math.ceil(sum(character.isdigit() for character in text) / 2) + 2


def index_entry(table: str, item: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What the table's index holds of an item; nothing if the item has not all of the index's keys."""
    index = INDEXES[table]
    if item is None or not {*index["keys"]} <= item.keys():
        return {}
    projection = index["projection"]
    if projection["ProjectionType"] == "ALL":
        return item
    held = {*index["keys"], *KEYS, *projection.get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in held}


@dataclass
class Bill:
    """Units consumed, and by what.

    Attributes:
        write: Write units by table and operation.
        read: Likewise, read units.
        calls: Likewise, calls.
        index: Write units of the tables' indexes, which come on top, by table.
    """

    write: Counter[str] = field(default_factory=Counter)
    read: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: Counter[str] = field(default_factory=Counter)
    index: Counter[str] = field(default_factory=Counter)


class Meter:
    """Meters a client.

    Args:
        client: The client to meter.
        probe: Another client of the same tables; reads the items before and after each write.
    """

    def __init__(self, client: DynamoDBClient, probe: DynamoDBClient) -> None:
        self.bill = Bill()
        self._probe = probe
        client.meta.events.register("before-parameter-build.dynamodb", self._before)
        client.meta.events.register("after-call.dynamodb", self._after)

    def _before(self, params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        context["metered"] = params, {place: self._item(*place) for place in self._places(params, model.name)}

    def _after(self, parsed: Mapping[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
        params, before = context["metered"]
        table = params.get("TableName", "several")
        what = f"{table} {model.name}" + (" refused" if "Error" in parsed else "")
        self.bill.calls[what] += 1
        match model.name:
            case "GetItem":
                self.bill.read[what] += _read_units([parsed.get("Item")], params)
            case "Query":
                self.bill.read[what] += _read_units(parsed["Items"], params)
            case "PutItem" | "UpdateItem" | "DeleteItem":
                self.bill.write[what] += self._write_units(before)
                self._count_index(before)
            case "TransactWriteItems":
                self.bill.write[what] += 2 * self._write_units(before)
                self._count_index(before)
            case other:
                raise NotImplementedError(f"no rule for {other}")

    def _write_units(self, before: Mapping[tuple[str, tuple[tuple[str, str], ...]], Mapping[str, Any] | None]) -> int:
        """The larger of what stood there and what stands there, each item by itself; a refusal costs as well."""
        return sum(
            max(1, math.ceil(max(item_bytes(old), item_bytes(self._item(*place))) / 1024))
            for place, old in before.items()
        )

    def _count_index(self, before: Mapping[tuple[str, tuple[tuple[str, str], ...]], Mapping[str, Any] | None]) -> None:
        """A write of an entry and one of its removal; a changed key takes both."""
        for (table, key), old in before.items():
            entries = [index_entry(table, item) for item in (old, self._item(table, key))]
            if entries[0] == entries[1]:
                continue
            keys = [{name: entry[name] for name in INDEXES[table]["keys"]} for entry in entries if entry]
            changed = keys[:1] if len(keys) == 2 and keys[0] == keys[1] else keys
            size = max(map(item_bytes, entries))
            self.bill.index[table] += len(changed) * math.ceil(size / 1024)

    def _item(self, table: str, key: tuple[tuple[str, str], ...]) -> Mapping[str, Any] | None:
        return self._probe.get_item(
            TableName=table, Key={name: {"S": value} for name, value in key}, ConsistentRead=True
        ).get("Item")

    def _places(self, params: Mapping[str, Any], operation: str) -> Iterable[tuple[str, tuple[tuple[str, str], ...]]]:
        if operation in {"GetItem", "Query"}:
            return
        requests = [params]
        if operation == "TransactWriteItems":
            requests = [request for action in params["TransactItems"] for request in action.values()]
        for request in requests:
            key = request.get("Key") or request["Item"]
            names = KEYS[:2] if KEYS[0] in key else KEYS[2:]
            yield request["TableName"], tuple((name, key[name]["S"]) for name in names)


def _read_units(items: Iterable[Mapping[str, Any] | None], params: Mapping[str, Any]) -> float:
    """An index takes no consistent reads; one that is not consistent costs half."""
    units = max(1, math.ceil(sum(map(item_bytes, items)) / 4096))
    if "IndexName" in params:
        return units / 2
    assert params["ConsistentRead"] is True
    return units
