"""The control table's items in DynamoDB: small, sparse in the index, and written as seldom as possible."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import ActivityControl, Dispatch, Outcome
from orchestrator_runtime.stores.control import DynamoControlStore
from tests.cost.capacity_units import item_bytes
from tests.unit.moto_tables import CONTROL, Clock, items, meanwhile
from tests.unit.samples import EXPIRES_AT, NOW, run_ref, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ACTIVITY = run_ref().activity("Rate")
FIRST = Dispatch(ordinal=0, claimed_at=NOW)
SECOND = Dispatch(ordinal=1, claimed_at=NOW + timedelta(seconds=1))
DUE = NOW + timedelta(seconds=60)
KEYS = {"due_shard", "due_at"}


def enter(
    control: DynamoControlStore,
    *,
    stage: Stage = Stage.PRE,
    leaving: Stage | None = None,
    attempt: int = 1,
    **other: Any,
) -> ActivityControl | None:
    given: dict[str, Any] = {
        "pending": range(3),
        "dispatch": FIRST,
        "due_at": DUE,
        "due_before": DUE if leaving else None,
        "expires_at": EXPIRES_AT,
        **other,
    }
    return control.enter(stage_ref(attempt, stage=stage), leaving=leaving, **given)


def test_item_of_an_activity(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    enter(control)
    control.settle(stage_ref(stage=Stage.PRE), finished=[0], failed=[0])
    control.confirm(stage_ref(stage=Stage.PRE), FIRST, now=NOW)
    assert items(dynamodb, CONTROL) == [
        {
            "uid": {"S": "q-1"},
            "path": {"S": "NewBusiness/Rate/"},
            "attempt": {"N": "1"},
            "stage": {"S": "pre"},
            "pending": {"NS": ["1", "2"]},
            "failed": {"NS": ["0"]},
            "dispatched": {"N": "0"},
            "claimed_at": {"S": "2026-11-24T09:30:00.123000Z"},
            "published_at": {"S": "2026-11-24T09:30:00.123Z"},
            "due_shard": {"S": "0"},
            "due_at": {"S": "2026-11-24T09:31:00.123Z"},
            "expires_at": {"N": str(EXPIRES_AT)},
        }
    ]


def test_item_of_a_token(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    control.store_token(ACTIVITY, token="t", rank="r", expires_at=EXPIRES_AT)
    assert items(dynamodb, CONTROL) == [
        {
            "uid": {"S": "q-1"},
            "path": {"S": "NewBusiness/Rate/~token/"},
            "attempt": {"N": "1"},
            "token": {"S": "t"},
            "token_rank": {"S": "r"},
            "expires_at": {"N": str(EXPIRES_AT)},
        }
    ]


def test_item_of_many_plugins_takes_one_write_unit(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    enter(control, pending=range(150))
    [item] = items(dynamodb, CONTROL)
    assert item_bytes(item) < 1024


@pytest.mark.parametrize("over", ["finished", "ended"])
def test_activity_that_is_over_is_not_in_the_index(
    control: DynamoControlStore, dynamodb: DynamoDBClient, over: str
) -> None:
    enter(control)
    if over == "finished":
        control.finish(stage_ref(stage=Stage.PRE), Outcome(state=State.COMPLETE))
    else:
        control.end(ACTIVITY, expires_at=EXPIRES_AT)
        control.answered(ACTIVITY)
    [item] = items(dynamodb, CONTROL)
    assert not KEYS & item.keys()


def test_activity_that_never_opened_is_not_in_the_index(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    enter(control)
    control.end(run_ref(2).activity("Rate"), expires_at=EXPIRES_AT)
    control.end(run_ref().activity("Other"), expires_at=EXPIRES_AT)
    for item in items(dynamodb, CONTROL):
        assert item.keys() == {"uid", "path", "attempt", "run_ended", "expires_at"}


def test_only_a_lower_due_time_touches_the_index(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    """DynamoDB bills two more writes for an update of an index key."""
    updates: list[str] = []

    def note(params: Any, **_: Any) -> None:
        updates.append(params["UpdateExpression"])

    enter(control)
    ref = stage_ref(stage=Stage.PRE)
    dynamodb.meta.events.register("before-parameter-build.dynamodb.UpdateItem", note)
    try:
        control.confirm(ref, FIRST, now=NOW)
        control.settle(ref, finished=[0], failed=[])
        replacing = Dispatch(ordinal=0, claimed_at=NOW, published_at=NOW)
        control.claim(ref, SECOND, replacing=replacing, due_at=DUE, due_before=DUE)
        enter(control, stage=Stage.PARALLEL, leaving=Stage.PRE)
        assert [update for update in updates if "due" in update] == []
        enter(control, stage=Stage.POST, leaving=Stage.PARALLEL, due_at=NOW)
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb.UpdateItem", note)
    assert "due_at = :due" in updates[-1]


def test_every_call_sends_one_request(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    sent: list[str] = []

    def note(model: Any, **_: Any) -> None:
        sent.append(model.name)

    dynamodb.meta.events.register("before-parameter-build.dynamodb", note)
    try:
        control.store_token(ACTIVITY, token="t", rank="r", expires_at=EXPIRES_AT)
        enter(control)
        enter(control, stage=Stage.PARALLEL, leaving=Stage.PRE)
        control.settle(stage_ref(), finished=[0], failed=[])
        control.claim(stage_ref(), SECOND, replacing=FIRST, due_at=DUE, due_before=DUE)
        control.confirm(stage_ref(), SECOND, now=NOW)
        control.finish(stage_ref(), Outcome(state=State.COMPLETE))
        control.end(ACTIVITY, expires_at=EXPIRES_AT)
        control.end(run_ref().activity("Other"), expires_at=EXPIRES_AT)
        control.get_token(ACTIVITY)
        control.get(ACTIVITY)
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb", note)
    assert sent == ["PutItem", "PutItem", *["UpdateItem"] * 7, "GetItem", "GetItem"]


@pytest.mark.parametrize(("opened", "ended"), [(2, True), (3, None)], ids=["of-its-attempt", "of-a-later-one"])
def test_end_of_the_run_that_meets_the_opening_of_the_activity(
    control: DynamoControlStore, dynamodb: DynamoDBClient, opened: int, ended: bool | None
) -> None:
    enter(control)
    with meanwhile(dynamodb, "PutItem", lambda: enter(control, attempt=opened)):
        found = control.end(run_ref(2).activity("Rate"), expires_at=EXPIRES_AT)
    assert (found.run_ended if found else None) is ended


def test_reads_are_consistent(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    reads: list[Any] = []

    def note(params: Any, **_: Any) -> None:
        reads.append(params["ConsistentRead"])

    dynamodb.meta.events.register("before-parameter-build.dynamodb.GetItem", note)
    try:
        control.get(ACTIVITY)
        control.find("q-1", "NewBusiness", "Rate")
        control.get_token(ACTIVITY)
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb.GetItem", note)
    assert reads == [True, True, True]


def test_what_is_no_failed_condition_is_raised(dynamodb: DynamoDBClient, clock: Clock) -> None:
    elsewhere = DynamoControlStore(dynamodb, "elsewhere", clock)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        enter(elsewhere)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        elsewhere.settle(stage_ref(), finished=[0], failed=[])


def test_default_clock_is_the_time(dynamodb: DynamoDBClient) -> None:
    control = DynamoControlStore(dynamodb, CONTROL)
    control.store_token(ACTIVITY, token="t", rank="r", expires_at=1)
    assert control.get_token(ACTIVITY) is None
