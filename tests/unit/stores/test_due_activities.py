"""Activities whose due time has come: oldest first, a bounded number, read page by page."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from orchestrator_runtime.contract import DUE_SHARDS, Stage, State
from orchestrator_runtime.core.records import Dispatch, DueActivity, Outcome
from orchestrator_runtime.ports import ControlStore, DueActivities
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.due_activities import DynamoDueActivities
from tests.rules.memory_control import MemoryControlStore
from tests.unit.moto_tables import CONTROL
from tests.unit.samples import EXPIRES_AT, NOW, run_ref, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SECOND = timedelta(seconds=1)
ONE_SHARD = [uid for uid in (f"q-{number}" for number in range(400)) if crc32(uid.encode()) % DUE_SHARDS == 0]


@pytest.fixture
def due(any_control: Any, dynamodb: DynamoDBClient) -> DueActivities:
    if isinstance(any_control, DynamoControlStore):
        return DynamoDueActivities(dynamodb, CONTROL)
    memory: MemoryControlStore = any_control
    return memory


def enter(control: ControlStore, seconds: float, *, uid: str = "q-1", activity: str = "Rate", attempt: int = 1) -> None:
    control.enter(
        stage_ref(attempt, activity=activity, uid=uid),
        leaving=None,
        pending=[0],
        dispatch=Dispatch(ordinal=0, claimed_at=NOW),
        due_at=NOW + seconds * SECOND,
        due_before=None,
        expires_at=EXPIRES_AT,
    )


def told(due: DueActivities) -> list[tuple[str, str]]:
    return [(each.uid, each.activity) for each in due.due(NOW)]


def test_activities_are_listed_from_their_due_time_on(any_control: ControlStore, due: DueActivities) -> None:
    enter(any_control, 0, activity="Now")
    enter(any_control, 0.001, activity="Soon")
    enter(any_control, -1, uid="q-2", activity="Earlier")
    assert list(due.due(NOW)) == [
        DueActivity(uid="q-2", workflow="NewBusiness", activity="Earlier", due_at=NOW - SECOND),
        DueActivity(uid="q-1", workflow="NewBusiness", activity="Now", due_at=NOW),
    ]


def test_earliest_due_time_comes_first_whatever_the_shard(any_control: ControlStore, due: DueActivities) -> None:
    uids = [f"q-{number}" for number in range(40)]
    for place, uid in enumerate(uids):
        enter(any_control, -(place * 7 % 40), uid=uid)
    listed = [each.due_at for each in due.due(NOW)]
    assert listed == sorted(listed)
    assert len(listed) == 40


def test_activity_that_is_over_is_not_due(any_control: ControlStore, due: DueActivities) -> None:
    for activity in ("Finished", "Open"):
        enter(any_control, -1, activity=activity)
    any_control.finish(stage_ref(activity="Finished"), Outcome(state=State.COMPLETE))
    any_control.end(run_ref().activity("Never opened"), expires_at=EXPIRES_AT)
    any_control.store_token(run_ref().activity("Waiting"), token="t", rank="1", expires_at=EXPIRES_AT)
    assert told(due) == [("q-1", "Open")]


def test_finished_activity_can_stay_due_until_its_task_is_answered(
    any_control: ControlStore, due: DueActivities
) -> None:
    enter(any_control, -1)
    any_control.finish(stage_ref(), Outcome(state=State.COMPLETE), stays_due=True)
    assert told(due) == [("q-1", "Rate")]
    any_control.answered(run_ref().activity("Rate"))
    assert told(due) == []


def test_activity_of_an_ended_run_stays_due_until_its_task_is_answered(
    any_control: ControlStore, due: DueActivities
) -> None:
    enter(any_control, -1)
    for _ in range(2):
        ended = any_control.end(run_ref().activity("Rate"), expires_at=EXPIRES_AT)
        assert ended is not None
        assert ended.due_at == NOW - SECOND
        assert told(due) == [("q-1", "Rate")]
    any_control.answered(run_ref().activity("Rate"))
    assert told(due) == []


def test_only_what_is_over_is_taken_out_as_answered(any_control: ControlStore, due: DueActivities) -> None:
    enter(any_control, -1, attempt=2)
    any_control.answered(run_ref(2).activity("Rate"))
    any_control.finish(stage_ref(2), Outcome(state=State.COMPLETE), stays_due=True)
    any_control.answered(run_ref(1).activity("Rate"))
    any_control.answered(run_ref(2).activity("Another"))
    assert told(due) == [("q-1", "Rate")]


def test_activity_is_due_when_it_was_postponed_to(any_control: ControlStore, due: DueActivities) -> None:
    enter(any_control, -1)
    seen = any_control.get(run_ref().activity("Rate"))
    assert seen is not None
    any_control.postpone(stage_ref(), due_at=NOW + SECOND, seen=seen)
    assert told(due) == []
    assert [each.due_at for each in due.due(NOW + SECOND)] == [NOW + SECOND]


def test_dispatch_lowers_the_due_time(any_control: ControlStore, due: DueActivities) -> None:
    enter(any_control, 60)
    any_control.enter(
        stage_ref(stage=Stage.POST),
        leaving=Stage.PARALLEL,
        pending=[0],
        dispatch=Dispatch(ordinal=0, claimed_at=NOW),
        due_at=NOW,
        due_before=NOW + 60 * SECOND,
        expires_at=EXPIRES_AT,
    )
    assert told(due) == [("q-1", "Rate")]


def test_listing_is_bounded_for_each_shard(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    for place, uid in enumerate(ONE_SHARD[:8]):
        enter(control, -place, uid=uid)
    due = DynamoDueActivities(dynamodb, CONTROL, per_shard=5, per_page=2)
    assert [each.uid for each in due.due(NOW)] == ONE_SHARD[:8][:2:-1]


def test_caller_that_stops_early_reads_no_more(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    for place, uid in enumerate(ONE_SHARD[:8]):
        enter(control, -place, uid=uid)
    queries: list[Any] = []

    def note(params: Any, **_: Any) -> None:
        queries.append(params)

    dynamodb.meta.events.register("before-parameter-build.dynamodb.Query", note)
    try:
        due = DynamoDueActivities(dynamodb, CONTROL, per_page=2).due(NOW)
        assert queries == []
        assert len(list(islice(due, 3))) == 3
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb.Query", note)
    # A page of each shard, and a second one of the shard whose activities were used up.
    assert len(queries) == DUE_SHARDS + 1
