"""What was said of overdue runs: the same rules in DynamoDB as in the memory that the flows are tested with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.names import MAX_NAME, MAX_UID
from orchestrator_runtime.stores.announcements import DynamoAnnouncements
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
HOLDS = timedelta(minutes=2)
SECOND = timedelta(seconds=1)


def announcement(**other: Any) -> Announcement:
    made = Announcement(
        ref=run_ref(),
        execution=EXECUTION,
        started_at=NOW - timedelta(hours=2),
        expected=timedelta(hours=1),
        expires_at=EXPIRES_AT,
        claimed_at=NOW,
    )
    return replace(made, **other)


A = announcement()


@pytest.fixture
def clock() -> EpochClock:
    return EpochClock(NOW)


@pytest.fixture(params=["DynamoDB", "memory"])
def store(request: pytest.FixtureRequest, clock: EpochClock) -> Announcements:
    if request.param == "memory":
        return MemoryAnnouncements(Calls(), clock)
    return DynamoAnnouncements(request.getfixturevalue("dynamodb"), CONTROL, clock)


def stands(store: Announcements) -> Announcement:
    [found] = store.all()
    return found


def claim(store: Announcements, again: Announcement = A) -> bool:
    return store.claim(again, stale_before=again.claimed_at - HOLDS)


def test_what_is_claimed_is_claimed_by_one(store: Announcements) -> None:
    assert claim(store)
    assert stands(store) == A
    assert not claim(store)
    assert not claim(store, announcement(claimed_at=NOW + HOLDS - SECOND))
    assert stands(store) == A


def test_a_claim_that_was_not_confirmed_in_time_is_another_s(store: Announcements) -> None:
    later = announcement(claimed_at=NOW + HOLDS, expected=timedelta(minutes=30))
    claim(store)
    assert claim(store, later)
    assert stands(store) == later
    store.confirm(A, now=NOW + HOLDS + SECOND)
    assert stands(store) == later, "who was late confirms nothing"


def test_what_was_said_is_not_claimed_again(store: Announcements) -> None:
    claim(store)
    store.confirm(A, now=NOW + SECOND)
    assert stands(store) == announcement(announced_at=NOW + SECOND)
    assert not claim(store, announcement(claimed_at=NOW + timedelta(days=1)))


def test_each_attempt_and_each_workflow_has_its_own(store: Announcements) -> None:
    refs = [RunRef(uid, workflow, attempt) for uid in ("1", "a/1") for workflow in ("W", "W2") for attempt in (1, 11)]
    for ref in refs:
        assert claim(store, announcement(ref=ref))
    assert sorted(map(repr, (each.ref for each in store.all()))) == sorted(map(repr, refs))


def test_an_end_is_claimed_by_one_and_forgotten_by_him(store: Announcements) -> None:
    claim(store)
    store.confirm(A, now=NOW + SECOND)
    ended = NOW + timedelta(hours=1)
    assert store.claim_end(A, now=ended, stale_before=ended - HOLDS)
    assert stands(store).end_claimed_at == ended
    assert not store.claim_end(A, now=ended + SECOND, stale_before=ended + SECOND - HOLDS)
    store.forget(A, end_claimed_at=ended + SECOND)
    assert stands(store).end_claimed_at == ended
    store.forget(A, end_claimed_at=ended)
    assert [*store.all()] == []


def test_an_end_that_was_not_said_in_time_is_another_s(store: Announcements) -> None:
    claim(store)
    ended = NOW + timedelta(hours=1)
    assert store.claim_end(A, now=ended, stale_before=ended - HOLDS)
    assert store.claim_end(A, now=ended + HOLDS, stale_before=ended)
    store.forget(A, end_claimed_at=ended)
    assert stands(store).end_claimed_at == ended + HOLDS


def test_while_an_end_is_being_said_nothing_is_announced(store: Announcements) -> None:
    claim(store)
    ended = NOW + timedelta(hours=1)
    store.claim_end(A, now=ended, stale_before=ended - HOLDS)
    assert not claim(store, announcement(claimed_at=ended + SECOND))


def test_the_end_of_what_another_has_claimed_since_is_not_claimed(store: Announcements) -> None:
    later = announcement(claimed_at=NOW + HOLDS)
    claim(store)
    claim(store, later)
    assert not store.claim_end(A, now=NOW + 2 * HOLDS, stale_before=NOW + HOLDS)
    assert stands(store) == later
    store.claim_end(later, now=NOW + 2 * HOLDS, stale_before=NOW + HOLDS)
    store.forget(A, end_claimed_at=NOW + 2 * HOLDS)
    assert len([*store.all()]) == 1


def test_what_is_forgotten_is_neither_confirmed_nor_ended(store: Announcements) -> None:
    store.confirm(A, now=NOW)
    assert not store.claim_end(A, now=NOW, stale_before=NOW)
    store.forget(A, end_claimed_at=NOW)
    assert [*store.all()] == []


def test_what_has_expired_is_absent_and_written_over(store: Announcements, clock: EpochClock) -> None:
    claim(store)
    store.confirm(A, now=NOW)
    clock.forward(100_001)
    assert [*store.all()] == []
    new = announcement(claimed_at=clock.now, expires_at=clock.epoch + 9)
    assert claim(store, new)
    assert stands(store) == new


def test_all_are_read_on_more_than_a_page(dynamodb: DynamoDBClient, clock: EpochClock) -> None:
    store = DynamoAnnouncements(dynamodb, CONTROL, clock)
    for number in range(4):
        store.claim(announcement(ref=run_ref(uid=f"q-{number}"), execution="x" * 350_000), stale_before=NOW)
    assert len([*store.all()]) == 4


def test_the_longest_uid_fits_into_the_key(dynamodb: DynamoDBClient, clock: EpochClock) -> None:
    longest = announcement(ref=RunRef("\U0001f697" * MAX_UID, "w" * MAX_NAME, 10**6))
    store = DynamoAnnouncements(dynamodb, CONTROL, clock)
    assert claim(store, longest)
    assert stands(store) == longest


def test_a_run_that_is_called_as_they_are_kept_gets_into_nobody_s_way(
    dynamodb: DynamoDBClient, control: DynamoControlStore, clock: EpochClock
) -> None:
    store = DynamoAnnouncements(dynamodb, CONTROL, clock)
    run = run_ref(uid="~overdue")
    claim(store)
    control.store_token(run.stage("Rate", Stage.PARALLEL), token="t", rank="1")
    assert stands(store) == A
    assert [*control.end_stages(run)] == [("Rate", Stage.PARALLEL)]
    assert stands(store) == A


def test_it_expires_with_the_run(dynamodb: DynamoDBClient, clock: EpochClock) -> None:
    claim(DynamoAnnouncements(dynamodb, CONTROL, clock))
    assert [item["expires_at"] for item in items(dynamodb, CONTROL)] == [{"N": str(EXPIRES_AT)}]
