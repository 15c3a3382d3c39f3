"""The index of the runs in progress."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator_runtime.contract import ACTIVE_RUNS_PARTITIONS, Ending, State
from orchestrator_runtime.core.records import ActiveRun, RunRef
from orchestrator_runtime.stores.active_runs import DynamoActiveRuns
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.unit.moto_tables import STATUS, items
from tests.unit.samples import EXECUTION, NOW, a_run, run_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def active(dynamodb: DynamoDBClient) -> DynamoActiveRuns:
    return DynamoActiveRuns(dynamodb, STATUS)


def test_a_run_is_in_it_until_it_is_complete(status: DynamoStatusStore, active: DynamoActiveRuns) -> None:
    status.create_run(a_run())
    assert [*active.runs()] == [ActiveRun(ref=run_ref(), execution=EXECUTION, started_at=NOW)]
    status.end_run(run_ref(), execution=EXECUTION, state=State.COMPLETE, ending=Ending.COMPLETED, message=None, now=NOW)
    assert [*active.runs()] == []


def test_a_run_that_failed_is_in_it_until_its_end_is_finished(
    status: DynamoStatusStore, active: DynamoActiveRuns
) -> None:
    status.create_run(a_run())
    status.finish_end(run_ref(), execution=EXECUTION)
    status.end_run(run_ref(), execution=EXECUTION, state=State.ERROR, ending=Ending.STOPPED, message="why", now=NOW)
    status.finish_end(run_ref(), execution="another")
    status.finish_end(run_ref(2), execution=EXECUTION)
    assert [*active.runs()] == [ActiveRun(ref=run_ref(), execution=EXECUTION, started_at=NOW)]
    status.finish_end(run_ref(), execution=EXECUTION)
    assert [*active.runs()] == []


def test_a_run_that_is_resumed_is_in_it_again(status: DynamoStatusStore, active: DynamoActiveRuns) -> None:
    status.create_run(a_run())
    status.end_run(run_ref(), execution=EXECUTION, state=State.ERROR, ending=Ending.FAILED, message="why", now=NOW)
    later = NOW + timedelta(hours=1)
    previous = status.get_run("q-1", "NewBusiness")
    assert previous is not None
    assert status.take_over_run(a_run(2, execution="two", started_at=later), previous=previous)
    assert [*active.runs()] == [ActiveRun(ref=run_ref(2), execution="two", started_at=later)]


def test_all_runs_are_found_wherever_they_are_kept(
    status: DynamoStatusStore, active: DynamoActiveRuns, dynamodb: DynamoDBClient
) -> None:
    uids = [f"q-{number}" for number in range(200)]
    for uid in uids:
        status.create_run(a_run(ref=RunRef(uid, "NewBusiness", 1)))
    assert sorted(run.ref.uid for run in active.runs()) == sorted(uids)
    partitions = {item["active"]["S"] for item in items(dynamodb, STATUS)}
    assert partitions == {str(number) for number in range(ACTIVE_RUNS_PARTITIONS)}


def test_a_workflows_runs_are_together_from_the_oldest(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    status.create_run(a_run())
    [item] = items(dynamodb, STATUS)
    assert item["active_since"]["S"] == "NewBusiness/2026-11-24T09:30:00.123Z"
