"""That what must hold is looked at: each promise is broken once, and it is seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from orchestrator_runtime.handlers.environment import logger
from tests.hostile.feeding import MOST_CHARACTERS, feed_all
from tests.hostile.mutations import hostile_text, spoiled
from tests.hostile.values import MARKER, SECRET, Raw, Twice, encode


class Breaking:
    """A target that does what it is told to do."""

    name = "breaking"
    permanent = (ValueError,)

    def __init__(self, does: Callable[[list[str]], bool]) -> None:
        self._does = does
        self._table: list[str] = []

    def make(self, random: Random) -> Any:
        return {}

    def feed(self, event: Any) -> bool:
        return self._does(self._table)

    def tables(self) -> object:
        return list(self._table)


def fails() -> bool:
    raise KeyError("uid")


def refuses(told: str) -> bool:
    raise ValueError(told)


def logs(said: str) -> bool:
    logger.info("said", extra={"detail": said})
    return True


@pytest.mark.parametrize(
    ("does", "told"),
    [
        (lambda _table: fails(), "KeyError: 'uid'"),
        (lambda table: table.append("row") or False, "something was written though the document was refused"),
        (lambda _table: refuses(MARKER), "logged what must not be"),
        (lambda _table: logs(SECRET), "logged what must not be"),
        (lambda _table: print(MARKER) or True, "logged what must not be"),
        (lambda _table: print("a\u202eb") or True, "a log line has '\\u202e', which people do not see"),
        (lambda _table: refuses("a\nb"), "an error has '\\n', which people do not see"),
        (lambda _table: logs("x" * MOST_CHARACTERS), "a log line of 16,"),
    ],
    ids=[
        "crash",
        "write",
        "secret in an error",
        "secret in a line",
        "secret on standard output",
        "unseen",
        "lines",
        "long line",
    ],
)
def test_a_broken_promise_is_seen(does: Callable[[list[str]], bool], told: str) -> None:
    [broken] = feed_all(Breaking(does), inputs=1, seed=1).broken
    assert told in broken


def test_what_is_refused_and_what_is_taken_is_counted() -> None:
    answers = iter([True, False, True])
    result = feed_all(Breaking(lambda _table: next(answers)), inputs=3, seed=1)
    assert (result.fed, result.accepted, result.refused, result.broken) == (3, 2, 1, [])


def test_the_same_seed_makes_the_same_documents() -> None:
    texts = [[hostile_text(Random(seed), {"a": [1, {"b": SECRET}]}) for seed in range(200)] for _ in range(2)]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 100


def test_a_document_is_not_changed_by_spoiling_it() -> None:
    document = {"a": [1, {"b": "c"}]}
    assert any(encode(spoiled(Random(seed), document)) != encode(document) for seed in range(9))
    assert document == {"a": [1, {"b": "c"}]}


def test_text_that_python_cannot_hold_is_encoded() -> None:
    text = encode({"a": Raw("1e999"), "b": Twice((("c", 1), ("c", [SECRET])))})
    assert text == f'{{"a":1e999,"b":{{"c":1,"c":["{MARKER}\\u0007"]}}}}'
    assert json.loads(text)["b"] == {"c": [SECRET]}
