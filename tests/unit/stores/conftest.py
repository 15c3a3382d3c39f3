"""The stores in memory and on moto's DynamoDB: what a test asserts of one of them holds for all.

Each store is also tested with every write sent twice and the first answer lost. That changes no answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.rules.calls import Calls
from tests.rules.memory_control import MemoryControlStore
from tests.rules.memory_status import MemoryStatusStore
from tests.unit.moto_tables import CONTROL, STATUS, Clock, Repeated, repeating_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MEMORY, DYNAMODB = "memory", "dynamodb"
STORES = [MEMORY, f"{MEMORY}-repeated", DYNAMODB, f"{DYNAMODB}-repeated"]


@pytest.fixture(params=STORES)
def any_status(request: pytest.FixtureRequest, clock: Clock) -> Any:
    if request.param.startswith(MEMORY):
        memory = MemoryStatusStore(Calls(), clock)
        return memory if request.param == MEMORY else Repeated(memory)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    return DynamoStatusStore(client if request.param == DYNAMODB else repeating_client(client), STATUS, clock)


@pytest.fixture(params=STORES)
def any_control(request: pytest.FixtureRequest, clock: Clock) -> Any:
    if request.param.startswith(MEMORY):
        memory = MemoryControlStore(Calls(), clock)
        return memory if request.param == MEMORY else Repeated(memory)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    return DynamoControlStore(client if request.param == DYNAMODB else repeating_client(client), CONTROL, clock)
