"""The stores in memory and on moto's DynamoDB: what a test asserts of one of them holds for all.

Stores are also tested with the first answer to every write lost, and the write repeated: in memory by a second call,
on DynamoDB by the SDK itself. That changes no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.rules.calls import Calls
from tests.rules.memory_control import MemoryControlStore
from tests.rules.memory_status import MemoryStatusStore
from tests.unit.moto_tables import Clock, lost_answers

MEMORY, MEMORY_REPEATED, DYNAMODB, DYNAMODB_REPEATED = "memory", "memory-repeated", "dynamodb", "dynamodb-repeated"


class CalledTwice:
    """A store whose every method is called twice; the second answer is returned."""

    def __init__(self, store: object) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        def twice(*given: Any, **named: Any) -> Any:
            method(*given, **named)
            return method(*given, **named)

        return twice


@pytest.fixture(params=[MEMORY, MEMORY_REPEATED, DYNAMODB])
def any_status(request: pytest.FixtureRequest, clock: Clock) -> Any:
    """Each status store; ``test_lost_answers`` repeats what is written to DynamoDB."""
    if request.param == DYNAMODB:
        return request.getfixturevalue("status")
    memory = MemoryStatusStore(Calls(), clock)
    return memory if request.param == MEMORY else CalledTwice(memory)


@pytest.fixture(params=[MEMORY, MEMORY_REPEATED, DYNAMODB, DYNAMODB_REPEATED])
def any_control(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Any]:
    """Each control store."""
    if request.param == DYNAMODB:
        yield request.getfixturevalue("control")
    elif request.param == DYNAMODB_REPEATED:
        with lost_answers(request.getfixturevalue("dynamodb"), "PutItem", "UpdateItem"):
            yield request.getfixturevalue("control")
    else:
        memory = MemoryControlStore(Calls(), clock)
        yield memory if request.param == MEMORY else CalledTwice(memory)
