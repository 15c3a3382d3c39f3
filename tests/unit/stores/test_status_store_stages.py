"""A stage's row and its plan: of one attempt, written once, absent once expired."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import ReleaseRule, Stage, State
from orchestrator_runtime.core.message import DoesNotFitError
from orchestrator_runtime.core.records import ExpectedPlugin, Outcome, StageRow
from orchestrator_runtime.ports import Closed, StageRecords
from orchestrator_runtime.stores.items import item_of, key_of
from orchestrator_runtime.stores.plan_item import plan_values
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.cost.capacity_units import item_bytes
from tests.unit.moto_tables import STATUS, Clock, items, meanwhile
from tests.unit.samples import EXPIRES_AT, NOW, a_plan, a_row, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LATER = NOW + timedelta(seconds=5)
NOTHING = StageRecords(row=None, plan=None, plugins={})
ERROR = Outcome(state=State.ERROR, message="Score: no")


def opened(status: DynamoStatusStore, attempt: int = 1, expires_at: int = EXPIRES_AT) -> None:
    status.open_stage(stage_ref(attempt), now=NOW, expires_at=expires_at)


def test_a_stage_is_opened_once_an_attempt(status: DynamoStatusStore) -> None:
    opened(status)
    status.open_stage(stage_ref(), now=LATER, expires_at=EXPIRES_AT + 9)
    row = status.load_stage(stage_ref()).row
    assert row == StageRow(attempt=1, state=State.IN_PROGRESS, started_at=NOW)


def test_a_later_attempt_opens_a_stage_anew_and_an_earlier_one_does_not(status: DynamoStatusStore) -> None:
    opened(status)
    status.close_stage(stage_ref(), ERROR, now=LATER)
    opened(status, attempt=2)
    fresh = StageRow(attempt=2, state=State.IN_PROGRESS, started_at=NOW)
    assert status.load_stage(stage_ref(2)).row == fresh
    opened(status, attempt=1)
    assert status.load_stage(stage_ref(2)).row == fresh
    assert status.load_stage(stage_ref(1)).row is None


def test_an_expired_stage_of_whatever_attempt_is_opened_anew(status: DynamoStatusStore, clock: Clock) -> None:
    opened(status, attempt=7)
    clock.forward(1000)
    assert status.load_stage(stage_ref(7)) == NOTHING
    opened(status, attempt=1, expires_at=EXPIRES_AT + 5000)
    row = status.load_stage(stage_ref(1)).row
    assert row is not None
    assert row.attempt == 1


def test_a_plan_survives_as_made(status: DynamoStatusStore) -> None:
    plan = a_plan(
        rule=ReleaseRule.ONE_AT_A_TIME,
        plugins=(
            ExpectedPlugin(name="All said", mandatory=False, order=-3, timeout_seconds=1, start_within_seconds=2,
                           sender_role_ids=("AROAX",), kept=State.DO_NOT_RUN),
            ExpectedPlugin(name="Least", timeout_seconds=31_536_000),
        ),
        attribute_keys=("line", "ü"),
        fail_on_optional_error=True,
    )  # fmt: skip
    assert status.save_plan(stage_ref(), plan) == plan
    assert status.get_plan(stage_ref()) == plan
    assert status.load_stage(stage_ref()).plan == plan


def test_a_plan_of_nobody_is_a_plan(status: DynamoStatusStore) -> None:
    plan = a_plan(plugins=())
    status.save_plan(stage_ref(), plan)
    assert status.get_plan(stage_ref()) == plan


def test_the_first_plan_of_an_attempt_stands(status: DynamoStatusStore) -> None:
    first, second = a_plan(1, "Score"), a_plan(1, "Other")
    status.save_plan(stage_ref(), first)
    assert status.save_plan(stage_ref(), second) == first
    assert status.get_plan(stage_ref()) == first


def test_the_plan_of_a_later_attempt_replaces_and_is_not_replaced(status: DynamoStatusStore) -> None:
    status.save_plan(stage_ref(1), a_plan(1))
    assert status.get_plan(stage_ref(2)) is None
    assert status.load_stage(stage_ref(2)).plan is None
    second = a_plan(2, "Other")
    assert status.save_plan(stage_ref(2), second) == second
    assert status.save_plan(stage_ref(1), a_plan(1)) is None
    assert status.get_plan(stage_ref(2)) == second
    assert status.get_plan(stage_ref(1)) is None


def test_an_expired_plan_is_absent(status: DynamoStatusStore, clock: Clock) -> None:
    status.save_plan(stage_ref(), a_plan())
    clock.forward(1000)
    assert status.get_plan(stage_ref()) is None
    assert status.load_stage(stage_ref()) == NOTHING
    fresh = a_plan(1, "Other", expires_at=EXPIRES_AT + 5000)
    assert status.save_plan(stage_ref(), fresh) == fresh
    assert status.get_plan(stage_ref()) == fresh


def test_a_stage_is_read_with_all_that_is_its_own_and_nothing_else(status: DynamoStatusStore) -> None:
    assert status.load_stage(stage_ref()) == NOTHING
    opened(status)
    status.save_plan(stage_ref(), a_plan())
    rows = {name: a_row(name=name, message=f"ü {name}", progress=33.3) for name in ("Score", "A b.c-d_e")}
    for row in rows.values():
        status.record(stage_ref(), row, expires_at=EXPIRES_AT, output='{"a": 1}')
    for other in (
        stage_ref(activity="RateMore"),
        stage_ref(stage=Stage.PRE),
        stage_ref(uid="q-2"),
    ):
        status.open_stage(other, now=NOW, expires_at=EXPIRES_AT)
        status.record(other, a_row(name="Stranger"), expires_at=EXPIRES_AT)
    records = status.load_stage(stage_ref())
    assert records == StageRecords(
        row=StageRow(attempt=1, state=State.IN_PROGRESS, started_at=NOW), plan=a_plan(), plugins=rows
    )


def test_rows_of_earlier_attempts_are_read_and_expired_ones_are_not(status: DynamoStatusStore, clock: Clock) -> None:
    status.record(stage_ref(1), a_row(1, State.COMPLETE), expires_at=EXPIRES_AT + 10)
    status.record(stage_ref(1), a_row(1, State.ERROR, name="Short"), expires_at=EXPIRES_AT)
    clock.forward(1000)
    assert status.load_stage(stage_ref(2)).plugins == {"Score": a_row(1, State.COMPLETE)}


@pytest.mark.parametrize("outcome", [ERROR, Outcome(state=State.COMPLETE)], ids=["error", "complete"])
def test_the_first_outcome_stands(status: DynamoStatusStore, outcome: Outcome) -> None:
    opened(status)
    assert status.close_stage(stage_ref(), outcome, now=LATER) == Closed(True, outcome, started_at=NOW)
    later = Outcome(state=State.ERROR, message="later")
    assert status.close_stage(stage_ref(), later, now=LATER) == Closed(False, outcome, started_at=NOW)
    assert status.load_stage(stage_ref()).row == StageRow(
        attempt=1, state=outcome.state, started_at=NOW, ended_at=LATER, outcome=outcome
    )


@pytest.mark.parametrize("attempt", [1, 3])
def test_another_attempt_closes_nothing(status: DynamoStatusStore, attempt: int) -> None:
    opened(status, attempt=2)
    assert status.close_stage(stage_ref(attempt), ERROR, now=LATER) is None
    status.close_stage(stage_ref(2), Outcome(state=State.COMPLETE), now=LATER)
    assert status.close_stage(stage_ref(attempt), ERROR, now=LATER) is None
    row = status.load_stage(stage_ref(2)).row
    assert row is not None
    assert row.state is State.COMPLETE


def test_a_stage_that_was_never_opened_is_not_closed(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    assert status.close_stage(stage_ref(), ERROR, now=LATER) is None
    assert items(dynamodb, STATUS) == []


def test_an_expired_stage_is_not_closed(status: DynamoStatusStore, dynamodb: DynamoDBClient, clock: Clock) -> None:
    opened(status)
    before = items(dynamodb, STATUS)
    clock.forward(1000)
    assert status.close_stage(stage_ref(), ERROR, now=LATER) is None
    assert items(dynamodb, STATUS) == before


def test_the_outcome_of_an_expired_stage_is_absent(status: DynamoStatusStore, clock: Clock) -> None:
    opened(status)
    status.close_stage(stage_ref(), ERROR, now=LATER)
    clock.forward(1000)
    assert status.close_stage(stage_ref(), Outcome(state=State.COMPLETE), now=LATER) is None


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


def test_a_plan_that_is_no_item_is_refused_before_it_is_written(status: DynamoStatusStore) -> None:
    role = ("AROA" + "X" * 17,)
    plugins = tuple(
        ExpectedPlugin(name=f"{number:04d}".ljust(64, "n"), timeout_seconds=60, sender_role_ids=role)
        for number in range(4_000)
    )
    with pytest.raises(
        DoesNotFitError, match=r"bytes for 4000 plugins, an item of DynamoDB takes 409,600: register few"
    ):
        status.save_plan(stage_ref(), a_plan(plugins=plugins))
    assert status.get_plan(stage_ref()) is None
    few = a_plan(plugins=plugins[:2_000])
    assert status.save_plan(stage_ref(), few) == few
    assert item_bytes({**key_of("q" * 256, stage_ref().path), **item_of(plan_values(few))}) < 409_600
