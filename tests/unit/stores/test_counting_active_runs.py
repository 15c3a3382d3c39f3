"""Counting the runs in progress, and reading the overdue ones, without a list of workflows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator_runtime.contract import ACTIVE_RUNS_PARTITIONS, Ending, State, TableAttribute
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.names import COMPONENT_NAME
from orchestrator_runtime.stores.active_runs import DynamoActiveRuns
from orchestrator_runtime.stores.items import run_item
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.unit.moto_tables import STATUS, items
from tests.unit.samples import EXECUTION, NOW, a_run, run_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LIKE_EACH_OTHER = ("New", "New-", "New-1", "New0", "NewBusiness", "New_", "n", "N", "0", "zz")


def store(client: DynamoDBClient, runs: Mapping[str, int], *, partition: int | None = None) -> None:
    """Write so many runs of each workflow, each started a second later; into one partition, if one is named."""
    for workflow, number in runs.items():
        for second in range(number):
            ref = RunRef(f"{workflow}-{second}", workflow, 1)
            item = run_item(a_run(ref=ref, started_at=NOW + timedelta(seconds=second)))
            if partition is not None:
                item[TableAttribute.ACTIVE] = {"S": str(partition)}
            client.put_item(TableName=STATUS, Item=item)


@contextmanager
def queries(client: DynamoDBClient, *, most: int | None = None) -> Iterator[list[dict[str, Any]]]:
    """See every query, and let none evaluate more items than so many: what else a page of 1 MB does."""
    seen: list[dict[str, Any]] = []

    def hook(params: dict[str, Any], **_: Any) -> None:
        seen.append(params)
        if most is not None:
            params["Limit"] = min(most, params.get("Limit", most))

    event = "provide-client-params.dynamodb.Query"
    client.meta.events.register(event, hook)
    try:
        yield seen
    finally:
        client.meta.events.unregister(event, hook)


def test_nothing_is_counted_where_nothing_is(dynamodb: DynamoDBClient) -> None:
    assert DynamoActiveRuns(dynamodb, STATUS).count() == {}


@pytest.mark.parametrize("at_once", [1, 2, 3, 1_000])
@pytest.mark.parametrize("most", [1, 2, None])
def test_workflows_whose_names_begin_alike_are_told_apart(
    dynamodb: DynamoDBClient, at_once: int, most: int | None
) -> None:
    runs = {workflow: 1 + 2 * number for number, workflow in enumerate(LIKE_EACH_OTHER)}
    store(dynamodb, runs, partition=0)
    store(dynamodb, {"New": 1}, partition=15)
    with queries(dynamodb, most=most):
        assert DynamoActiveRuns(dynamodb, STATUS, at_once=at_once).count() == runs


def test_few_runs_take_a_query_a_partition(dynamodb: DynamoDBClient) -> None:
    store(dynamodb, {"New": 30, "NewBusiness": 20})
    with queries(dynamodb) as seen:
        assert DynamoActiveRuns(dynamodb, STATUS).count() == {"New": 30, "NewBusiness": 20}
    assert len(seen) == ACTIVE_RUNS_PARTITIONS


def test_many_runs_are_counted_and_not_sent(dynamodb: DynamoDBClient) -> None:
    store(dynamodb, {"New": 30, "NewBusiness": 20}, partition=3)
    with queries(dynamodb) as seen:
        DynamoActiveRuns(dynamodb, STATUS, at_once=2).count()
    of_partition = [params for params in seen if params["ExpressionAttributeValues"][":partition"] == {"S": "3"}]
    assert [params.get("Select") for params in of_partition] == [None, "COUNT", None, "COUNT", None]


def test_runs_that_started_in_the_same_moment_are_all_counted(dynamodb: DynamoDBClient) -> None:
    for number in range(7):
        item = run_item(a_run(ref=RunRef(f"q-{number}", "New", 1)))
        dynamodb.put_item(TableName=STATUS, Item={**item, TableAttribute.ACTIVE: {"S": "1"}})
    with queries(dynamodb, most=2) as seen:
        assert DynamoActiveRuns(dynamodb, STATUS, at_once=3).count() == {"New": 7}
    assert len([params for params in seen if "Select" in params]) == 3


def test_more_than_a_page_of_a_megabyte_is_counted(dynamodb: DynamoDBClient) -> None:
    for number in range(6):
        item = run_item(a_run(ref=RunRef(f"q-{number}", "New", 1), execution="x" * 300_000))
        dynamodb.put_item(TableName=STATUS, Item={**item, TableAttribute.ACTIVE: {"S": "1"}})
    with queries(dynamodb) as seen:
        assert DynamoActiveRuns(dynamodb, STATUS).count() == {"New": 6}
    assert [params["Select"] for params in seen if "Select" in params] == ["COUNT"]
    with queries(dynamodb) as seen:
        assert len([*DynamoActiveRuns(dynamodb, STATUS).started_until("New", NOW)]) == 6
    assert len(seen) > ACTIVE_RUNS_PARTITIONS


def test_a_run_whose_end_is_not_finished_is_counted(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    status.create_run(a_run())
    status.end_run(run_ref(), execution=EXECUTION, state=State.ERROR, ending=Ending.FAILED, message=None, now=NOW)
    active = DynamoActiveRuns(dynamodb, STATUS)
    assert active.count() == {"NewBusiness": 1}
    status.finish_end(run_ref(), execution=EXECUTION)
    assert active.count() == {}


def test_only_the_overdue_runs_are_read(dynamodb: DynamoDBClient) -> None:
    store(dynamodb, {"New": 6, "New-1": 3, "NewBusiness": 3})
    active = DynamoActiveRuns(dynamodb, STATUS)
    found = {run.ref.uid: run for run in active.started_until("New", NOW + timedelta(seconds=2))}
    assert sorted(found) == ["New-0", "New-1", "New-2"]
    assert (found["New-2"].started_at, found["New-2"].execution) == (NOW + timedelta(seconds=2), EXECUTION)
    assert [*active.started_until("New", NOW - timedelta(milliseconds=1))] == []
    assert [*active.started_until("Ne", NOW + timedelta(days=1))] == []
    with queries(dynamodb, most=1):
        assert len([*active.started_until("New", NOW + timedelta(days=1))]) == 6


NAMES = st.from_regex(COMPONENT_NAME, fullmatch=True) | st.sampled_from(LIKE_EACH_OTHER)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.dictionaries(NAMES, st.integers(1, 5), max_size=6),
    at_once=st.integers(1, 8),
    most=st.none() | st.integers(1, 4),
    spread=st.booleans(),
)
def test_the_count_is_that_of_reading_them_all(
    dynamodb: DynamoDBClient, runs: dict[str, int], at_once: int, most: int | None, spread: bool
) -> None:
    for item in items(dynamodb, STATUS):
        dynamodb.delete_item(TableName=STATUS, Key={"uid": item["uid"], "path": item["path"]})
    store(dynamodb, runs, partition=None if spread else 7)
    active = DynamoActiveRuns(dynamodb, STATUS, at_once=at_once)
    with queries(dynamodb, most=most):
        assert active.count() == Counter(run.ref.workflow for run in active.runs()) == Counter(runs)
