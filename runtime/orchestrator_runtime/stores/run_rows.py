"""Runs' rows in the status table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orchestrator_runtime.contract import Ending, State
from orchestrator_runtime.core.history import attempt_of
from orchestrator_runtime.core.records import Run, RunRef
from orchestrator_runtime.stores.conditional import ConditionFailed, past_conflicts, transact, write_if
from orchestrator_runtime.stores.history import extend_kept, keep_attempt
from orchestrator_runtime.stores.items import key_of, number, run_item, run_of, text, time
from orchestrator_runtime.stores.query import get_live

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef


class RunRows:
    """Writes and reads runs' rows; see ``ports.StatusStore`` for what each write promises."""

    def __init__(
        self, client: DynamoDBClient, table: str, clock: Callable[[], datetime], pause: Callable[[], None]
    ) -> None:
        self._client = client
        self._table = table
        self._clock = clock
        self._pause = pause

    def create(self, run: Run) -> Run | None:
        """See ``ports.StatusStore.create_run``."""
        item = run_item(run)
        try:
            self._write_if(
                self._client.put_item,
                Item=item,
                ConditionExpression="attribute_not_exists(attempt) OR expires_at <= :now",
                ExpressionAttributeValues={":now": self._epoch()},
            )
        except ConditionFailed as failed:
            # The answer may come without the item.
            stored = run_of(failed.item) if failed.item else self.get(run.ref.uid, run.ref.workflow)
            return stored if stored != run_of(item) else None
        return None

    def take_over(self, run: Run, *, previous: Run) -> bool:
        """See ``ports.StatusStore.take_over_run``."""
        ref, now = run.ref, self._clock()
        # Before the row is taken over: who dies in between has let something live too long, and lost nothing.
        extend_kept(self._client, self._table, uid=ref.uid, workflow=ref.workflow, expires_at=run.expires_at, now=now)
        ended = "ended_at = :ended" if previous.ended_at else "attribute_not_exists(ended_at)"
        put: Any = {
            "TableName": self._table,
            "Item": run_item(run),
            "ConditionExpression": f"execution = :execution AND attempt = :attempt AND {ended} AND expires_at > :now",
            "ExpressionAttributeValues": {
                ":now": self._epoch(),
                ":execution": text(previous.execution),
                ":attempt": number(previous.ref.attempt),
                **({":ended": time(previous.ended_at)} if previous.ended_at else {}),
            },
        }
        kept = keep_attempt(self._table, ref, attempt_of(previous), expires_at=run.expires_at)
        try:
            past_conflicts(lambda: transact(self._client, [{"Put": put}, kept]), self._pause)
        except ConditionFailed:
            return False
        return True

    def get(self, uid: str, workflow: str) -> Run | None:
        """See ``ports.StatusStore.get_run``."""
        key = key_of(uid, RunRef(uid, workflow, 0).path)
        item = get_live(self._client, self._table, key, now=self._clock())
        return run_of(item) if item else None

    def end(
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
        """See ``ports.StatusStore.end_run``."""
        # If the SDK repeats the write, its first try has left these in the row.
        own = {
            "execution": text(execution),
            "attempt": number(ref.attempt),
            "ending": text(ending),
            "ended_at": time(now),
        }
        extra = (", message = :message" if message else "") + (", ended_by = :by" if by else "")
        done = " REMOVE active, active_since" if state is State.COMPLETE else ""
        update = f"SET #state = :state, ended_at = :ended_at, ending = :ending{extra}{done}"
        try:
            self._write_if(
                self._client.update_item,
                Key=key_of(ref.uid, ref.path),
                UpdateExpression=update,
                ConditionExpression=(
                    "execution = :execution AND attempt = :attempt AND attribute_not_exists(ended_at) AND "
                    "expires_at > :now"
                ),
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={
                    ":state": text(state),
                    ":now": self._epoch(),
                    **{f":{name}": value for name, value in own.items()},
                    **({":message": text(message)} if message else {}),
                    **({":by": text(by)} if by else {}),
                },
            )
        except ConditionFailed as failed:
            stored = failed.item or {}
            return all(stored.get(name) == value for name, value in own.items())
        return True

    def finish_end(self, ref: RunRef, *, execution: str) -> None:
        """See ``ports.StatusStore.finish_end``."""
        with suppress(ConditionFailed):
            self._write_if(
                self._client.update_item,
                Key=key_of(ref.uid, ref.path),
                UpdateExpression="REMOVE active, active_since",
                ConditionExpression="execution = :execution AND attempt = :attempt AND attribute_exists(ended_at)",
                ExpressionAttributeValues={":execution": text(execution), ":attempt": number(ref.attempt)},
            )

    def _write_if(self, write: Callable[..., Any], **request: Any) -> None:  # noqa: ANN401 - as ``write_if`` takes it
        """Write a run's row on a condition; a start and an end of the run may meet at it."""
        past_conflicts(lambda: write_if(write, TableName=self._table, **request), self._pause)

    def _epoch(self) -> AttributeValueTypeDef:
        return number(int(self._clock().timestamp()))
