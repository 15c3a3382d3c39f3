"""Stored items that are kept: what each version writes, so that the next ones are seen to read it.

``python -m tests.unit.stored_items.kept v2`` writes a version anew, as today's code stores the story;
without a name the newest one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from moto import mock_aws

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import RunRef
from tests.unit.moto_tables import CONTROL, REGION, REGISTRY, STATUS, create_tables, items
from tests.unit.stored_items.story import ACTIVITIES, OTHER_UIDS, UID, WORKFLOW, Deployment, tell

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FOLDER: Final = Path(__file__).parents[2] / "data" / "stored_items"
TABLES: Final = (STATUS, CONTROL, REGISTRY)
_ITEM_DEPTH: Final = 3

Tables = dict[str, list[dict[str, Any]]]
"""The items of each table, in DynamoDB's JSON, sorted by key."""


def versions() -> list[str]:
    """The versions that are kept, the oldest first."""
    return sorted((folder.name for folder in FOLDER.iterdir()), key=lambda name: int(name.removeprefix("v")))


def read(version: str, moment: str) -> dict[str, Any]:
    """What a version stored at a moment: ``now``, ``tables`` and ``records``."""
    document: dict[str, Any] = json.loads((FOLDER / version / f"{moment}.json").read_text("utf-8"))
    return document


def moments(version: str) -> list[str]:
    """The moments that a version has."""
    return sorted(path.stem for path in (FOLDER / version).iterdir())


def fill(client: DynamoDBClient, tables: Tables) -> None:
    """Put kept items into tables."""
    for table, kept in tables.items():
        for item in kept:
            client.put_item(TableName=table, Item=item)


def stored(client: DynamoDBClient) -> Tables:
    """What the tables hold, in an order of its own."""
    return {table: sorted(map(_in_order, items(client, table)), key=_key) for table in TABLES}


def _in_order(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item with its attributes, and the sets in it, sorted."""
    return {
        name: {kind: sorted(value) if kind in {"NS", "SS"} else value for kind, value in item[name].items()}
        for name in sorted(item)
    }


def _key(item: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in ("uid", "path", "activity", "registration") if name in item)


def records(it: Deployment) -> dict[str, Any]:
    """Everything that the stores read of the run and the registry."""
    run = it.status.get_run(UID, WORKFLOW)
    ref = run.ref if run else RunRef(UID, WORKFLOW, 1)
    stages = [ref.stage(activity, stage) for activity in ACTIVITIES for stage in Stage]
    return {
        "run": run,
        "others": {uid: it.status.get_run(uid, WORKFLOW) for uid in OTHER_UIDS},
        "history": it.status.history(uid=UID, workflow=WORKFLOW),
        "active": list(it.active.runs()),
        "announcements": list(it.announcements.all()),
        "stages": {stage.key: it.status.load_stage(stage) for stage in stages},
        "outputs": it.status.outputs(ref),
        "control": {name: it.control.find(UID, WORKFLOW, name) for name in ACTIVITIES},
        "tokens": {name: it.control.get_token(ref.activity(name)) for name in ACTIVITIES},
        "settings": {
            f"{name}/{stage}": registered.settings
            for name in ACTIVITIES
            for stage, registered in it.registry.stages(name, tuple(Stage)).items()
        },
        "registrations": {
            stage.key: sorted(it.registry.registrations(stage.activity, stage.stage), key=lambda r: r.subscription_arn)
            for stage in stages
        },
    }


def as_json(value: Any) -> Any:
    """Records as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: as_json(part) for name, part in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(name): as_json(part) for name, part in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else value


def difference(read: Any, kept: Any, where: str = "") -> list[str]:
    """In what a record is read otherwise than it was; an attribute that came since then has to have its default."""
    if is_dataclass(read) and isinstance(kept, Mapping):
        found = [f"{where}.{name} is not read any more" for name in kept.keys() - {f.name for f in fields(read)}]
        for attribute in fields(read):
            value, name = getattr(read, attribute.name), f"{where}.{attribute.name}"
            if attribute.name in kept:
                found += difference(value, kept[attribute.name], name)
            elif value != (attribute.default if attribute.default_factory is MISSING else attribute.default_factory()):
                found.append(f"{name} came later and is {value!r}, not its default")
        return found
    if isinstance(read, Mapping) and isinstance(kept, Mapping) and read.keys() == kept.keys():
        return [found for name in read for found in difference(read[name], kept[name], f"{where}.{name}")]
    if isinstance(read, list | tuple) and isinstance(kept, list) and len(read) == len(kept):
        pairs = enumerate(zip(read, kept, strict=True))
        return [found for i, pair in pairs for found in difference(*pair, f"{where}[{i}]")]
    return [] if as_json(read) == kept else [f"{where} was {kept!r}, is {as_json(read)!r}"]


@dataclass(frozen=True)
class Moment:
    """What the story has left at one moment."""

    name: str
    now: datetime
    tables: Tables
    records: Mapping[str, Any]


def play() -> list[Moment]:
    """Play the story as today's code stores it."""
    with mock_aws():
        client = boto3.client("dynamodb", REGION, aws_access_key_id="testing", aws_secret_access_key="testing")
        create_tables(client)
        it = Deployment(client)
        return [Moment(name, it.clock.now, stored(client), records(it)) for name in tell(it)]


def main(version: str = "") -> None:
    """Write a version."""
    folder = FOLDER / (version or versions()[-1])
    folder.mkdir(parents=True, exist_ok=True)
    played = play()
    for path in folder.iterdir():
        path.unlink()
    for moment in played:
        document = {"now": moment.now.isoformat(), "tables": moment.tables, "records": as_json(moment.records)}
        (folder / f"{moment.name}.json").write_text(f"{_one_a_line(document)}\n", "utf-8")


def _one_a_line(value: Any, depth: int = 0) -> str:
    """JSON with one item, or one record, on a line: that is what people compare."""
    entries: list[str] = []
    if depth < _ITEM_DEPTH and isinstance(value, dict):
        entries = [f"{json.dumps(name)}: {_one_a_line(part, depth + 1)}" for name, part in value.items()]
    elif depth < _ITEM_DEPTH and isinstance(value, list):
        entries = [_one_a_line(part, depth + 1) for part in value]
    if not entries:
        return json.dumps(value, ensure_ascii=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = ",\n".join(f"{' ' * (depth + 1)}{entry}" for entry in entries)
    return f"{opening}\n{inner}\n{' ' * depth}{closing}"


if __name__ == "__main__":
    main(*sys.argv[1:2])
