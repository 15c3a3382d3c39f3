"""A run's history in the status table: kept with the rows that make it true, and as long as the run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.history import HistoryEntry, HistoryKind
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.stores.conditional import MOST_TRIES, WriteConflict, past_conflicts
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.rules.memory_status import MemoryStatusStore
from tests.unit.moto_tables import STATUS, Clock, items, meanwhile
from tests.unit.samples import EXECUTION, EXPIRES_AT, NOW, a_row, a_run, run_ref, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from orchestrator_runtime.core.records import Run

OTHER = EXECUTION.replace(":one", ":two")
AnyStatus = MemoryStatusStore | DynamoStatusStore
LATER = NOW + timedelta(seconds=5)
LONGER = EXPIRES_AT + 5000


def told(status: AnyStatus) -> list[tuple[int, str, str | None]] | None:
    entries = status.history(uid="q-1", workflow="NewBusiness")
    return None if entries is None else [(entry.attempt, entry.what.value, entry.by) for entry in entries]


def kept(dynamodb: DynamoDBClient) -> list[Any]:
    return [item for item in items(dynamodb, STATUS) if item["path"]["S"].startswith("~history/")]


def end(status: AnyStatus, ref: RunRef, execution: str = EXECUTION) -> bool:
    return status.end_run(
        ref,
        execution=execution,
        state=State.ERROR,
        ending=Ending.CANCELLED,
        message="cancelled by bob: twice",
        now=LATER,
        by="bob",
    )


def stored(status: AnyStatus) -> Run:
    run = status.get_run("q-1", "NewBusiness")
    assert run is not None
    return run


def resume(status: AnyStatus, **other: Any) -> bool:
    second = a_run(2, execution=OTHER, started_at=LATER + timedelta(seconds=5), by="eve", expires_at=LONGER, **other)
    return status.take_over_run(second, previous=stored(status))


def test_of_no_run_and_of_an_expired_one_there_is_no_history(any_status: AnyStatus, clock: Clock) -> None:
    assert told(any_status) is None
    any_status.create_run(a_run(by="ann"))
    assert told(any_status) == [(1, "started", "ann")]
    clock.forward(1000)
    assert told(any_status) is None


def test_a_run_that_is_not_resumed_needs_no_items_for_it(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    status.create_run(a_run(by="ann"))
    assert end(status, run_ref())
    assert told(status) == [(1, "started", "ann"), (1, "cancelled", "bob")]
    assert kept(dynamodb) == []


def test_a_resume_keeps_what_the_row_told_of_the_attempt_before(
    status: DynamoStatusStore, dynamodb: DynamoDBClient
) -> None:
    status.create_run(a_run(by="ann"))
    end(status, run_ref())
    before = status.history(uid="q-1", workflow="NewBusiness")
    assert before is not None
    assert resume(status, metadata_replaced=True)
    after = status.history(uid="q-1", workflow="NewBusiness")
    assert after == [
        *before,
        HistoryEntry(
            at=LATER + timedelta(seconds=5),
            attempt=2,
            what=HistoryKind.RESUMED,
            by="eve",
            execution=OTHER,
            metadata_replaced=True,
        ),
    ]
    [item] = kept(dynamodb)
    assert item["path"]["S"] == "~history/NewBusiness/000001/2026-11-24T09:30:00.123Z/"
    assert not {"metadata", "activities"} & item.keys()


def test_an_end_that_comes_meanwhile_is_not_lost(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    status.create_run(a_run(by="ann"))
    with meanwhile(dynamodb, "TransactWriteItems", lambda: end(status, run_ref())):
        assert resume(status) is False
    assert kept(dynamodb) == []
    assert resume(status) is True
    assert told(status) == [(1, "started", "ann"), (1, "cancelled", "bob"), (2, "resumed", "eve")]


def test_a_run_that_another_took_over_keeps_one_copy(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    status.create_run(a_run())
    first = stored(status)
    assert resume(status)
    assert status.take_over_run(a_run(2, execution="arn:third"), previous=first) is False
    assert len(kept(dynamodb)) == 1


def test_the_items_live_as_long_as_the_run_and_nothing_else_of_them_changes(
    status: DynamoStatusStore, dynamodb: DynamoDBClient, clock: Clock
) -> None:
    status.create_run(a_run(by="ann"))
    status.record(stage_ref(), a_row(1, State.DO_NOT_RUN), expires_at=EXPIRES_AT)
    [before] = kept(dynamodb)
    assert before["expires_at"] == {"N": str(EXPIRES_AT)}
    end(status, run_ref())
    resume(status)
    assert {item["expires_at"]["N"] for item in kept(dynamodb)} == {str(LONGER)}
    assert {**before, "expires_at": {"N": str(LONGER)}} in kept(dynamodb)
    clock.forward(1000)
    assert told(status) == [
        (1, "started", "ann"),
        (1, "skipped", "Score"),
        (1, "cancelled", "bob"),
        (2, "resumed", "eve"),
    ]


def test_a_resume_does_not_shorten_what_lives_longer(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    status.create_run(a_run())
    status.record(stage_ref(), a_row(1, State.DO_NOT_RUN), expires_at=LONGER + 5000)
    resume(status)
    assert sorted(item["expires_at"]["N"] for item in kept(dynamodb)) == [str(LONGER), str(LONGER + 5000)]


def test_what_an_expired_run_left_is_neither_told_nor_in_the_way(any_status: AnyStatus, clock: Clock) -> None:
    any_status.create_run(a_run(by="ann"))
    any_status.record(stage_ref(), a_row(1, State.DO_NOT_RUN), expires_at=EXPIRES_AT)
    clock.forward(1000)
    assert any_status.create_run(a_run(by="new", expires_at=LONGER)) is None
    row = a_row(1, State.DO_NOT_RUN, ended_at=LATER)
    assert any_status.record(stage_ref(), row, expires_at=LONGER).accepted
    assert told(any_status) == [(1, "started", "new"), (1, "skipped", "Score")]


@pytest.mark.parametrize("first", [True, False])
def test_a_plugin_is_skipped_once_with_its_words(
    status: DynamoStatusStore, dynamodb: DynamoDBClient, first: bool
) -> None:
    status.create_run(a_run())
    row = a_row(1, State.DO_NOT_RUN, name="A b.c", message="no fleet")
    for _ in "12":
        status.record(stage_ref(), row, expires_at=EXPIRES_AT, first=first)
    skip = HistoryEntry(
        at=NOW,
        attempt=1,
        what=HistoryKind.SKIPPED,
        by="A b.c",
        detail="no fleet",
        activity="Rate",
        stage=Stage.PARALLEL,
        plugin="A b.c",
    )
    assert (status.history(uid="q-1", workflow="NewBusiness") or [])[1:] == [skip]
    assert len(kept(dynamodb)) == 1


def test_a_skip_over_an_open_row_keeps_the_start_that_it_noted(any_status: AnyStatus) -> None:
    any_status.record(stage_ref(), a_row(1, started_at=NOW), expires_at=EXPIRES_AT, first=True)
    skipped = any_status.record(stage_ref(), a_row(1, State.DO_NOT_RUN), expires_at=EXPIRES_AT)
    assert (skipped.accepted, skipped.row.started_at) == (True, NOW)


def test_no_other_state_is_kept(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    for state in State:
        status.record(stage_ref(), a_row(1, state, name=state.name), expires_at=EXPIRES_AT)
    assert [item["path"]["S"].split("/")[-2] for item in kept(dynamodb)] == ["DO_NOT_RUN"]


@pytest.mark.parametrize(
    ("state", "skips"), [(State.NOT_STARTED, []), (State.DO_NOT_RUN, [(2, "skipped", "the core")])]
)
def test_a_reset_keeps_that_a_plugin_is_not_expected_any_more(
    any_status: AnyStatus, state: State, skips: list[Any]
) -> None:
    any_status.create_run(a_run(2))
    old = a_row(1, State.ERROR)
    any_status.record(stage_ref(), old, expires_at=EXPIRES_AT)
    for _ in "12":
        any_status.reset_plugin(stage_ref(2), old, state, now=LATER, expires_at=LONGER)
    assert (told(any_status) or [])[1:] == skips


def test_the_history_of_another_run_is_another(any_status: AnyStatus) -> None:
    for workflow in ("NewBusiness", "NewBusinessRenewal"):
        any_status.create_run(a_run(ref=RunRef("q-1", workflow, 1), by=workflow))
        ref = RunRef("q-1", workflow, 1).stage("Rate", Stage.PARALLEL)
        any_status.record(ref, a_row(1, State.DO_NOT_RUN, name=workflow), expires_at=EXPIRES_AT)
    assert told(any_status) == [(1, "started", "NewBusiness"), (1, "skipped", "NewBusiness")]


@pytest.mark.parametrize("conflicts", range(MOST_TRIES + 1))
def test_a_write_that_meets_another_is_sent_again_some_times(conflicts: int) -> None:
    left, pauses = conflicts, 0

    def write() -> str:
        nonlocal left
        if left:
            left -= 1
            raise WriteConflict
        return "written"

    def pause() -> None:
        nonlocal pauses
        pauses += 1

    if conflicts == MOST_TRIES:
        with pytest.raises(WriteConflict):
            past_conflicts(write, pause)
    else:
        assert past_conflicts(write, pause) == "written"
    assert pauses == min(conflicts, MOST_TRIES - 1)
