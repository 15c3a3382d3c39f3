"""What the page on operations computes of watching runs: from the size of what the index really holds of one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import boto3
import pytest
from moto import mock_aws

from orchestrator_runtime.contract import ACTIVE_RUNS_PARTITIONS, State
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import Run, RunRef
from orchestrator_runtime.stores.active_runs import DynamoActiveRuns
from orchestrator_runtime.stores.announcements import announcement_item
from orchestrator_runtime.stores.items import run_item
from tests.cost.capacity_units import item_bytes
from tests.docs.pages import PROJECT, begins_a_row
from tests.unit.moto_tables import REGION, STATUS, create_tables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE = PROJECT / "docs" / "operations.md"
TEXT = " ".join(PAGE.read_text().split())
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
AT_ONCE = 1_000

# Of AWS: what a page of a query evaluates, what a read unit reads, and what a million of them cost in us-east-1.
PAGE_BYTES = 1024 * 1024
UNIT_BYTES = 4096
DOLLARS_A_MILLION = 0.125
PASSES_A_MONTH = 30 * 24 * 60


def a_run(number: int = 0) -> Run:
    """With a UUID for a uid, in an execution that Step Functions named."""
    uid = str(UUID(int=number))
    machine = "arn:aws:states:us-east-1:123456789012:execution:claims-dev-workflow-NewBusiness"
    return Run(
        ref=RunRef(uid, "NewBusiness", 1),
        state=State.IN_PROGRESS,
        metadata={"line": "auto"},
        execution=f"{machine}:{uid}",
        activities=(("Rate",),),
        started_at=NOW,
        expires_at=1_800_000_000,
    )


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name=REGION)
        client = session.client("dynamodb")
        create_tables(client)
        yield client


@pytest.fixture
def entry_bytes(client: DynamoDBClient) -> int:
    """The size of what the index holds of a run: the keys of the index and of the table, and what is projected."""
    table = client.describe_table(TableName=STATUS)["Table"]
    [index] = table["GlobalSecondaryIndexes"]
    held = {key["AttributeName"] for key in [*table["KeySchema"], *index["KeySchema"]]}
    held |= {*index["Projection"]["NonKeyAttributes"]}
    item = run_item(a_run())
    assert held < item.keys()
    return item_bytes({name: item[name] for name in held})


@dataclass(frozen=True)
class Reads:
    """What queries cost."""

    queries: int
    units: float

    def __add__(self, other: Reads) -> Reads:
        return Reads(self.queries + other.queries, self.units + other.units)

    def __mul__(self, times: int) -> Reads:
        return Reads(self.queries * times, self.units * times)


def reading(runs: int, size: int) -> Reads:
    """Queries of an index that end where there is nothing more to read, a page at a time; half a unit at least."""
    a_page = PAGE_BYTES // size
    pages = [min(a_page, runs - start) for start in range(0, runs, a_page)] or [0]
    return Reads(len(pages), sum(max(1, math.ceil(each * size / UNIT_BYTES)) / 2 for each in pages))


def counting(runs: int, size: int, at_once: int = AT_ONCE) -> Reads:
    """Of so many runs of one workflow in a partition of the index."""
    if runs < at_once:
        return reading(runs, size)
    return reading(at_once, size) + (reading(runs - at_once, size)) + reading(0, size)


@pytest.mark.parametrize("runs", [0, 1, 9, 11, 25])
def test_the_queries_are_those_that_the_code_makes(client: DynamoDBClient, runs: int, entry_bytes: int) -> None:
    for number in range(runs):
        client.put_item(TableName=STATUS, Item={**run_item(a_run(number)), "active": {"S": "5"}})
    seen: list[Any] = []
    client.meta.events.register("provide-client-params.dynamodb.Query", lambda params, **_: seen.append(params))
    assert sum(DynamoActiveRuns(client, STATUS, at_once=10).count().values()) == runs
    expected = counting(runs, entry_bytes, at_once=10) + counting(0, entry_bytes) * (ACTIVE_RUNS_PARTITIONS - 1)
    assert len(seen) == expected.queries
    assert not any(params.get("ConsistentRead") for params in seen)


@pytest.mark.parametrize("runs", [10, 10_000, 1_000_000])
def test_a_pass_without_overdue_runs(runs: int, entry_bytes: int) -> None:
    each, more = divmod(runs, ACTIVE_RUNS_PARTITIONS)
    counted = counting(each + 1, entry_bytes) * more + counting(each, entry_bytes) * (ACTIVE_RUNS_PARTITIONS - more)
    overdue = reading(0, entry_bytes) * ACTIVE_RUNS_PARTITIONS
    announced = Reads(1, 1)
    total = counted + overdue + announced
    dollars = total.units * PASSES_A_MONTH * DOLLARS_A_MILLION / 1_000_000
    cells = (f"{runs:,}", f"{total.queries:,}", f"{total.units:,.1f}", f"${dollars:,.2f}")
    assert begins_a_row(PAGE, *cells), cells


def test_what_a_run_takes_in_the_index(entry_bytes: int) -> None:
    assert f"takes {entry_bytes} bytes in the index" in TEXT, entry_bytes
    assert f"{PAGE_BYTES // entry_bytes:,} of them are a page" in TEXT, PAGE_BYTES // entry_bytes


def test_what_an_overdue_run_adds(entry_bytes: int) -> None:
    run = a_run()
    announcement = Announcement(
        ref=run.ref,
        execution=run.execution,
        started_at=NOW,
        expected=timedelta(hours=2),
        expires_at=run.expires_at,
    )
    size = item_bytes(announcement_item(announcement))
    assert f"the announcement of each has {size} bytes" in TEXT, size
    units = 1_000 * (entry_bytes / 2 + size) / UNIT_BYTES
    dollars = units * PASSES_A_MONTH * DOLLARS_A_MILLION / 1_000_000
    assert f"A thousand overdue runs add {units:,.0f} read units to a pass, ${dollars:,.2f} a month" in TEXT, (
        units,
        dollars,
    )
