"""A stage's row and its plan: of one attempt, written once, absent once expired."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.message import DoesNotFitError
from orchestrator_runtime.core.records import ExpectedPlugin, Outcome, StageRow
from orchestrator_runtime.ports import Closed, StageRecords, StatusStore
from orchestrator_runtime.stores.items import item_of, key_of
from orchestrator_runtime.stores.plan_item import plan_values
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.cost.capacity_units import item_bytes
from tests.unit.moto_tables import Clock, meanwhile
from tests.unit.samples import EXPIRES_AT, NOW, a_plan, a_row, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LATER = NOW + timedelta(seconds=5)
NOTHING = StageRecords(row=None, plan=None, plugins={})
ERROR = Outcome(state=State.ERROR, message="Score: no")


def close(
    status: StatusStore,
    outcome: Outcome = ERROR,
    *,
    attempt: int = 1,
    now: datetime = LATER,
    expires_at: int = EXPIRES_AT,
) -> Closed | None:
    return status.close_stage(stage_ref(attempt), outcome, started_at=NOW, now=now, expires_at=expires_at)


def row_of(status: StatusStore, attempt: int = 1) -> StageRow | None:
    return status.load_stage(stage_ref(attempt)).row


def closed_row(outcome: Outcome = ERROR, attempt: int = 1) -> StageRow:
    return StageRow(attempt=attempt, state=outcome.state, started_at=NOW, ended_at=LATER, outcome=outcome)


def test_a_plan_survives_as_made(any_status: StatusStore) -> None:
    plan = a_plan(
        plugins=(
            ExpectedPlugin(name="All said", mandatory=False, order=-3, timeout_seconds=1, start_within_seconds=2,
                           sender_role_ids=("AROAX",), subscriptions=("a1b2c3",), settles_at=LATER,
                           kept=State.DO_NOT_RUN),
            ExpectedPlugin(name="Least", timeout_seconds=31_536_000),
        ),
        attribute_keys=("line", "ü"),
        fail_on_optional_error=True,
    )  # fmt: skip
    assert any_status.save_plan(stage_ref(), plan) == plan
    assert any_status.get_plan(stage_ref()) == plan
    assert any_status.load_stage(stage_ref()).plan == plan


def test_a_plan_of_nobody_is_a_plan(any_status: StatusStore) -> None:
    plan = a_plan(plugins=())
    any_status.save_plan(stage_ref(), plan)
    assert any_status.get_plan(stage_ref()) == plan


def test_the_first_plan_of_an_attempt_stands(any_status: StatusStore) -> None:
    first, second = a_plan(1, "Score"), a_plan(1, "Other")
    any_status.save_plan(stage_ref(), first)
    assert any_status.save_plan(stage_ref(), second) == first
    assert any_status.get_plan(stage_ref()) == first


def test_the_plan_of_a_later_attempt_replaces_and_is_not_replaced(any_status: StatusStore) -> None:
    any_status.save_plan(stage_ref(1), a_plan(1))
    assert any_status.get_plan(stage_ref(2)) is None
    assert any_status.load_stage(stage_ref(2)).plan is None
    second = a_plan(2, "Other")
    assert any_status.save_plan(stage_ref(2), second) == second
    assert any_status.save_plan(stage_ref(1), a_plan(1)) is None
    assert any_status.get_plan(stage_ref(2)) == second
    assert any_status.get_plan(stage_ref(1)) is None


def test_an_expired_plan_is_absent(any_status: StatusStore, clock: Clock) -> None:
    any_status.save_plan(stage_ref(), a_plan())
    clock.forward(1000)
    assert any_status.get_plan(stage_ref()) is None
    assert any_status.load_stage(stage_ref()) == NOTHING
    fresh = a_plan(1, "Other", expires_at=EXPIRES_AT + 5000)
    assert any_status.save_plan(stage_ref(), fresh) == fresh
    assert any_status.get_plan(stage_ref()) == fresh


def test_a_stage_is_read_with_all_that_is_its_own_and_nothing_else(any_status: StatusStore) -> None:
    assert any_status.load_stage(stage_ref()) == NOTHING
    close(any_status)
    any_status.save_plan(stage_ref(), a_plan())
    rows = {name: a_row(name=name, message=f"ü {name}", progress=33.3) for name in ("Score", "A b.c-d_e")}
    for row in rows.values():
        any_status.record(stage_ref(), row, expires_at=EXPIRES_AT, output='{"a": 1}')
    for other in (
        stage_ref(activity="RateMore"),
        stage_ref(stage=Stage.PRE),
        stage_ref(uid="q-2"),
    ):
        any_status.close_stage(other, ERROR, started_at=NOW, now=NOW, expires_at=EXPIRES_AT)
        any_status.record(other, a_row(name="Stranger"), expires_at=EXPIRES_AT)
    records = any_status.load_stage(stage_ref())
    assert records == StageRecords(row=closed_row(), plan=a_plan(), plugins=rows)


def test_rows_of_earlier_attempts_are_read_and_expired_ones_are_not(any_status: StatusStore, clock: Clock) -> None:
    any_status.record(stage_ref(1), a_row(1, State.COMPLETE), expires_at=EXPIRES_AT + 10)
    any_status.record(stage_ref(1), a_row(1, State.ERROR, name="Short"), expires_at=EXPIRES_AT)
    clock.forward(1000)
    assert any_status.load_stage(stage_ref(2)).plugins == {"Score": a_row(1, State.COMPLETE)}


@pytest.mark.parametrize("outcome", [ERROR, Outcome(state=State.COMPLETE)], ids=["error", "complete"])
def test_first_outcome_of_a_stage_stands(any_status: StatusStore, outcome: Outcome) -> None:
    assert row_of(any_status) is None
    assert close(any_status, outcome) == Closed(True, outcome)
    later = Outcome(state=State.ERROR, message="later")
    assert close(any_status, later) == Closed(False, outcome)
    assert close(any_status, outcome, now=LATER + timedelta(seconds=1)) == Closed(False, outcome)
    assert row_of(any_status) == closed_row(outcome)


def test_later_attempt_closes_a_stage_anew_and_an_earlier_one_does_not(any_status: StatusStore) -> None:
    close(any_status)
    assert row_of(any_status, 2) is None
    complete = Outcome(state=State.COMPLETE)
    assert close(any_status, complete, attempt=2) == Closed(True, complete)
    assert row_of(any_status, 2) == closed_row(complete, 2)
    assert close(any_status, attempt=1) is None
    assert row_of(any_status, 2) == closed_row(complete, 2)
    assert row_of(any_status, 1) is None


def test_outcome_of_an_expired_stage_of_whatever_attempt_is_absent(any_status: StatusStore, clock: Clock) -> None:
    close(any_status, attempt=7)
    clock.forward(1000)
    assert any_status.load_stage(stage_ref(7)) == NOTHING
    complete = Outcome(state=State.COMPLETE)
    assert close(any_status, complete, expires_at=EXPIRES_AT + 5000) == Closed(True, complete)
    assert row_of(any_status) == closed_row(complete)


def test_stage_is_closed_in_one_request(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    sent: list[str] = []

    def note(model: Any, **_: Any) -> None:
        sent.append(model.name)

    dynamodb.meta.events.register("before-parameter-build.dynamodb", note)
    try:
        close(status)
        close(status)
        status.save_plan(stage_ref(), a_plan())
        status.save_plan(stage_ref(), a_plan())
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb", note)
    assert sent == ["PutItem"] * 4


def test_of_two_who_plan_at_once_both_get_the_one_that_is_stored(
    status: DynamoStatusStore, dynamodb: DynamoDBClient
) -> None:
    theirs, ours = a_plan(1, "Theirs"), a_plan(1, "Ours")
    with meanwhile(dynamodb, "PutItem", lambda: status.save_plan(stage_ref(), theirs)):
        assert status.save_plan(stage_ref(), ours) == theirs


def test_reads_are_consistent(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    reads: list[Any] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        reads.append((model.name, params.get("ConsistentRead")))

    dynamodb.meta.events.register("before-parameter-build.dynamodb", note)
    try:
        status.get_run("q-1", "NewBusiness")
        status.get_plan(stage_ref())
        status.load_stage(stage_ref())
        status.outputs(stage_ref().run)
        status.run_document(uid="q-1", workflow="NewBusiness")
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb", note)
    assert reads == [("GetItem", True), ("GetItem", True), ("Query", True), ("Query", True), ("Query", True)]


def test_a_plan_that_is_no_item_is_refused_before_it_is_written(any_status: StatusStore) -> None:
    role = ("AROA" + "X" * 17,)
    plugins = tuple(
        ExpectedPlugin(name=f"{number:04d}".ljust(64, "n"), timeout_seconds=60, sender_role_ids=role)
        for number in range(4_000)
    )
    with pytest.raises(
        DoesNotFitError, match=r"bytes for 4000 plugins, an item of DynamoDB takes 409,600: register few"
    ):
        any_status.save_plan(stage_ref(), a_plan(plugins=plugins))
    assert any_status.get_plan(stage_ref()) is None
    few = a_plan(plugins=plugins[:2_000])
    assert any_status.save_plan(stage_ref(), few) == few
    assert item_bytes({**key_of("q" * 256, stage_ref().path), **item_of(plan_values(few))}) < 409_600
