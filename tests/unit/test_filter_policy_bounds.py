"""The evaluation of a filter policy is bounded, whatever its author and the message do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from orchestrator_runtime.filter_policy import MAX_CHECKS, TooCostlyError, matches, problems

BODY = "MessageBody"
EVALUATION = "orchestrator_runtime.filter_policy.evaluate"
MOST_CHECKS = 5_000
MOST_CALLS = 20 * MOST_CHECKS
"""Calls of functions in one evaluation. Without a bound, most of these cases make millions, and some never end."""

MANY_OBJECTS = [{"k0": number, "k1": "x"} for number in range(20_000)]
TWO_WAYS = {"a.b": "x"} | {"a": {"b": "y"}}

COSTLY: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "many values on a long list": ({"a": list(range(500))}, {"a": [-1] * 20_000}),
    "many ranges on a long list": ({"a": [{"numeric": ["<", -n]} for n in range(100)]}, {"a": [1] * 20_000}),
    "many fractions on a long list": (
        {"a": [{"numeric": ["<", -n - 0.5]} for n in range(100)]},
        {"a": [1.5] * 20_000},
    ),
    "many exclusions on a long list": ({"a": [{"anything-but": list(range(500))}]}, {"a": [1] * 20_000}),
    "many networks on a long list": (
        {"a": [{"cidr": f"2001:db8:{n}::/48"} for n in range(100)]},
        {"a": ["2001:dba::1"] * 20_000},
    ),
    "options on a long text": (
        {f"k{n}": {"$or": [{"x": [{"equals-ignore-case": "y"}]}] * 8} for n in range(3)},
        {f"k{n}": {"x": "X" * 50_000} for n in range(3)},
    ),
    "many keys on a list of objects": (
        {"a": {f"k{number}": ["x", {"exists": False}] for number in range(100)}},
        {"a": MANY_OBJECTS},
    ),
    "absence on a list of objects": (
        {"a": {f"n{number}": [{"exists": False}] for number in range(100)}, "b": ["x"]},
        {"a": MANY_OBJECTS},
    ),
    "options on a list of objects": (
        {"a": {"$or": [{f"k{number}": ["y"]} for number in range(100)]}},
        {"a": MANY_OBJECTS},
    ),
    "keys with dots that can be read in two ways": (
        {f"k{number}": {"a": {"b": ["z"]}} for number in range(60)},
        {f"k{number}": TWO_WAYS for number in range(60)},
    ),
    "keys with dots, all in one group": (
        {"m": {f"k{number}.a.b": ["z"] for number in range(60)}},
        {"m": {f"k{number}": TWO_WAYS for number in range(60)}},
    ),
}


@contextmanager
def few_calls() -> Iterator[None]:
    """Fail as soon as a block makes too many calls: that does not depend on how fast the machine is."""
    calls = 0

    def count(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_globals.get("__name__") == EVALUATION
        assert calls <= MOST_CALLS

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize(("policy", "body"), COSTLY.values(), ids=COSTLY)
def test_costly_evaluation_is_bounded(policy: dict[str, Any], body: dict[str, Any]) -> None:
    assert problems(policy, BODY, for_core=True) == []
    with few_calls():
        try:
            result: object = matches(policy, {}, body=body, scope=BODY, most_checks=MOST_CHECKS)
        except TooCostlyError as error:
            result = str(error)
    assert result is False or result == "its evaluation takes more than 5,000 comparisons"


@pytest.mark.parametrize(
    ("policy", "body", "checks"),
    [
        ({"a": ["x"]}, {"a": "y"}, 5),
        ({"a": ["x", "y"]}, {"a": "z"}, 6),
        ({"a": ["x"]}, {"a": ["p", "q"]}, 8),
        ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, 9),
        ({"a": [{"prefix": "x"}]}, {"a": "y"}, 5),
        ({"a": [{"anything-but": "x"}]}, {"a": "x"}, 5),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "x"}, 7),
        ({"a": [{"cidr": "10.0.0.0/8"}]}, {"a": "11.0.0.1"}, 24),
        ({"a": [{"equals-ignore-case": "x"}]}, {"a": "y" * 2_500}, 7),
        ({"a": [{"equals-ignore-case": "x"}]}, {"a": "y" * 999}, 5),
        ({"a": [{"equals-ignore-case": "x"}]}, {"a": 5}, 5),
        ({"a": [{"suffix": "x"}]}, {"a": "y" * 2_500}, 5),
        ({"a": [{"exists": False}], "b": ["x"]}, {"b": "y"}, 6),
    ],
)
def test_comparisons_of_an_evaluation(policy: dict[str, Any], body: dict[str, Any], checks: int) -> None:
    assert not matches(policy, {}, body=body, scope=BODY, most_checks=checks)
    with pytest.raises(TooCostlyError):
        matches(policy, {}, body=body, scope=BODY, most_checks=checks - 1)


def test_bound_holds_for_attributes() -> None:
    policy = {"a": list(range(500))}
    assert not matches(policy, {"a": [-1] * (MAX_CHECKS // 500)})
    with pytest.raises(TooCostlyError, match="its evaluation takes more than 100,000 comparisons"):
        matches(policy, {"a": [-1] * (MAX_CHECKS // 500 + 1)})


def test_bound_leaves_room_for_lists_that_a_run_can_have() -> None:
    policy = {"metadata": {"vehicles": {"class": ["car", "van", "truck"], "age": [{"numeric": [">", 20]}]}}}
    vehicles = [{"class": "truck", "age": 3} for _ in range(5_000)]
    assert not matches(policy, {}, body={"metadata": {"vehicles": vehicles}}, scope=BODY)
    vehicles.append({"class": "van", "age": 21})
    assert matches(policy, {}, body={"metadata": {"vehicles": vehicles}}, scope=BODY)
