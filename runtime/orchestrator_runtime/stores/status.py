"""The status table in DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator_runtime.contract import Ending, State
from orchestrator_runtime.core.history import HistoryEntry, attempt_of, history
from orchestrator_runtime.core.records import Outcome, PluginRow, Run, RunRef, StagePlan, StageRef, StageRow
from orchestrator_runtime.core.run_document import run_document
from orchestrator_runtime.ports import Closed, Recorded, StageRecords
from orchestrator_runtime.stores.conditional import NO_ROW, ConditionFailed, short_pause, write_if
from orchestrator_runtime.stores.history import read_kept
from orchestrator_runtime.stores.items import (
    OUTPUTS,
    Values,
    item_of,
    key_of,
    number,
    plugin_of,
    run_of,
    stage_of,
    utc_now,
)
from orchestrator_runtime.stores.plan_item import PLAN, check_plan_size, plan_of, plan_values
from orchestrator_runtime.stores.plugin_rows import PluginRows
from orchestrator_runtime.stores.query import get_live, query_all
from orchestrator_runtime.stores.run_rows import RunRows

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from orchestrator_runtime.stores.items import Item


T = TypeVar("T", StageRow, StagePlan)


class DynamoStatusStore:
    """Implements ``ports.StatusStore``."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        clock: Callable[[], datetime] = utc_now,
        pause: Callable[[], None] = short_pause,
    ) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._runs = RunRows(client, table, clock, pause)
        self._plugins = PluginRows(client, table, clock, pause)

    # Runs

    def create_run(self, run: Run) -> Run | None:
        """See ``ports.StatusStore``."""
        return self._runs.create(run)

    def take_over_run(self, run: Run, *, previous: Run) -> bool:
        """See ``ports.StatusStore``."""
        return self._runs.take_over(run, previous=previous)

    def get_run(self, uid: str, workflow: str) -> Run | None:
        """See ``ports.StatusStore``."""
        return self._runs.get(uid, workflow)

    def end_run(
        self,
        ref: RunRef,
        *,
        execution: str,
        state: State,
        ending: Ending,
        message: str | None,
        now: datetime,
        by: str | None = None,
    ) -> bool:
        """See ``ports.StatusStore``."""
        return self._runs.end(ref, execution=execution, state=state, ending=ending, message=message, now=now, by=by)

    def finish_end(self, ref: RunRef, *, execution: str) -> None:
        """See ``ports.StatusStore``."""
        self._runs.finish_end(ref, execution=execution)

    def history(self, *, uid: str, workflow: str) -> list[HistoryEntry] | None:
        """Read what was done with a run, by whom, in order; ``None`` if the run does not exist or has expired.

        The row is read before the kept items: an attempt that is taken over meanwhile is read twice, and not missed.
        """
        run = self.get_run(uid, workflow)
        if run is None:
            return None
        kept, skips = read_kept(self._client, self._table, uid=uid, workflow=workflow, now=self._clock())
        return history([attempt_of(run), *kept], skips)

    def run_document(self, *, uid: str, workflow: str) -> dict[str, Any] | None:
        """Read a run as people see it; ``None`` if it does not exist or has expired.

        One query, whatever the run's size. The document's shape is that of
        ``core.run_document``.
        """
        run: Run | None = None
        stages: dict[str, StageRow] = {}
        plans: dict[str, StagePlan] = {}
        plugins: dict[str, dict[str, PluginRow]] = {}
        for item in self._live(uid, RunRef(uid, workflow, 0).path):
            match item["path"]["S"].split("/")[1:-1]:
                case []:
                    run = run_of(item)
                case [activity, stage]:
                    stages[f"{activity}/{stage}"] = stage_of(item)
                case [activity, stage, "~plan"]:
                    plans[f"{activity}/{stage}"] = plan_of(item)
                case [activity, stage, name]:
                    plugins.setdefault(f"{activity}/{stage}", {})[name] = plugin_of(item)
        return run_document(run, stages, plans, plugins) if run else None

    # Stages

    def save_plan(self, ref: StageRef, plan: StagePlan) -> StagePlan | None:
        """See ``ports.StatusStore``."""
        values = plan_values(plan)
        check_plan_size(ref, plan, values)
        stored = self._put_if_newer(ref, ref.path + PLAN, values)
        return plan if stored is None else _of_attempt(ref, plan_of(stored))

    def get_plan(self, ref: StageRef) -> StagePlan | None:
        """See ``ports.StatusStore``."""
        item = self._get(ref.run.uid, ref.path + PLAN)
        return _of_attempt(ref, plan_of(item)) if item else None

    def load_stage(self, ref: StageRef) -> StageRecords:
        """See ``ports.StatusStore``."""
        row: StageRow | None = None
        plan: StagePlan | None = None
        plugins: dict[str, PluginRow] = {}
        for item in self._live(ref.run.uid, ref.path):
            if item["path"]["S"] == ref.path:
                row = stage_of(item)
            elif item["path"]["S"] == ref.path + PLAN:
                plan = plan_of(item)
            else:
                plugin = plugin_of(item)
                plugins[plugin.name] = plugin
        return StageRecords(
            row=_of_attempt(ref, row) if row else None,
            plan=_of_attempt(ref, plan) if plan else None,
            plugins=plugins,
        )

    def close_stage(
        self, ref: StageRef, outcome: Outcome, *, started_at: datetime, now: datetime, expires_at: int
    ) -> Closed | None:
        """See ``ports.StatusStore``."""
        row = {
            "attempt": ref.attempt,
            "state": outcome.state,
            "message": outcome.message,
            "started_at": started_at,
            "ended_at": now,
            "expires_at": expires_at,
        }
        stored = self._put_if_newer(ref, ref.path, row)
        if stored is None:
            return Closed(first=True, outcome=outcome)
        closed = _of_attempt(ref, stage_of(stored))
        if closed is None or closed.outcome is None:
            return None
        own = closed == stage_of(item_of(row))
        return Closed(first=own, outcome=closed.outcome)

    # Plugins

    def record(
        self,
        ref: StageRef,
        row: PluginRow,
        *,
        expires_at: int,
        output: str | None = None,
        first: bool = False,
    ) -> Recorded:
        """See ``ports.StatusStore``."""
        return self._plugins.record(ref, row, expires_at=expires_at, output=output, first=first)

    def reset_plugin(self, ref: StageRef, row: PluginRow, state: State, *, now: datetime, expires_at: int) -> None:
        """See ``ports.StatusStore``."""
        self._plugins.reset(ref, row, state, now=now, expires_at=expires_at)

    def keep_plugin(self, ref: StageRef, row: PluginRow, *, expires_at: int, output: bool = True) -> None:
        """See ``ports.StatusStore``."""
        self._plugins.keep(ref, row, expires_at=expires_at, output=output)

    def outputs(self, ref: RunRef) -> Mapping[str, Any]:
        """See ``ports.StatusStore``."""
        prefix = OUTPUTS + ref.path
        return {
            item["path"]["S"].removeprefix(prefix).rstrip("/"): json.loads(item["output"]["S"])
            for item in self._live(ref.uid, prefix)
        }

    def _put_if_newer(self, ref: StageRef, path: str, values: Mapping[str, object]) -> Item | None:
        """Write an item unless one of this attempt or a later one is stored; then return that one."""
        try:
            write_if(
                self._client.put_item,
                TableName=self._table,
                Item={**key_of(ref.run.uid, path), **item_of(values)},
                ConditionExpression=NO_ROW,
                ExpressionAttributeValues={":attempt": number(ref.attempt), ":now": self._epoch()},
            )
        except ConditionFailed as failed:
            return failed.item or {}
        return None

    def _live(self, uid: str, prefix: str) -> Iterator[Item]:
        now = self._clock()
        return (i for i in query_all(self._client, self._table, uid, prefix) if not Values(i).expired(now))

    def _get(self, uid: str, path: str) -> Item | None:
        return get_live(self._client, self._table, key_of(uid, path), now=self._clock())

    def _epoch(self) -> AttributeValueTypeDef:
        return number(int(self._clock().timestamp()))


def _of_attempt(ref: StageRef, record: T) -> T | None:
    return record if record.attempt == ref.attempt else None
