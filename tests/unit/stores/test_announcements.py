"""The overdue runs that were announced: the same contract for DynamoDB and for the memory that the flows run on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.names import MAX_NAME, MAX_UID
from orchestrator_runtime.stores.announcements import OVERDUE, DynamoAnnouncements
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.watch_ports import Announcements
from tests.rules.calls import Calls
from tests.rules.calls import Clock as EpochClock
from tests.rules.memory_watch import MemoryAnnouncements
from tests.unit.moto_tables import CONTROL, items
from tests.unit.samples import EXECUTION, NOW, run_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

EXPIRES_AT = int(NOW.timestamp()) + 100_000


def announcement(**other: Any) -> Announcement:
    made = Announcement(
        ref=run_ref(),
        execution=EXECUTION,
        started_at=NOW - timedelta(hours=2),
        expected=timedelta(hours=1),
        expires_at=EXPIRES_AT,
    )
    return replace(made, **other)


A = announcement()
LATER = announcement(expected=timedelta(hours=2))


@pytest.fixture
def clock() -> EpochClock:
    return EpochClock(NOW)


@pytest.fixture(params=["DynamoDB", "memory"])
def store(request: pytest.FixtureRequest, clock: EpochClock) -> Announcements:
    if request.param == "memory":
        return MemoryAnnouncements(Calls(), clock)
    return DynamoAnnouncements(request.getfixturevalue("dynamodb"), CONTROL, clock)


def test_announcement_is_stored_once(store: Announcements) -> None:
    assert store.add(A)
    assert not store.add(LATER)
    assert [*store.all()] == [A]


def test_announcement_is_removed_once(store: Announcements) -> None:
    store.add(A)
    assert store.remove(A)
    assert not store.remove(A)
    assert [*store.all()] == []
    assert store.add(LATER)


def test_newer_announcement_is_not_removed(store: Announcements) -> None:
    store.add(LATER)
    assert not store.remove(A)
    assert [*store.all()] == [LATER]


def test_each_attempt_of_each_workflow_has_its_own(store: Announcements) -> None:
    refs = [RunRef(uid, workflow, attempt) for uid in ("1", "a/1") for workflow in ("W", "W2") for attempt in (1, 11)]
    for ref in refs:
        assert store.add(announcement(ref=ref))
    assert sorted(map(repr, (each.ref for each in store.all()))) == sorted(map(repr, refs))


def test_expired_announcement_is_absent_and_replaced(store: Announcements, clock: EpochClock) -> None:
    store.add(A)
    clock.forward(100_000)
    assert [*store.all()] == []
    new = announcement(expires_at=clock.epoch + 9)
    assert store.add(new)
    assert [*store.all()] == [new]


def test_all_pages_are_read(dynamodb: DynamoDBClient, clock: EpochClock) -> None:
    store = DynamoAnnouncements(dynamodb, CONTROL, clock)
    for number in range(4):
        store.add(announcement(ref=run_ref(uid=f"q-{number}"), execution="x" * 350_000))
    assert len([*store.all()]) == 4


def test_longest_uid_fits_into_the_key(dynamodb: DynamoDBClient, clock: EpochClock) -> None:
    longest = announcement(ref=RunRef("\U0001f697" * MAX_UID, "w" * MAX_NAME, 10**6))
    store = DynamoAnnouncements(dynamodb, CONTROL, clock)
    assert store.add(longest)
    assert [*store.all()] == [longest]


def test_item_expires_with_the_run(dynamodb: DynamoDBClient, clock: EpochClock) -> None:
    DynamoAnnouncements(dynamodb, CONTROL, clock).add(A)
    assert [item["expires_at"] for item in items(dynamodb, CONTROL)] == [{"N": str(EXPIRES_AT)}]


def test_items_of_a_run_with_the_partition_s_name_are_no_announcements(
    dynamodb: DynamoDBClient, control: DynamoControlStore, clock: EpochClock
) -> None:
    ref = run_ref(uid=OVERDUE).activity("Rate")
    control.store_token(ref, token="t", rank="1", expires_at=EXPIRES_AT)
    store = DynamoAnnouncements(dynamodb, CONTROL, clock)
    store.add(A)
    assert [*store.all()] == [A]
    assert store.remove(A)
    assert control.get_token(ref) == "t"
