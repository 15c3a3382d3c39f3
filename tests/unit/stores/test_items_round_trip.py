"""Every record is read from an item as it was written to it, by property."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from moto import mock_aws

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import (
    ActivityControl,
    Dispatch,
    ExpectedPlugin,
    Outcome,
    PluginRow,
    Run,
    RunRef,
    StagePlan,
)
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.stores import items, plan_item, registry
from tests.unit.moto_tables import REGION, STATUS, create_tables

same = settings(derandomize=True, max_examples=60, deadline=None)

texts = st.text(st.characters(codec="utf-8"), max_size=30)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
whole = st.integers(0, 2**40)
attempts = st.integers(1, 10**6)
times = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001 - made aware below
    lambda time: time.replace(tzinfo=UTC, microsecond=time.microsecond // 1000 * 1000)
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
objects = st.dictionaries(texts, documents, max_size=4)


def optional(strategy: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.none() | strategy


runs = st.builds(
    Run,
    ref=st.builds(RunRef, texts.filter(bool), names, attempts),
    state=st.sampled_from(State),
    metadata=objects,
    execution=names,
    activities=st.lists(st.lists(names, max_size=3).map(tuple), max_size=3).map(tuple),
    started_at=times,
    expires_at=whole,
    ended_at=optional(times),
    message=optional(texts),
)
rows = st.builds(
    PluginRow,
    name=names,
    attempt=attempts,
    state=st.sampled_from(State),
    mandatory=st.booleans(),
    expected=st.booleans(),
    message=optional(texts),
    progress=optional(st.just(0.0) | st.floats(1e-120, 100)),  # DynamoDB's own limit is 1e-130
    started_at=optional(times),
    updated_at=optional(times),
    ended_at=optional(times),
)
plans = st.builds(
    StagePlan,
    attempt=attempts,
    opened_at=times,
    plugins=st.lists(
        st.builds(
            ExpectedPlugin,
            name=names,
            mandatory=st.booleans(),
            order=st.integers(-999, 999),
            timeout_seconds=st.integers(1, 2**40),
            start_within_seconds=optional(whole),
            sender_role_ids=st.lists(names, max_size=2).map(tuple),
            subscriptions=st.lists(names, max_size=2).map(tuple),
            settles_at=optional(times),
            kept=optional(st.sampled_from(State)),
        ),
        max_size=5,
    ).map(tuple),
    expires_at=whole,
    attribute_keys=st.lists(texts, max_size=5).map(tuple),
    fail_on_optional_error=st.booleans(),
)
registrations = st.builds(
    Registration,
    activity=names,
    stage=st.sampled_from(Stage),
    name=names,
    subscription_arn=names,
    endpoint=names,
    protocol=st.sampled_from(["lambda", "sqs"]),
    owner=texts,
    filter_policy=objects,
    filter_policy_scope=st.sampled_from(["MessageAttributes", "MessageBody"]),
    mandatory=st.booleans(),
    order=st.integers(-999, 999),
    always_run=st.booleans(),
    timeout_seconds=optional(whole),
    start_within_seconds=optional(whole),
    reports_start=st.booleans(),
    sender_role_ids=st.lists(names, max_size=2).map(tuple),
    description=optional(texts),
)


@same
@given(runs)
def test_a_run(run: Run) -> None:
    assert items.run_of(items.run_item(run)) == run


@same
@given(rows)
def test_a_plugin(row: PluginRow) -> None:
    key = items.key_of("q-1", f"NewBusiness/Rate/parallel/{row.name}/")
    assert items.plugin_of({**key, **items.item_of(items.plugin_item(row))}) == row


@same
@given(plans)
def test_a_plan(plan: StagePlan) -> None:
    assert plan_item.plan_of(items.item_of(plan_item.plan_values(plan))) == plan


@same
@given(registrations)
def test_a_registration(registration: Registration) -> None:
    assert registry.registration_of(registry.registration_item(registration)) == registration


@same
@given(
    st.sampled_from(Stage),
    st.frozensets(st.integers(0, 9999)),
    st.frozensets(st.integers(0, 9999)),
    times,
    optional(times),
    optional(st.builds(Outcome, state=st.sampled_from(State), message=optional(texts))),
)
def test_a_control_item(  # noqa: PLR0917 - one column for each
    stage: Stage,
    pending: frozenset[int],
    failed: frozenset[int],
    claimed_at: datetime,
    published_at: datetime | None,
    outcome: Outcome | None,
) -> None:
    item = items.item_of(
        {
            "attempt": 3,
            "stage": stage,
            "pending": pending or None,
            "failed": failed or None,
            "dispatched": 7,
            "published_at": published_at,
            "due_at": None if outcome else claimed_at,
            "outcome": outcome.state if outcome else None,
            "outcome_message": outcome.message if outcome else None,
        }
    )
    claimed_at += timedelta(microseconds=1)
    assert items.control_of({**item, "claimed_at": items.instant(claimed_at)}) == ActivityControl(
        attempt=3,
        stage=stage,
        pending=pending,
        failed=failed,
        dispatch=Dispatch(ordinal=7, claimed_at=claimed_at, published_at=published_at),
        due_at=None if outcome else claimed_at - timedelta(microseconds=1),
        outcome=outcome,
    )


def test_a_control_item_of_an_activity_that_never_opened() -> None:
    item = items.item_of({"attempt": 3, "run_ended": True})
    assert items.control_of(item) == ActivityControl(attempt=3, stage=None, run_ended=True)


@same
@given(times)
def test_times_stand_as_people_read_them_and_sort_as_text(time: datetime) -> None:
    assert datetime.fromisoformat(items.iso(time)) == time
    assert len(items.iso(time)) == len("2026-11-24T09:30:00.123Z")


def test_records_survive_dynamodb_itself() -> None:
    """Through its own types and its wire format, where numbers and text could suffer."""
    with mock_aws():
        client = boto3.client("dynamodb", REGION, aws_access_key_id="testing", aws_secret_access_key="testing")
        create_tables(client)

        @settings(same, max_examples=15, phases=[Phase.generate])
        @given(runs, rows, plans)
        def survive(run: Run, row: PluginRow, plan: StagePlan) -> None:
            written = {
                "run/": items.run_item(run),
                f"w/a/pre/{row.name}/": items.item_of(items.plugin_item(row)),
                "plan/": items.item_of(plan_item.plan_values(plan)),
            }
            read = []
            for path, item in written.items():
                key = items.key_of("q-1", path)
                client.put_item(TableName=STATUS, Item={**item, **key})
                read.append(client.get_item(TableName=STATUS, Key=key)["Item"])
            own: Any = {"uid": {"S": run.ref.uid}}
            assert items.run_of({**read[0], **own}) == run
            assert items.plugin_of(read[1]) == row
            assert plan_item.plan_of(read[2]) == plan

        survive()
