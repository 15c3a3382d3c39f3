"""The control table in DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import DUE_SHARDS, Stage, TableAttribute
from orchestrator_runtime.core.records import ActivityControl, ActivityRef, Dispatch, Outcome, RunRef, StageRef
from orchestrator_runtime.stores.conditional import NO_ROW, ConditionFailed, write_if
from orchestrator_runtime.stores.items import (
    Values,
    control_of,
    instant,
    item_of,
    key_of,
    number,
    numbers,
    shard_of,
    sizes_item,
    text,
    time,
    utc_now,
)
from orchestrator_runtime.stores.query import get_live

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from orchestrator_runtime.stores.items import Item, NewItem


TOKEN: Final = "~token/"  # noqa: S105 - a path
"""Last part of a token's path. The token is a kilobyte; no update of the activity's item pays for it."""

_REMOVE_DUE: Final = " REMOVE due_shard, due_at"
_IN_PROGRESS: Final = "attribute_not_exists(outcome) AND attribute_not_exists(run_ended)"


class DynamoControlStore:
    """Implements ``ports.ControlStore``."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Callable[[], datetime] = utc_now) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    # Tokens

    def store_token(self, ref: ActivityRef, *, token: str, rank: str, expires_at: int) -> bool:
        """See ``ports.ControlStore``."""
        values = {"attempt": ref.attempt, "token": token, "token_rank": rank, "expires_at": expires_at}
        try:
            self._put(
                key_of(ref.run.uid, ref.path + TOKEN),
                values,
                "attribute_not_exists(attempt) OR token_rank < :rank OR expires_at <= :now",
                {":rank": text(rank)},
            )
        except ConditionFailed as failed:
            stored = Values(failed.item or {})
            return (stored.text("token_rank"), stored.text("token")) == (rank, token)
        return True

    def get_token(self, ref: ActivityRef) -> str | None:
        """See ``ports.ControlStore``."""
        item = self._get(ref.run.uid, ref.path + TOKEN)
        return item["token"]["S"] if item and int(item["attempt"]["N"]) == ref.attempt else None

    # Activities

    def get(self, ref: ActivityRef) -> ActivityControl | None:
        """See ``ports.ControlStore``."""
        control = self.find(ref.run.uid, ref.run.workflow, ref.name)
        return control if control and control.attempt == ref.attempt else None

    def find(self, uid: str, workflow: str, activity: str) -> ActivityControl | None:
        """See ``ports.ControlStore``."""
        item = self._get(uid, RunRef(uid, workflow, 0).activity(activity).path)
        return control_of(item) if item else None

    def enter(
        self,
        ref: StageRef,
        *,
        leaving: Stage | None,
        pending: Collection[int],
        dispatch: Dispatch,
        due_at: datetime,
        due_before: datetime | None,
        expires_at: int,
    ) -> ActivityControl | None:
        """See ``ports.ControlStore``."""
        try:
            if leaving is None:
                return self._create(ref, pending, dispatch, due_at, expires_at)
            due, due_condition = _lower_due(due_at, due_before)
            return self._update(
                ref.of_activity,
                f"SET stage = :stage, pending = :pending, dispatched = :ordinal, claimed_at = :claimed{due}"
                " REMOVE failed, published_at, outputs",
                f"stage = :leaving AND {_IN_PROGRESS}{due_condition}",
                {
                    ":stage": text(ref.stage),
                    ":pending": numbers(pending),
                    ":ordinal": number(dispatch.ordinal),
                    ":claimed": instant(dispatch.claimed_at),
                    ":due": time(due_at),
                    ":leaving": text(leaving),
                },
            )
        except ConditionFailed as failed:
            return self._own_claim(failed.item, ref, dispatch)

    def settle(self, ref: StageRef, *, finished: Collection[int], failed: Collection[int]) -> ActivityControl | None:
        """See ``ports.ControlStore``."""
        update, values = "DELETE pending :finished", {":finished": numbers(finished), ":stage": text(ref.stage)}
        if failed:
            update, values = f"{update} ADD failed :failed", {**values, ":failed": numbers(failed)}
        try:
            return self._update(ref.of_activity, update, "stage = :stage", values)
        except ConditionFailed:
            return None

    def take_room(
        self, ref: StageRef, outputs: Mapping[int, int], *, seen: Mapping[int, int]
    ) -> ActivityControl | None:
        """See ``ports.ControlStore``."""
        values = {":outputs": text(sizes_item(outputs)), ":stage": text(ref.stage)}
        if seen:
            condition, values = "outputs = :seen", {**values, ":seen": text(sizes_item(seen))}
        else:
            condition = "attribute_not_exists(outputs)"
        try:
            return self._update(ref.of_activity, "SET outputs = :outputs", f"stage = :stage AND {condition}", values)
        except ConditionFailed as failed:
            stored = self._live(failed.item)
            own = stored is not None and (stored.attempt, stored.stage, stored.outputs) == (
                ref.attempt,
                ref.stage,
                outputs,
            )
            return stored if own else None

    def claim(
        self, ref: StageRef, dispatch: Dispatch, *, replacing: Dispatch, due_at: datetime, due_before: datetime
    ) -> ActivityControl | None:
        """See ``ports.ControlStore``."""
        due, due_condition = _lower_due(due_at, due_before)
        last, last_values = _last_dispatch(replacing)
        try:
            return self._update(
                ref.of_activity,
                f"SET dispatched = :ordinal, claimed_at = :claimed{due} REMOVE published_at",
                f"stage = :stage AND {last} AND {_IN_PROGRESS}{due_condition}",
                {
                    **last_values,
                    ":stage": text(ref.stage),
                    ":ordinal": number(dispatch.ordinal),
                    ":claimed": instant(dispatch.claimed_at),
                    ":due": time(due_at),
                },
            )
        except ConditionFailed as failed:
            return self._own_claim(failed.item, ref, dispatch)

    def confirm(self, ref: StageRef, dispatch: Dispatch, *, now: datetime) -> None:
        """See ``ports.ControlStore``."""
        with suppress(ConditionFailed):
            self._update(
                ref.of_activity,
                "SET published_at = :published",
                "stage = :stage AND dispatched = :ordinal AND claimed_at = :claimed",
                {
                    ":published": time(now),
                    ":stage": text(ref.stage),
                    ":ordinal": number(dispatch.ordinal),
                    ":claimed": instant(dispatch.claimed_at),
                },
            )

    def postpone(self, ref: StageRef, *, due_at: datetime, seen: ActivityControl) -> None:
        """See ``ports.ControlStore``."""
        if seen.dispatch is None or seen.due_at is None:
            return
        last, last_values = _last_dispatch(seen.dispatch)
        with suppress(ConditionFailed):
            self._update(
                ref.of_activity,
                "SET due_at = :due",
                f"stage = :stage AND {last} AND due_at = :seen",
                {**last_values, ":due": time(due_at), ":stage": text(ref.stage), ":seen": time(seen.due_at)},
            )

    def finish(self, ref: StageRef, outcome: Outcome, *, stays_due: bool = False) -> ActivityControl | None:
        """See ``ports.ControlStore``."""
        message = outcome.message
        sets = "SET outcome = :outcome" + (", outcome_message = :message" if message else "")
        try:
            return self._update(
                ref.of_activity,
                sets if stays_due else sets + _REMOVE_DUE,
                "stage = :stage AND attribute_not_exists(outcome)",
                {
                    ":outcome": text(outcome.state),
                    ":stage": text(ref.stage),
                    **({":message": text(message)} if message else {}),
                },
            )
        except ConditionFailed as failed:
            stored = self._live(failed.item)
            return stored if stored and stored.attempt == ref.attempt and stored.outcome else None

    def answered(self, ref: ActivityRef) -> None:
        """See ``ports.ControlStore``."""
        with suppress(ConditionFailed):
            condition = "(attribute_exists(outcome) OR run_ended = :yes)"
            self._update(ref, _REMOVE_DUE.strip(), condition, {":yes": {"BOOL": True}})

    def end(self, ref: ActivityRef, *, expires_at: int) -> ActivityControl | None:
        """See ``ports.ControlStore``."""
        try:
            return self._write_end(ref, expires_at)
        except ConditionFailed as failed:
            stored = self._live(failed.item)
            if stored is not None and stored.attempt >= ref.attempt:
                return stored if stored.attempt == ref.attempt else None
        values = {"attempt": ref.attempt, "run_ended": True, "expires_at": expires_at}
        try:
            return control_of(
                self._put(key_of(ref.run.uid, ref.path), values, NO_ROW, {":attempt": number(ref.attempt)})
            )
        except ConditionFailed:
            # Another handler has replaced what an earlier attempt left.
            return self.end(ref, expires_at=expires_at)

    def _write_end(self, ref: ActivityRef, expires_at: int) -> ActivityControl:
        """Update the item of this attempt if it is in progress, or create it if there is none, in one write."""
        answer = self._write(
            self._client.update_item,
            "(attribute_not_exists(attempt) OR (attempt = :attempt AND expires_at > :now)) AND "
            "attribute_not_exists(outcome)",
            {":attempt": number(ref.attempt), ":yes": {"BOOL": True}, ":expires": number(expires_at)},
            Key=key_of(ref.run.uid, ref.path),
            UpdateExpression=(
                "SET attempt = :attempt, run_ended = :yes, expires_at = if_not_exists(expires_at, :expires)"
            ),
            ReturnValues="ALL_NEW",
        )
        return control_of(answer["Attributes"])

    def _create(
        self, ref: StageRef, pending: Collection[int], dispatch: Dispatch, due_at: datetime, expires_at: int
    ) -> ActivityControl:
        values = {
            "attempt": ref.attempt,
            "stage": ref.stage,
            "pending": frozenset(pending),
            "dispatched": dispatch.ordinal,
            TableAttribute.DUE_SHARD: shard_of(ref.run.uid, DUE_SHARDS),
            TableAttribute.DUE_AT: due_at,
            "expires_at": expires_at,
        }
        key = {**key_of(ref.run.uid, ref.of_activity.path), "claimed_at": instant(dispatch.claimed_at)}
        return control_of(self._put(key, values, NO_ROW, {":attempt": number(ref.attempt)}))

    def _own_claim(self, item: Item | None, ref: StageRef, dispatch: Dispatch) -> ActivityControl | None:
        """The item, if the SDK has repeated a write whose first try has claimed this dispatch."""
        stored = self._live(item)
        if stored is None or stored.dispatch is None or (stored.attempt, stored.stage) != (ref.attempt, ref.stage):
            return None
        last = stored.dispatch
        own = (last.ordinal, last.claimed_at) == (dispatch.ordinal, dispatch.claimed_at)
        return stored if own else None

    def _live(self, item: Item | None) -> ActivityControl | None:
        return control_of(item) if item and not Values(item).expired(self._clock()) else None

    def _get(self, uid: str, path: str) -> Item | None:
        return get_live(self._client, self._table, key_of(uid, path), now=self._clock())

    def _update(
        self, ref: ActivityRef, update: str, condition: str, values: Mapping[str, AttributeValueTypeDef]
    ) -> ActivityControl:
        """Update the item if it is of the attempt and the condition holds; return it as it is afterwards."""
        answer = self._write(
            self._client.update_item,
            f"attempt = :attempt AND expires_at > :now AND {condition}",
            {**values, ":attempt": number(ref.attempt)},
            Key=key_of(ref.run.uid, ref.path),
            UpdateExpression=update,
            ReturnValues="ALL_NEW",
        )
        return control_of(answer["Attributes"])

    def _put(
        self,
        key: NewItem,
        values: Mapping[str, object],
        condition: str,
        condition_values: Mapping[str, AttributeValueTypeDef],
    ) -> Item:
        item = {**key, **item_of(values)}
        self._write(self._client.put_item, condition, condition_values, Item=item)
        return item

    def _write(
        self,
        write: Callable[..., Any],
        condition: str,
        values: Mapping[str, AttributeValueTypeDef],
        **request: object,
    ) -> Any:  # noqa: ANN401 - as ``write_if`` answers
        now = number(int(self._clock().timestamp()))
        return write_if(
            write,
            TableName=self._table,
            ConditionExpression=condition,
            ExpressionAttributeValues={**values, ":now": now},
            **request,
        )


def _lower_due(due_at: datetime, due_before: datetime | None) -> tuple[str, str]:
    """What lowers the due time: an assignment if it was read to be later, else a condition that it is not later."""
    if due_before is None or due_before > due_at:
        return ", due_at = :due", ""
    return "", " AND due_at <= :due"


def _last_dispatch(dispatch: Dispatch) -> tuple[str, Mapping[str, AttributeValueTypeDef]]:
    """Condition: the last dispatch is still this one, published or not as it was read."""
    condition = "dispatched = :last_ordinal AND claimed_at = :last_claimed AND "
    values = {":last_ordinal": number(dispatch.ordinal), ":last_claimed": instant(dispatch.claimed_at)}
    if dispatch.published_at is None:
        return f"{condition}attribute_not_exists(published_at)", values
    return f"{condition}published_at = :last_published", {**values, ":last_published": time(dispatch.published_at)}
