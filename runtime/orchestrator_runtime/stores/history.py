"""What is kept of a run's history beside its row, in the status table.

Each item is written together with the row that makes it true, and never written over. Its path begins with the
attempt and the time, so that items are read in the order in which things happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import Ending, Stage
from orchestrator_runtime.core.history import Attempt, Skip
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.stores.conditional import live_on
from orchestrator_runtime.stores.items import Values, iso, item_of, key_of
from orchestrator_runtime.stores.query import query_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.stores.items import Item

HISTORY: Final = "~history/"
"""First part of the path of what is kept, so that no read of a run or a stage meets it."""

_PARTS_OF_AN_ATTEMPT: Final = 2


def keep_attempt(table: str, ref: RunRef, attempt: Attempt, *, expires_at: int) -> Mapping[str, Any]:
    """The write, for a transaction, that keeps how an attempt began and ended."""
    values = {
        "attempt": attempt.number,
        "execution": attempt.execution,
        "started_at": attempt.started_at,
        "by": attempt.by,
        "metadata_replaced": attempt.metadata_replaced or None,
        "ended_at": attempt.ended_at,
        "ending": attempt.ending,
        "ended_by": attempt.ended_by,
        "message": attempt.message,
        "expires_at": expires_at,
    }
    return _put(table, ref.uid, _place(ref, attempt.started_at, attempt.number), values)


def keep_skip(table: str, skip: Skip, *, expires_at: int) -> Mapping[str, Any]:
    """The write, for a transaction, that keeps that a plugin was skipped."""
    run = skip.ref.run
    values = {
        "attempt": run.attempt,
        "at": skip.at,
        "reported": skip.reported,
        "message": skip.message,
        "expires_at": expires_at,
    }
    path = f"{_place(run, skip.at, run.attempt)}{skip.ref.activity}/{skip.ref.stage}/{skip.plugin}/"
    return _put(table, run.uid, path, values)


def read_kept(
    client: DynamoDBClient, table: str, *, uid: str, workflow: str, now: datetime
) -> tuple[list[Attempt], list[Skip]]:
    """Read what is kept of a run."""
    attempts: list[Attempt] = []
    skips: list[Skip] = []
    prefix = _prefix(workflow)
    for item in query_all(client, table, uid, prefix):
        if Values(item).expired(now):
            continue
        parts = item["path"]["S"].removeprefix(prefix).rstrip("/").split("/")
        if len(parts) == _PARTS_OF_AN_ATTEMPT:
            attempts.append(_attempt_of(item))
        else:
            _, _, activity, stage, plugin = parts
            values = Values(item)
            skips.append(
                Skip(
                    ref=RunRef(uid, workflow, int(item["attempt"]["N"])).stage(activity, Stage(stage)),
                    plugin=plugin,
                    at=datetime.fromisoformat(item["at"]["S"]),
                    reported=values.flag("reported"),
                    message=values.text("message"),
                )
            )
    return attempts, skips


def extend_kept(client: DynamoDBClient, table: str, *, uid: str, workflow: str, expires_at: int, now: datetime) -> None:
    """Let what is kept of a run live as long as the run's next attempt; nothing else of it changes."""
    for item in query_all(client, table, uid, _prefix(workflow)):
        if int(item["expires_at"]["N"]) < expires_at:
            live_on(client, table, key_of(uid, item["path"]["S"]), expires_at=expires_at, now=now)


def _attempt_of(item: Item) -> Attempt:
    values = Values(item)
    return Attempt(
        number=int(item["attempt"]["N"]),
        execution=item["execution"]["S"],
        started_at=datetime.fromisoformat(item["started_at"]["S"]),
        by=values.text("by"),
        metadata_replaced=values.flag("metadata_replaced"),
        ended_at=values.time("ended_at"),
        ending=Ending(ending) if (ending := values.text("ending")) else None,
        ended_by=values.text("ended_by"),
        message=values.text("message"),
    )


def _prefix(workflow: str) -> str:
    return f"{HISTORY}{workflow}/"


def _place(ref: RunRef, at: datetime, attempt: int) -> str:
    return f"{_prefix(ref.workflow)}{attempt:06d}/{iso(at)}/"


def _put(table: str, uid: str, path: str, values: Mapping[str, object]) -> Mapping[str, Any]:
    return {
        "Put": {
            "TableName": table,
            "Item": {**key_of(uid, path), **item_of(values)},
            "ConditionExpression": "attribute_not_exists(uid)",
        }
    }
