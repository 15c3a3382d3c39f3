"""How records stand in DynamoDB: attribute names, and plain values in and out.

Documents of users (metadata, outputs, filter policies) are kept as JSON text, so
that no number is rounded on its way through DynamoDB's own types.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from orchestrator_runtime.contract import ACTIVE_RUNS_PARTITIONS, Ending, Stage, State, TableAttribute
from orchestrator_runtime.core.records import (
    ActiveRun,
    ActivityControl,
    Dispatch,
    Outcome,
    PluginRow,
    Run,
    RunRef,
    StageRow,
)
from orchestrator_runtime.json_text import compact_json

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]
    NewItem = dict[str, AttributeValueTypeDef]

OUTPUTS: Final = "~outputs/"
"""First part of an output's path, so that no read of a run or a stage meets it."""


def text(value: str) -> AttributeValueTypeDef:
    """A string."""
    return {"S": value}


def number(value: float) -> AttributeValueTypeDef:
    """A number."""
    return {"N": repr(value)}


def numbers(values: Collection[int]) -> AttributeValueTypeDef:
    """A set of numbers; never an empty one, DynamoDB has none."""
    return {"NS": [str(value) for value in sorted(values)]}


def time(value: datetime) -> AttributeValueTypeDef:
    """A time, as ISO 8601 in UTC with milliseconds."""
    return {"S": iso(value)}


def instant(value: datetime) -> AttributeValueTypeDef:
    """A time with microseconds, where two handlers have to be distinguished by it."""
    return {"S": f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"}


def utc_now() -> datetime:
    """The time."""
    return datetime.now(tz=UTC)


def iso(value: datetime) -> str:
    """A time as people and tools read it everywhere in the table."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"


def key_of(uid: str, path: str) -> NewItem:
    """The key of an item of the status or the control table."""
    return {"uid": text(uid), "path": text(path)}


def item_of(values: Mapping[str, object]) -> NewItem:
    """An item of the values that are there."""
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def _attribute(value: object) -> AttributeValueTypeDef:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, datetime):
        return time(value)
    if isinstance(value, frozenset):
        return numbers(value)
    return text(str(value))


class Values:
    """Reads plain values from an item; what is not there is ``None``."""

    def __init__(self, item: Item) -> None:
        self._item = item

    def text(self, name: str) -> str | None:
        """A string."""
        return self._item[name]["S"] if name in self._item else None

    def whole(self, name: str) -> int | None:
        """A whole number."""
        return int(self._item[name]["N"]) if name in self._item else None

    def real(self, name: str) -> float | None:
        """A number."""
        return float(self._item[name]["N"]) if name in self._item else None

    def flag(self, name: str) -> bool:
        """A boolean; absent is false."""
        return bool(self._item[name]["BOOL"]) if name in self._item else False

    def time(self, name: str) -> datetime | None:
        """A time."""
        return datetime.fromisoformat(value) if (value := self.text(name)) else None

    def numbers(self, name: str) -> frozenset[int]:
        """A set of numbers; absent is empty."""
        return frozenset(int(value) for value in self._item[name]["NS"]) if name in self._item else frozenset()

    def document(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON a user gave
        """A JSON document."""
        return json.loads(value) if (value := self.text(name)) is not None else None

    def expired(self, now: datetime) -> bool:
        """Whether the item's time is over, though DynamoDB may not have deleted it yet."""
        expires_at = self.whole("expires_at")
        return expires_at is not None and expires_at <= now.timestamp()


def run_item(run: Run) -> NewItem:
    """A run's row."""
    return item_of(
        {
            "uid": run.ref.uid,
            "path": run.ref.path,
            "workflow": run.ref.workflow,
            "attempt": run.ref.attempt,
            "state": run.state,
            "metadata": compact_json(run.metadata),
            "execution": run.execution,
            "activities": compact_json(run.activities),
            "started_at": run.started_at,
            "by": run.by,
            "metadata_replaced": run.metadata_replaced or None,
            "ended_at": run.ended_at,
            "ending": run.ending,
            "ended_by": run.ended_by,
            "message": run.message,
            "expires_at": run.expires_at,
            **({} if run.ended else _active_keys(run)),
        }
    )


def shard_of(uid: str, shards: int) -> str:
    """The partition of a sharded index that holds what belongs to a run."""
    return str(crc32(uid.encode()) % shards)


def _active_keys(run: Run) -> dict[str, object]:
    """The keys of the index of runs in progress. A row without them is not in it."""
    return {
        TableAttribute.ACTIVE: shard_of(run.ref.uid, ACTIVE_RUNS_PARTITIONS),
        TableAttribute.ACTIVE_SINCE: f"{run.ref.path}{iso(run.started_at)}",
    }


def active_run_of(item: Item) -> ActiveRun:
    """Read an entry of the index of runs in progress."""
    return ActiveRun(
        ref=RunRef(item["uid"]["S"], item["workflow"]["S"], int(item["attempt"]["N"])),
        execution=item["execution"]["S"],
        started_at=datetime.fromisoformat(item["active_since"]["S"].rpartition("/")[2]),
    )


def run_of(item: Item) -> Run:
    """Read a run's row."""
    values = Values(item)
    return Run(
        ref=RunRef(item["uid"]["S"], item["workflow"]["S"], int(item["attempt"]["N"])),
        state=State(item["state"]["S"]),
        metadata=values.document("metadata"),
        execution=item["execution"]["S"],
        activities=tuple(tuple(side_by_side) for side_by_side in values.document("activities")),
        started_at=datetime.fromisoformat(item["started_at"]["S"]),
        expires_at=int(item["expires_at"]["N"]),
        by=values.text("by"),
        metadata_replaced=values.flag("metadata_replaced"),
        ended_at=values.time("ended_at"),
        ending=Ending(ending) if (ending := values.text("ending")) else None,
        ended_by=values.text("ended_by"),
        message=values.text("message"),
    )


def stage_of(item: Item) -> StageRow:
    """Read a stage's row."""
    values = Values(item)
    state = State(item["state"]["S"])
    ended_at = values.time("ended_at")
    return StageRow(
        attempt=int(item["attempt"]["N"]),
        state=state,
        started_at=datetime.fromisoformat(item["started_at"]["S"]),
        ended_at=ended_at,
        outcome=Outcome(state=state, message=values.text("message")) if ended_at else None,
    )


def sizes_item(sizes: Mapping[int, int]) -> str:
    """The bytes of outputs by the index of their plugin, as text that is the same for the same sizes."""
    return compact_json({str(index): size for index, size in sorted(sizes.items())})


def _sizes_of(document: Mapping[str, int] | None) -> dict[int, int]:
    return {int(index): size for index, size in (document or {}).items()}


def plugin_item(row: PluginRow) -> dict[str, object]:
    """A plugin's row, without its key."""
    return {
        "attempt": row.attempt,
        "state": row.state,
        "mandatory": row.mandatory,
        "expected": row.expected,
        "message": row.message,
        "progress": row.progress,
        "started_at": row.started_at,
        "updated_at": row.updated_at,
        "ended_at": row.ended_at,
    }


def plugin_of(item: Item) -> PluginRow:
    """Read a plugin's row."""
    values = Values(item)
    return PluginRow(
        name=item["path"]["S"].rstrip("/").rpartition("/")[2],
        attempt=int(item["attempt"]["N"]),
        state=State(item["state"]["S"]),
        mandatory=values.flag("mandatory"),
        expected=values.flag("expected"),
        message=values.text("message"),
        progress=values.real("progress"),
        started_at=values.time("started_at"),
        updated_at=values.time("updated_at"),
        ended_at=values.time("ended_at"),
    )


def control_of(item: Item) -> ActivityControl:
    """Read an activity's control item."""
    values = Values(item)
    stage, outcome = values.text("stage"), values.text("outcome")
    ordinal, claimed_at = values.whole("dispatched"), values.time("claimed_at")
    dispatch = None
    if ordinal is not None and claimed_at is not None:
        dispatch = Dispatch(ordinal=ordinal, claimed_at=claimed_at, published_at=values.time("published_at"))
    return ActivityControl(
        attempt=int(item["attempt"]["N"]),
        stage=Stage(stage) if stage else None,
        pending=values.numbers("pending"),
        failed=values.numbers("failed"),
        dispatch=dispatch,
        outputs=_sizes_of(values.document("outputs")),
        due_at=values.time("due_at"),
        outcome=Outcome(state=State(outcome), message=values.text("outcome_message")) if outcome else None,
        run_ended=values.flag("run_ended"),
    )
