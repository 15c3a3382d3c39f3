"""Plugins' rows in the status table, each with its output beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.history import skip_reported, skip_unexpected
from orchestrator_runtime.core.records import PluginRow, StageRef
from orchestrator_runtime.ports import Recorded
from orchestrator_runtime.stores.conditional import (
    MOST_TRIES,
    NO_ROW,
    ConditionFailed,
    WriteConflict,
    live_on,
    short_pause,
    transact,
    write_if,
)
from orchestrator_runtime.stores.history import keep_skip
from orchestrator_runtime.stores.items import OUTPUTS, Values, item_of, key_of, number, plugin_item, plugin_of, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


_TERMINAL: Final = {f":terminal{i}": text(state) for i, state in enumerate(s for s in State if s.is_terminal)}
_OPEN_ROW: Final = f"attempt = :attempt AND NOT #state IN ({', '.join(_TERMINAL)}) AND expires_at > :now"


_Request = tuple[Literal["Put", "Update"], Mapping[str, Any]]


class PluginRows:
    """Writes plugins' rows; see ``ports.StatusStore`` for what each write promises."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        clock: Callable[[], datetime],
        pause: Callable[[], None] = short_pause,
    ) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._pause = pause

    def record(self, ref: StageRef, row: PluginRow, *, expires_at: int, output: str | None, first: bool) -> Recorded:
        """See ``ports.StatusStore.record``.

        Two reports of a plugin may be under way at once. Each failed condition returns the row as it is, which says
        what write is the right one now, or that none is. A terminal row that is this one was written by the first
        try of a write that the SDK has repeated.
        """
        request_of = self._over_nothing if first else self._over_open
        for _ in range(MOST_TRIES):
            kind, request = request_of(ref, row, expires_at)
            try:
                written = self._write(ref, row, kind, request, output=output, expires_at=expires_at)
            except WriteConflict:
                self._pause()
            except ConditionFailed as failed:
                stands = plugin_of(failed.item) if failed.item else None
                if stands is None or stands.attempt < ref.attempt or Values(failed.item or {}).expired(self._clock()):
                    request_of = self._over_nothing
                elif stands.attempt == ref.attempt and not stands.state.is_terminal:
                    request_of = self._over_open
                else:
                    return Recorded(accepted=stands == _over(stands, row), row=stands)
            else:
                return Recorded(accepted=True, row=written)
        raise RuntimeError(f"the row of {row.name!r} at {ref.path} changed {MOST_TRIES} times under one write")

    def reset(self, ref: StageRef, row: PluginRow, state: State, *, now: datetime, expires_at: int) -> None:
        """See ``ports.StatusStore.reset_plugin``."""
        path = plugin_path(ref, row.name)
        fresh = PluginRow(
            name=row.name,
            attempt=ref.attempt,
            state=state,
            mandatory=row.mandatory,
            expected=state is State.NOT_STARTED,
        )
        all_of_it: Any = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": {
                        **key_of(ref.run.uid, path),
                        **item_of(plugin_item(fresh)),
                        "expires_at": number(expires_at),
                    },
                    "ConditionExpression": "attempt < :attempt",
                    "ExpressionAttributeValues": {":attempt": number(ref.attempt)},
                }
            },
            {"Delete": {"TableName": self._table, "Key": key_of(ref.run.uid, OUTPUTS + path)}},
        ]
        if state is State.DO_NOT_RUN:
            all_of_it.append(keep_skip(self._table, skip_unexpected(ref, row, at=now), expires_at=expires_at))
        # A handler that was thought dead must not take away what this attempt has put there meanwhile.
        with suppress(ConditionFailed):
            transact(self._client, all_of_it)

    def keep(self, ref: StageRef, row: PluginRow, *, expires_at: int, output: bool) -> None:
        """See ``ports.StatusStore.keep_plugin``."""
        path = plugin_path(ref, row.name)
        for kept in (path, OUTPUTS + path) if output else (path,):
            live_on(self._client, self._table, key_of(ref.run.uid, kept), expires_at=expires_at, now=self._clock())
        if output:
            return
        with suppress(ConditionFailed):
            write_if(
                self._client.delete_item,
                TableName=self._table,
                Key=key_of(ref.run.uid, OUTPUTS + path),
                ConditionExpression="attempt < :attempt",
                ExpressionAttributeValues={":attempt": number(ref.attempt)},
            )

    def _over_open(self, ref: StageRef, row: PluginRow, _expires_at: int) -> _Request:
        """Write over a row of this attempt that is open; a start that it notes stays."""
        values = {name: value for name, value in item_of(plugin_item(row)).items() if name != "attempt"}
        sets = [
            f"#{name} = if_not_exists(#{name}, :{name})" if name == "started_at" else f"#{name} = :{name}"
            for name in values
        ]
        return "Update", {
            "Key": key_of(ref.run.uid, plugin_path(ref, row.name)),
            "UpdateExpression": "SET " + ", ".join(sets),
            "ConditionExpression": _OPEN_ROW,
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": {
                **{f":{name}": value for name, value in values.items()},
                **_TERMINAL,
                ":attempt": number(ref.attempt),
                ":now": number(int(self._clock().timestamp())),
            },
        }

    def _over_nothing(self, ref: StageRef, row: PluginRow, expires_at: int) -> _Request:
        """Write a row where there is none that counts."""
        return "Put", {
            "Item": {
                **key_of(ref.run.uid, plugin_path(ref, row.name)),
                **item_of(plugin_item(row)),
                "expires_at": number(expires_at),
            },
            "ConditionExpression": NO_ROW,
            "ExpressionAttributeValues": {
                ":attempt": number(ref.attempt),
                ":now": number(int(self._clock().timestamp())),
            },
        }

    def _write(
        self,
        ref: StageRef,
        row: PluginRow,
        kind: Literal["Put", "Update"],
        request: Mapping[str, Any],
        *,
        output: str | None,
        expires_at: int,
    ) -> PluginRow:
        """Write a row alone, or with what goes with it: then all or nothing; return the row as it is then."""
        request = {**request, "TableName": self._table}
        beside = self._beside(ref, row, output, expires_at)
        if not beside and kind == "Put":
            write_if(self._client.put_item, **request)
            return row
        if not beside:
            return plugin_of(write_if(self._client.update_item, **request, ReturnValues="ALL_NEW")["Attributes"])
        transact(self._client, [{kind: {**request, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}, *beside])
        # A transaction does not return what it has written over, which may have a start.
        return row if kind == "Put" else self._get(request["Key"]) or row

    def _beside(self, ref: StageRef, row: PluginRow, output: str | None, expires_at: int) -> list[Mapping[str, Any]]:
        """What is written together with a row: its output, or that the plugin was skipped."""
        beside: list[Mapping[str, Any]] = []
        if output is not None:
            item = {
                **key_of(ref.run.uid, OUTPUTS + plugin_path(ref, row.name)),
                **item_of({"attempt": ref.attempt, "output": output, "expires_at": expires_at}),
            }
            beside.append({"Put": {"TableName": self._table, "Item": item}})
        if row.state is State.DO_NOT_RUN:
            skip = skip_reported(ref, row, at=row.ended_at or self._clock())
            beside.append(keep_skip(self._table, skip, expires_at=expires_at))
        return beside

    def _get(self, key: Mapping[str, Any]) -> PluginRow | None:
        item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return plugin_of(item) if item else None


def plugin_path(ref: StageRef, name: str) -> str:
    """A plugin's path in the status table."""
    return f"{ref.path}{name}/"


def _over(stands: PluginRow, row: PluginRow) -> PluginRow:
    """A row as it is read after it was written over another one of its attempt."""
    written = {name: value for name, value in plugin_item(row).items() if value is not None}
    if stands.started_at:
        written["started_at"] = stands.started_at
    path = key_of("", f"{row.name}/")
    return plugin_of({**path, **item_of({**plugin_item(stands), **written})})
