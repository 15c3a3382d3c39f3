"""AWS as moto plays it, with a clock that the test sets. Nothing here is in force unless a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.registry import DynamoRegistry
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.unit.moto_tables import CONTROL, REGION, REGISTRY, STATUS, Clock, create_tables, refuse_bad_keys
from tests.unit.samples import NOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


@pytest.fixture(scope="session")
def dynamodb_client() -> DynamoDBClient:
    """One client for all tests: making one takes longer than most tests do."""
    session = boto3.Session("testing", "testing", region_name=REGION)
    session.events.register("before-parameter-build.dynamodb", refuse_bad_keys)
    return session.client("dynamodb")


@pytest.fixture
def dynamodb(aws: None, dynamodb_client: DynamoDBClient) -> DynamoDBClient:
    """DynamoDB with the three tables, empty."""
    create_tables(dynamodb_client)
    return dynamodb_client


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def status(dynamodb: DynamoDBClient, clock: Clock) -> DynamoStatusStore:
    return DynamoStatusStore(dynamodb, STATUS, clock)


@pytest.fixture
def control(dynamodb: DynamoDBClient, clock: Clock) -> DynamoControlStore:
    return DynamoControlStore(dynamodb, CONTROL, clock)


@pytest.fixture
def registry(dynamodb: DynamoDBClient) -> DynamoRegistry:
    return DynamoRegistry(dynamodb, REGISTRY)
