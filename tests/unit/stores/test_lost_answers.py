"""A write whose answer is lost is repeated by the SDK, and answered as the first try would have been."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.records import Dispatch, Outcome
from orchestrator_runtime.ports import Recorded
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.unit.moto_tables import STATUS, Clock, lost_answers
from tests.unit.samples import EXECUTION, EXPIRES_AT, NOW, a_plan, a_row, a_run, run_ref, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ERROR = Outcome(state=State.ERROR, message="no")
FIRST, SECOND = (Dispatch(ordinal=ordinal, claimed_at=NOW) for ordinal in (0, 1))
ACTIVITY = run_ref().activity("Rate")
DUE: dict[str, Any] = {"due_at": NOW, "due_before": NOW}
Write = Callable[[DynamoControlStore], object]

WRITES: dict[str, Write] = {
    "store_token": lambda control: control.store_token(ACTIVITY, token="t", rank="1", expires_at=EXPIRES_AT),
    "enter": lambda control: control.enter(
        stage_ref(stage=Stage.PRE),
        leaving=None,
        pending=[0, 1],
        dispatch=FIRST,
        due_at=NOW,
        due_before=None,
        expires_at=EXPIRES_AT,
    ),
    "settle": lambda control: control.settle(stage_ref(stage=Stage.PRE), finished=[0], failed=[0]),
    "take_room": lambda control: control.take_room(stage_ref(stage=Stage.PRE), {0: 9_000, 10: 8_000}, seen={}),
    "claim": lambda control: control.claim(stage_ref(stage=Stage.PRE), SECOND, replacing=FIRST, **DUE),
    "enter the next stage": lambda control: control.enter(
        stage_ref(), leaving=Stage.PRE, pending=[0], dispatch=FIRST, expires_at=EXPIRES_AT, **DUE
    ),
    "finish": lambda control: control.finish(stage_ref(), ERROR, stays_due=True),
    "end": lambda control: control.end(ACTIVITY, expires_at=EXPIRES_AT),
    "end an activity that has not opened": lambda control: control.end(
        run_ref().activity("Other"), expires_at=EXPIRES_AT
    ),
}


def test_control_store_answers_a_repetition_like_the_first_try(
    control: DynamoControlStore, dynamodb: DynamoDBClient, clock: Clock
) -> None:
    """The same writes on two tables, one of them with every first answer lost."""
    other = DynamoControlStore(dynamodb, STATUS, clock)
    for name, write in WRITES.items():
        expected = write(control)
        with lost_answers(dynamodb, "PutItem", "UpdateItem") as repeated:
            answer = write(other)
        assert (name, answer) == (name, expected)
        assert expected, name
        assert len(repeated) == 1, name


def test_status_store_answers_a_repetition_like_the_first_try(
    status: DynamoStatusStore, dynamodb: DynamoDBClient
) -> None:
    ended: dict[str, Any] = {"state": State.ERROR, "ending": Ending.CANCELLED, "message": "why", "now": NOW}
    closed: dict[str, Any] = {"started_at": NOW, "now": NOW, "expires_at": EXPIRES_AT}
    with lost_answers(dynamodb, "PutItem", "UpdateItem") as repeated:
        assert status.create_run(a_run()) is None
        assert status.save_plan(stage_ref(), a_plan()) == a_plan()
        for first in (True, False):
            assert status.record(stage_ref(), a_row(), expires_at=EXPIRES_AT, first=first).accepted
        assert status.record(stage_ref(), a_row(1, State.COMPLETE), expires_at=EXPIRES_AT).accepted
        assert status.record(stage_ref(), a_row(1, State.ERROR, name="New"), expires_at=EXPIRES_AT, first=True).accepted
        assert (status.close_stage(stage_ref(), ERROR, **closed) or pytest.fail("not closed")).first
        assert status.end_run(run_ref(), execution=EXECUTION, by="bob", **ended) is True
        status.finish_end(run_ref(), execution=EXECUTION)
    assert len(repeated) > 8


def test_transaction_is_repeated_with_its_token(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    """By which DynamoDB answers the repetition like the first try. moto does not, but the row is recognized, too."""
    tokens: list[str] = []

    def note(request: Any, **_: Any) -> None:
        tokens.append(json.loads(request.data)["ClientRequestToken"])

    event = "request-created.dynamodb.TransactWriteItems"
    dynamodb.meta.events.register(event, note)
    try:
        with lost_answers(dynamodb, "TransactWriteItems"):
            row = a_row(1, State.COMPLETE)
            recorded = status.record(stage_ref(), row, expires_at=EXPIRES_AT, output="1", first=True)
    finally:
        dynamodb.meta.events.unregister(event, note)
    first, second = tokens
    assert first == second
    assert recorded == Recorded(accepted=True, row=row)
