"""A run's row: created once, taken over by one, ended by who holds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import Ending, State
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.ports import StatusStore
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.unit.moto_tables import STATUS, Clock, items, meanwhile
from tests.unit.samples import EXECUTION, NOW, a_run, run_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OTHER = EXECUTION.replace(":one", ":two")
LATER = NOW + timedelta(seconds=5)
COMPLETED: dict[str, Any] = {"state": State.COMPLETE, "ending": Ending.COMPLETED}
FAILED: dict[str, Any] = {"state": State.ERROR, "ending": Ending.FAILED}


def test_a_run_is_created_and_read_back(any_status: StatusStore) -> None:
    run = a_run()
    assert any_status.create_run(run) is None
    assert any_status.get_run("q-1", "NewBusiness") == run


def test_metadata_survive_as_given(any_status: StatusStore) -> None:
    metadata = {
        "ü \U0001f697": "日本語",
        "precise": 0.1 + 0.2,
        "large": 12345678901234567890123456789012345678901234567890,
        "empty": {"text": "", "list": [], "object": {}, "null": None},
        "yes": True,
        "one": 1,
        "real": 1.0,
    }
    any_status.create_run(a_run(metadata=metadata))
    stored = any_status.get_run("q-1", "NewBusiness")
    assert stored is not None
    assert stored.metadata == metadata
    assert {key: type(value) for key, value in stored.metadata.items()} == {
        key: type(value) for key, value in metadata.items()
    }


def test_a_second_creation_is_answered_with_the_first_and_changes_nothing(
    status: DynamoStatusStore, dynamodb: DynamoDBClient
) -> None:
    first = a_run()
    status.create_run(first)
    before = items(dynamodb, STATUS)
    assert status.create_run(a_run(execution=OTHER, metadata={"line": "home"})) == first
    assert items(dynamodb, STATUS) == before


def test_runs_of_other_workflows_and_uids_are_others(any_status: StatusStore) -> None:
    any_status.create_run(a_run())
    assert any_status.create_run(a_run(ref=RunRef("q-1", "NewBusinessRenewal", 1))) is None
    assert any_status.create_run(a_run(ref=RunRef("q-2", "NewBusiness", 1))) is None
    assert any_status.get_run("q-1", "Cancel") is None
    assert any_status.get_run("q", "NewBusiness") is None


def test_an_expired_run_is_absent(any_status: StatusStore, clock: Clock) -> None:
    any_status.create_run(a_run(3))
    clock.forward(999)
    assert any_status.get_run("q-1", "NewBusiness") is not None
    clock.forward(1)
    assert any_status.get_run("q-1", "NewBusiness") is None
    fresh = a_run(expires_at=a_run().expires_at + 5000, execution=OTHER)
    assert any_status.create_run(fresh) is None
    assert any_status.get_run("q-1", "NewBusiness") == fresh


def test_reads_and_writes_agree_on_the_moment_of_expiry(any_status: StatusStore, clock: Clock) -> None:
    run = a_run()
    any_status.create_run(run)
    moment = datetime.fromtimestamp(run.expires_at, UTC)
    clock.now = moment - timedelta(milliseconds=1)
    assert any_status.get_run("q-1", "NewBusiness") == any_status.create_run(a_run(execution=OTHER)) == run
    clock.now = moment
    assert any_status.get_run("q-1", "NewBusiness") is None
    assert any_status.create_run(run) is None


def test_a_run_is_taken_over_from_who_held_it(any_status: StatusStore) -> None:
    first = a_run(ended_at=NOW, **FAILED, message="why")
    any_status.create_run(first)
    second = a_run(2, execution=OTHER, started_at=LATER)
    assert any_status.take_over_run(second, previous=first) is True
    assert any_status.get_run("q-1", "NewBusiness") == second


@pytest.mark.parametrize(
    "stands",
    [a_run(2, execution=OTHER), a_run(1, execution=OTHER), a_run(2)],
    ids=["both", "execution", "attempt"],
)
def test_one_of_two_takes_a_run_over(any_status: StatusStore, stands: object) -> None:
    previous = a_run()
    assert stands != previous
    any_status.create_run(stands)  # type: ignore[arg-type]
    assert any_status.take_over_run(a_run(2, execution="arn:third"), previous=previous) is False
    assert any_status.get_run("q-1", "NewBusiness") == stands


def test_a_run_that_is_not_there_is_not_taken_over(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    assert status.take_over_run(a_run(2), previous=a_run()) is False
    assert items(dynamodb, STATUS) == []


def test_a_run_that_expired_meanwhile_is_not_taken_over(any_status: StatusStore, clock: Clock) -> None:
    previous = a_run()
    any_status.create_run(previous)
    clock.forward(1000)
    assert any_status.take_over_run(a_run(2, expires_at=previous.expires_at + 5000), previous=previous) is False


def test_the_holder_ends_its_run_once(any_status: StatusStore) -> None:
    any_status.create_run(a_run())
    ended = any_status.end_run(run_ref(), execution=EXECUTION, **FAILED, message="first", now=LATER)
    assert ended is True
    again = any_status.end_run(run_ref(), execution=EXECUTION, **COMPLETED, message="second", now=NOW)
    assert again is False
    assert any_status.get_run("q-1", "NewBusiness") == a_run(**FAILED, message="first", ended_at=LATER)


def test_a_run_that_went_well_ends_without_a_message(any_status: StatusStore) -> None:
    any_status.create_run(a_run())
    assert any_status.end_run(run_ref(), execution=EXECUTION, **COMPLETED, message=None, now=LATER)
    assert any_status.get_run("q-1", "NewBusiness") == a_run(ended_at=LATER, **COMPLETED)


@pytest.mark.parametrize(("attempt", "execution"), [(1, OTHER), (2, EXECUTION)], ids=["execution", "attempt"])
def test_nobody_else_ends_a_run(any_status: StatusStore, attempt: int, execution: str) -> None:
    any_status.create_run(a_run())
    assert not any_status.end_run(run_ref(attempt), execution=execution, **FAILED, message="no", now=LATER)
    assert any_status.get_run("q-1", "NewBusiness") == a_run()


def test_a_run_that_is_not_there_is_not_ended(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    assert not status.end_run(run_ref(), execution=EXECUTION, **COMPLETED, message=None, now=LATER)
    assert items(dynamodb, STATUS) == []


def test_an_expired_run_is_not_ended(status: DynamoStatusStore, dynamodb: DynamoDBClient, clock: Clock) -> None:
    status.create_run(a_run())
    before = items(dynamodb, STATUS)
    clock.forward(1000)
    assert not status.end_run(run_ref(), execution=EXECUTION, **COMPLETED, message=None, now=LATER)
    assert items(dynamodb, STATUS) == before


def test_of_two_who_create_a_run_at_once_one_does(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    first = a_run()
    with meanwhile(dynamodb, "PutItem", lambda: status.create_run(first)):
        assert status.create_run(a_run(execution=OTHER)) == first
