"""The control table: ranked tokens, a tally that cannot drift, claims that go stale."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import Control, Release
from orchestrator_runtime.stores.control import DynamoControlStore
from tests.unit.moto_tables import CONTROL, Clock, items
from tests.unit.samples import EXPIRES_AT, NOW, run_ref, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STALE_AFTER = timedelta(seconds=30)


def token(control: DynamoControlStore, attempt: int = 1, rank: str = "1", value: str = "t") -> Control | None:
    return control.store_token(stage_ref(attempt), token=value, rank=rank)


def opened(control: DynamoControlStore, *indices: int, attempt: int = 1) -> None:
    token(control, attempt)
    control.open(stage_ref(attempt), indices=indices, expires_at=EXPIRES_AT)


def claim(control: DynamoControlStore, ordinal: int = 0, at: datetime = NOW, attempt: int = 1) -> Release | None:
    return control.claim(stage_ref(attempt), ordinal=ordinal, now=at, stale_before=at - STALE_AFTER)


def test_a_token_is_stored_and_read(control: DynamoControlStore) -> None:
    assert control.get(stage_ref()) is None
    assert token(control) == Control(attempt=1, token="t")
    assert control.get(stage_ref()) == Control(attempt=1, token="t")


def test_a_token_of_a_later_rank_takes_the_place_and_the_rest_stays(control: DynamoControlStore) -> None:
    opened(control, 0, 1)
    control.settle(stage_ref(), closed=[1], failed=[1])
    release = claim(control)
    assert release is not None
    assert token(control, rank="2", value="t2") == Control(
        attempt=1, token="t2", opened=True, open=frozenset({0}), failed=frozenset({1}), release=release
    )
    assert control.get(stage_ref()) == token(control, rank="3", value="t2")


@pytest.mark.parametrize("rank", ["1", "2"], ids=["earlier", "same"])
def test_a_token_of_no_later_rank_is_refused(control: DynamoControlStore, rank: str) -> None:
    token(control, rank="2", value="stands")
    assert token(control, rank=rank, value="zombie") is None
    assert control.get(stage_ref()) == Control(attempt=1, token="stands")


def test_the_first_token_of_a_later_attempt_replaces_all(control: DynamoControlStore) -> None:
    opened(control, 0, 1)
    control.settle(stage_ref(), closed=[0], failed=[0])
    claim(control)
    control.end_stages(run_ref())
    assert token(control, attempt=2, rank="0") == Control(attempt=2, token="t")
    assert control.get(stage_ref(2)) == Control(attempt=2, token="t")
    assert control.get(stage_ref(1)) is None


def test_a_token_of_an_earlier_attempt_is_refused(control: DynamoControlStore) -> None:
    token(control, attempt=2)
    assert token(control, attempt=1, rank="9", value="zombie") is None
    assert control.get(stage_ref(2)) == Control(attempt=2, token="t")


def test_a_token_replaces_what_an_expired_run_left(control: DynamoControlStore, clock: Clock) -> None:
    opened(control, 0, attempt=5)
    clock.forward(1000)
    assert token(control, attempt=1) == Control(attempt=1, token="t")


def test_a_stage_that_opens_lives_as_long_as_its_run(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    token(control)
    [before] = items(dynamodb, CONTROL)
    assert before["expires_at"]["N"] == str(int(NOW.timestamp()) + 86_400)
    opened(control, 0)
    [after] = items(dynamodb, CONTROL)
    assert after["expires_at"]["N"] == str(EXPIRES_AT)


@pytest.mark.parametrize("indices", [(), (0,), (0, 7, 199)], ids=["none", "one", "some"])
def test_a_tally_is_set_up_once(control: DynamoControlStore, indices: tuple[int, ...]) -> None:
    token(control)
    expected = Control(attempt=1, token="t", opened=True, open=frozenset(indices))
    assert control.open(stage_ref(), indices=indices, expires_at=EXPIRES_AT) == expected
    assert control.open(stage_ref(), indices=(3, 4), expires_at=EXPIRES_AT) == expected


def test_a_tally_that_was_settled_is_not_set_up_again(control: DynamoControlStore) -> None:
    opened(control, 0)
    control.settle(stage_ref(), closed=[0], failed=[])
    assert control.open(stage_ref(), indices=[0], expires_at=EXPIRES_AT) == Control(attempt=1, token="t", opened=True)


@pytest.mark.parametrize("attempt", [1, 3])
def test_another_attempt_does_nothing_to_a_row(
    control: DynamoControlStore, dynamodb: DynamoDBClient, attempt: int
) -> None:
    opened(control, 0, 1, attempt=2)
    claim(control, attempt=2)
    before = items(dynamodb, CONTROL)
    other = stage_ref(attempt)
    assert control.open(other, indices=[5], expires_at=1) is None
    assert control.settle(other, closed=[0], failed=[0]) is None
    assert claim(control, 1, attempt=attempt) is None
    control.confirm(other, Release(ordinal=0, claimed_at=NOW), now=NOW)
    assert control.get(other) is None
    assert control.end_stages(run_ref(attempt)) == {}
    assert items(dynamodb, CONTROL) == before


def test_without_a_row_nothing_is_written(control: DynamoControlStore, dynamodb: DynamoDBClient) -> None:
    assert control.open(stage_ref(), indices=[0], expires_at=EXPIRES_AT) is None
    assert control.settle(stage_ref(), closed=[0], failed=[]) is None
    assert claim(control) is None
    control.confirm(stage_ref(), Release(ordinal=0, claimed_at=NOW), now=NOW)
    assert control.end_stages(run_ref()) == {}
    assert items(dynamodb, CONTROL) == []


def test_settling_takes_off_and_may_be_repeated(control: DynamoControlStore) -> None:
    opened(control, 0, 1, 2)
    for _ in range(2):
        settled = control.settle(stage_ref(), closed=[0, 2], failed=[2])
        assert settled is not None
        assert (settled.open, settled.failed) == (frozenset({1}), frozenset({2}))
    last = control.settle(stage_ref(), closed=[1], failed=[])
    assert last == Control(attempt=1, token="t", opened=True, failed=frozenset({2}))
    assert control.get(stage_ref()) == last


def test_a_release_is_claimed_by_one_and_confirmed(control: DynamoControlStore) -> None:
    opened(control, 0, 1)
    claimed = claim(control)
    assert claimed == Release(ordinal=0, claimed_at=NOW)
    assert claim(control, at=NOW + timedelta(seconds=29)) is None
    control.confirm(stage_ref(), claimed, now=NOW + timedelta(seconds=1))
    row = control.get(stage_ref())
    assert row is not None
    assert row.release == Release(ordinal=0, claimed_at=NOW, confirmed_at=NOW + timedelta(seconds=1))
    assert claim(control, at=NOW + timedelta(days=1)) is None


def test_a_claim_that_nobody_confirmed_goes_stale(control: DynamoControlStore) -> None:
    opened(control, 0)
    first = claim(control)
    assert first is not None
    assert claim(control, at=NOW + STALE_AFTER - timedelta(milliseconds=1)) is None
    again = claim(control, at=NOW + STALE_AFTER)
    assert again == Release(ordinal=0, claimed_at=NOW + STALE_AFTER)
    control.confirm(stage_ref(), first, now=NOW + STALE_AFTER)
    row = control.get(stage_ref())
    assert row is not None
    assert row.release == again


def test_a_later_release_bars_an_earlier_one_and_starts_unconfirmed(control: DynamoControlStore) -> None:
    opened(control, 0, 1, 2)
    first = claim(control, 0)
    assert first is not None
    control.confirm(stage_ref(), first, now=NOW)
    second = claim(control, 1)
    assert second == Release(ordinal=1, claimed_at=NOW)
    row = control.get(stage_ref())
    assert row is not None
    assert row.release == second
    assert claim(control, 0, at=NOW + timedelta(days=1)) is None
    control.confirm(stage_ref(), first, now=NOW)
    row = control.get(stage_ref())
    assert row is not None
    assert row.release == second


def test_an_ended_run_bars_every_stage_of_the_attempt(control: DynamoControlStore) -> None:
    refs = [stage_ref(), stage_ref(activity="Validate", stage=Stage.PRE), stage_ref(activity="A_b-c", stage=Stage.POST)]
    for ref in refs:
        control.store_token(ref, token=ref.key, rank="1")
    control.store_token(stage_ref(2, activity="Later"), token="later", rank="1")
    control.store_token(stage_ref(uid="q-2"), token="stranger", rank="1")
    expected = {(ref.activity, ref.stage): Control(attempt=1, token=ref.key, ended=True) for ref in refs}
    assert control.end_stages(run_ref()) == expected
    assert control.end_stages(run_ref()) == expected
    for ref in refs:
        assert control.claim(ref, ordinal=9, now=NOW, stale_before=NOW) is None
    for other in (stage_ref(2, activity="Later"), stage_ref(uid="q-2")):
        assert control.claim(other, ordinal=0, now=NOW, stale_before=NOW) is not None


def test_an_ended_stage_stays_ended_under_a_later_token(control: DynamoControlStore) -> None:
    opened(control, 0)
    control.end_stages(run_ref())
    row = token(control, rank="2")
    assert row is not None
    assert row.ended
    assert claim(control) is None


def test_a_stale_claim_is_barred_too_once_the_run_ended(control: DynamoControlStore) -> None:
    opened(control, 0)
    claim(control)
    control.end_stages(run_ref())
    assert claim(control, at=NOW + timedelta(days=1)) is None


def test_what_is_no_failed_condition_is_raised(dynamodb: DynamoDBClient, clock: Clock) -> None:
    elsewhere = DynamoControlStore(dynamodb, "elsewhere", clock)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        token(elsewhere)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        elsewhere.settle(stage_ref(), closed=[0], failed=[])


def test_the_default_clock_is_the_time(dynamodb: DynamoDBClient) -> None:
    control = DynamoControlStore(dynamodb, CONTROL)
    token(control)
    [item] = items(dynamodb, CONTROL)
    assert int(item["expires_at"]["N"]) > 86_400
