"""A plugin's row: open until its first terminal report, of one attempt, together with its output."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.records import PluginRow
from orchestrator_runtime.ports import Recorded, StatusStore
from orchestrator_runtime.stores.plugin_rows import PluginRows
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.unit.moto_tables import STATUS, Clock, items, meanwhile
from tests.unit.samples import EXPIRES_AT, NOW, a_row, run_ref, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LATER = NOW + timedelta(seconds=5)
LONGER = EXPIRES_AT + 5000
KEY = "Rate/parallel/Score"
KEY_OF_ROW: Any = {"uid": {"S": "q-1"}, "path": {"S": f"{stage_ref().path}Score/"}}
TERMINAL = [state for state in State if state.is_terminal]
GUESS = pytest.mark.parametrize("first", [True, False], ids=["guess-first", "guess-not-first"])
OUTPUT = pytest.mark.parametrize("output", [None, '{"points":7}'], ids=["alone", "with-output"])


def stored(status: StatusStore, attempt: int = 1) -> PluginRow:
    return status.load_stage(stage_ref(attempt)).plugins["Score"]


def put(status: StatusStore, row: PluginRow, expires_at: int = EXPIRES_AT, **other: Any) -> Recorded:
    return status.record(stage_ref(row.attempt), row, expires_at=expires_at, **other)


@GUESS
@OUTPUT
@pytest.mark.parametrize("state", [State.IN_PROGRESS, *TERMINAL])
def test_a_first_report_is_written_whatever_the_guess(
    any_status: StatusStore, state: State, output: str | None, first: bool
) -> None:
    row = a_row(1, state, mandatory=False, expected=False, message="ü\n", progress=0.1 + 0.2, started_at=NOW)
    assert put(any_status, row, output=output, first=first) == Recorded(accepted=True, row=row)
    assert stored(any_status) == row
    assert any_status.outputs(run_ref()) == ({KEY: {"points": 7}} if output else {})


@GUESS
@OUTPUT
@pytest.mark.parametrize("state", [State.IN_PROGRESS, *TERMINAL])
def test_an_open_row_is_written_over_whatever_the_guess(
    any_status: StatusStore, state: State, output: str | None, first: bool
) -> None:
    put(any_status, a_row(message="half way", progress=50.0))
    row = a_row(1, state, message="next", progress=100.0)
    assert put(any_status, row, output=output, first=first) == Recorded(accepted=True, row=row)
    assert stored(any_status) == row
    assert any_status.outputs(run_ref()) == ({KEY: {"points": 7}} if output else {})


@GUESS
@OUTPUT
@pytest.mark.parametrize("stands", TERMINAL)
@pytest.mark.parametrize("state", [State.IN_PROGRESS, State.COMPLETE, State.ERROR])
def test_a_terminal_row_stands_and_neither_it_nor_an_output_is_written(  # noqa: PLR0917 - a table of five columns
    status: DynamoStatusStore, dynamodb: DynamoDBClient, stands: State, state: State, output: str | None, first: bool
) -> None:
    row = a_row(1, stands, message="it stands")
    put(status, row)
    before = items(dynamodb, STATUS)
    assert put(status, a_row(1, state, updated_at=LATER), output=output, first=first) == Recorded(
        accepted=False, row=row
    )
    assert items(dynamodb, STATUS) == before


@GUESS
@OUTPUT
@pytest.mark.parametrize("stands", [State.NOT_STARTED, State.IN_PROGRESS, State.COMPLETE])
def test_a_row_of_a_later_attempt_stands(
    status: DynamoStatusStore, dynamodb: DynamoDBClient, stands: State, output: str | None, first: bool
) -> None:
    later = a_row(3, stands)
    put(status, later)
    before = items(dynamodb, STATUS)
    assert put(status, a_row(2, State.COMPLETE), output=output, first=first) == Recorded(accepted=False, row=later)
    assert items(dynamodb, STATUS) == before


@GUESS
@OUTPUT
@pytest.mark.parametrize("stands", [State.IN_PROGRESS, State.ERROR])
def test_a_row_of_an_earlier_attempt_is_replaced_as_a_whole(
    any_status: StatusStore, stands: State, output: str | None, first: bool
) -> None:
    put(any_status, a_row(1, stands, message="old", progress=50.0, started_at=NOW, ended_at=NOW))
    row = a_row(2, State.COMPLETE)
    assert put(any_status, row, output=output, first=first).accepted
    assert stored(any_status, 2) == row


@GUESS
@OUTPUT
@pytest.mark.parametrize("attempt", [1, 4])
def test_an_expired_row_of_whatever_attempt_is_replaced_as_a_whole(
    any_status: StatusStore, clock: Clock, attempt: int, output: str | None, first: bool
) -> None:
    put(any_status, a_row(attempt, State.IN_PROGRESS, message="old", progress=50.0, started_at=NOW), output='"old"')
    clock.forward(1000)
    row = a_row(1, State.COMPLETE)
    assert put(any_status, row, LONGER, output=output, first=first).accepted
    assert stored(any_status) == row
    assert any_status.outputs(run_ref()) == ({KEY: {"points": 7}} if output else {})


@GUESS
def test_a_start_that_is_noted_stays(any_status: StatusStore, first: bool) -> None:
    put(any_status, a_row(started_at=NOW))
    put(any_status, a_row(1, State.COMPLETE, started_at=LATER), first=first)
    assert stored(any_status).started_at == NOW


@GUESS
def test_a_late_start_is_noted_on_an_open_row(any_status: StatusStore, first: bool) -> None:
    put(any_status, a_row(progress=1.0))
    put(any_status, a_row(1, State.COMPLETE, started_at=LATER), first=first)
    assert stored(any_status).started_at == LATER


@OUTPUT
def test_the_row_keeps_what_is_not_written_anew_and_the_answer_says_so(
    any_status: StatusStore, output: str | None
) -> None:
    put(any_status, a_row(started_at=NOW, message="half way", progress=50.0))
    recorded = put(any_status, a_row(1, State.COMPLETE), output=output)
    assert recorded.row == a_row(1, State.COMPLETE, started_at=NOW, message="half way", progress=50.0)
    assert stored(any_status) == recorded.row


def test_a_row_lives_as_long_as_its_first_report_said(
    status: DynamoStatusStore, dynamodb: DynamoDBClient, clock: Clock
) -> None:
    put(status, a_row())
    put(status, a_row(1, State.COMPLETE), output="1")
    assert {item["expires_at"]["N"] for item in items(dynamodb, STATUS)} == {str(EXPIRES_AT)}
    clock.forward(1000)
    assert status.load_stage(stage_ref()).plugins == {}
    assert status.outputs(run_ref()) == {}


@OUTPUT
def test_a_terminal_report_is_written_though_the_first_start_comes_in_between(
    status: DynamoStatusStore, dynamodb: DynamoDBClient, output: str | None
) -> None:
    """Two batches at once: this one finds no row to write over, and then finds the other's."""
    second_try = ("PutItem", 0) if output is None else ("TransactWriteItems", 1)
    with meanwhile(dynamodb, second_try[0], lambda: put(status, a_row(started_at=NOW), first=True), skip=second_try[1]):
        recorded = put(status, a_row(1, State.COMPLETE), output=output, first=False)
    assert recorded.accepted
    assert stored(status).state is State.COMPLETE


def test_a_row_that_vanishes_between_two_tries_is_written_anew(
    status: DynamoStatusStore, dynamodb: DynamoDBClient
) -> None:
    put(status, a_row())
    with meanwhile(dynamodb, "UpdateItem", lambda: dynamodb.delete_item(TableName=STATUS, Key=KEY_OF_ROW)):
        assert put(status, a_row(1, State.COMPLETE), first=True).accepted
    assert stored(status).state is State.COMPLETE


def test_a_row_that_never_stands_still_is_an_error_to_try_again(
    status: DynamoStatusStore, dynamodb: DynamoDBClient
) -> None:
    item = {**KEY_OF_ROW, "attempt": {"N": "1"}, "state": {"S": "In Progress"}, "expires_at": {"N": str(EXPIRES_AT)}}
    busy = False

    def change(model: Any, **_: Any) -> None:
        nonlocal busy
        if busy:
            return
        busy = True
        if model.name == "PutItem":
            dynamodb.put_item(TableName=STATUS, Item=item)
        else:
            dynamodb.delete_item(TableName=STATUS, Key=KEY_OF_ROW)
        busy = False

    dynamodb.meta.events.register("before-parameter-build.dynamodb", change)
    try:
        with pytest.raises(RuntimeError, match=r"the row of 'Score' at NewBusiness/Rate/parallel/ changed . times"):
            put(status, a_row(1, State.COMPLETE))
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb", change)


@OUTPUT
@GUESS
def test_what_is_no_failed_condition_is_raised(
    dynamodb: DynamoDBClient, clock: Clock, output: str | None, first: bool
) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        put(DynamoStatusStore(dynamodb, "elsewhere", clock), a_row(), output=output, first=first)


def test_outputs_are_those_of_one_run_and_survive_as_given(any_status: StatusStore) -> None:
    put(
        any_status,
        a_row(1, State.COMPLETE),
        output='{"a": [1, 1.5, 1e-7, null, "\U0001f697"], "n": 123456789012345678901}',
    )
    put(any_status, a_row(1, State.COMPLETE, name="A b.c"), output="null")
    any_status.record(stage_ref(uid="q-2"), a_row(1, State.COMPLETE), expires_at=EXPIRES_AT, output="1")
    assert any_status.outputs(run_ref()) == {
        KEY: {"a": [1, 1.5, 1e-7, None, "\U0001f697"], "n": 123456789012345678901},
        "Rate/parallel/A b.c": None,
    }
    assert any_status.outputs(run_ref(workflow="New")) == {}


@pytest.mark.parametrize("state", [State.NOT_STARTED, State.DO_NOT_RUN])
def test_a_reset_brings_a_row_into_the_attempt_without_its_output(any_status: StatusStore, state: State) -> None:
    old = a_row(1, State.ERROR, mandatory=False, expected=False, message="old", progress=50.0, started_at=NOW)
    put(any_status, old, output="1")
    any_status.reset_plugin(stage_ref(2), old, state, now=NOW, expires_at=LONGER)
    expected = state is State.NOT_STARTED
    assert stored(any_status, 2) == PluginRow(name="Score", attempt=2, state=state, mandatory=False, expected=expected)
    assert any_status.outputs(run_ref()) == {}


def test_a_reset_row_takes_reports_of_its_attempt_and_lives_as_long(any_status: StatusStore, clock: Clock) -> None:
    old = a_row(1, State.ERROR)
    put(any_status, old)
    any_status.reset_plugin(stage_ref(2), old, State.NOT_STARTED, now=NOW, expires_at=LONGER)
    clock.forward(1000)
    assert put(any_status, a_row(2, State.COMPLETE), LONGER).accepted
    assert stored(any_status, 2) == a_row(2, State.COMPLETE)


@pytest.mark.parametrize("attempt", [2, 3])
def test_a_reset_that_comes_late_changes_neither_row_nor_output(
    status: DynamoStatusStore, dynamodb: DynamoDBClient, attempt: int
) -> None:
    """A handler that was thought dead resets what this attempt has done meanwhile."""
    put(status, a_row(attempt, State.COMPLETE), output='"done"')
    before = items(dynamodb, STATUS)
    status.reset_plugin(stage_ref(2), a_row(1, State.ERROR), State.NOT_STARTED, now=NOW, expires_at=LONGER)
    assert items(dynamodb, STATUS) == before


def test_a_kept_row_and_its_output_live_as_long_as_the_attempt(any_status: StatusStore, clock: Clock) -> None:
    old = a_row(1, State.COMPLETE)
    put(any_status, old, output="1")
    any_status.keep_plugin(stage_ref(2), old, expires_at=LONGER)
    clock.forward(1000)
    assert any_status.load_stage(stage_ref(2)).plugins == {"Score": old}
    assert any_status.outputs(run_ref()) == {KEY: 1}


def test_a_row_without_output_is_kept_without_one(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    old = a_row(1, State.COMPLETE)
    put(status, old)
    status.keep_plugin(stage_ref(2), old, expires_at=LONGER)
    [item] = items(dynamodb, STATUS)
    assert item["expires_at"]["N"] == str(LONGER)


def test_what_is_gone_is_not_kept(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    status.keep_plugin(stage_ref(2), a_row(1, State.COMPLETE), expires_at=LONGER)
    assert items(dynamodb, STATUS) == []


def test_what_has_expired_is_not_kept(any_status: StatusStore, clock: Clock) -> None:
    old = a_row(1, State.COMPLETE)
    put(any_status, old, output="1")
    clock.forward(1000)
    any_status.keep_plugin(stage_ref(2), old, expires_at=LONGER)
    assert any_status.load_stage(stage_ref(2)).plugins == {}
    assert any_status.outputs(run_ref()) == {}


def test_a_row_is_kept_and_its_output_deleted(any_status: StatusStore, clock: Clock) -> None:
    old = a_row(1, State.COMPLETE)
    put(any_status, old, output="1")
    for _ in range(2):
        any_status.keep_plugin(stage_ref(2), old, expires_at=LONGER, output=False)
    clock.forward(1000)
    assert any_status.load_stage(stage_ref(2)).plugins == {"Score": old}
    assert any_status.outputs(run_ref()) == {}


def test_an_output_of_this_attempt_is_not_deleted(any_status: StatusStore) -> None:
    """A handler that was thought dead comes late, and the plugin has reported since."""
    put(any_status, a_row(2, State.COMPLETE), output="1")
    any_status.keep_plugin(stage_ref(2), a_row(1, State.COMPLETE), expires_at=LONGER, output=False)
    assert any_status.outputs(run_ref()) == {KEY: 1}


def test_a_keep_that_comes_late_shortens_no_life(any_status: StatusStore, clock: Clock) -> None:
    """A handler of attempt 2 that was thought dead keeps what attempt 3 has kept for longer."""
    old = a_row(1, State.COMPLETE)
    put(any_status, old, output="1")
    any_status.keep_plugin(stage_ref(3), old, expires_at=LONGER)
    any_status.keep_plugin(stage_ref(2), old, expires_at=EXPIRES_AT)
    clock.forward(1000)
    assert any_status.load_stage(stage_ref(3)).plugins == {"Score": old}
    assert any_status.outputs(run_ref(3)) == {KEY: 1}


def test_every_report_names_its_own_row(any_status: StatusStore) -> None:
    rows = {name: replace(a_row(), name=name) for name in ("Score", "Score2", "Sc")}
    for row in rows.values():
        put(any_status, row)
    assert any_status.load_stage(stage_ref()).plugins == rows


@pytest.mark.parametrize("output", [None, "1"])
def test_a_write_that_meets_another_is_sent_again(dynamodb: DynamoDBClient, output: str | None, clock: Clock) -> None:
    """A transaction holds the row for a moment: the report must not wait for the queue to bring it again."""
    conflicts, pauses = [True, True], []

    def conflict(**_: Any) -> None:
        if conflicts:
            conflicts.pop()
            code = "TransactionConflictException" if output is None else "TransactionCanceledException"
            answer: Any = {"Error": {"Code": code}, "CancellationReasons": [{}, {"Code": "TransactionConflict"}]}
            raise ClientError(answer, "write")

    for operation in ("PutItem", "UpdateItem", "TransactWriteItems"):
        dynamodb.meta.events.register(f"before-call.dynamodb.{operation}", conflict)
    rows = PluginRows(dynamodb, STATUS, clock, pause=lambda: pauses.append(1))
    recorded = rows.record(stage_ref(), a_row(1, State.COMPLETE), expires_at=EXPIRES_AT, output=output, first=True)
    assert (recorded.accepted, len(pauses)) == (True, 2)
