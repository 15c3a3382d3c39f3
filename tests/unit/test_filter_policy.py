"""Filter policies of the scope MessageAttributes: the documented cases, then every operator by table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_runtime.filter_policy import FilterPolicyError, matches

CASES = json.loads((Path(__file__).parents[1] / "data" / "sns_filter_cases.json").read_text())["cases"]

DECODE: dict[str, Callable[[str], Any]] = {"String": str, "Number": float, "String.Array": json.loads}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_cases_drawn_from_the_documentation(case: dict[str, Any]) -> None:
    attributes = {name: DECODE[value["Type"]](value["Value"]) for name, value in case["attributes"].items()}
    assert matches(case["policy"], attributes) is case["matches"]


def test_all_cases_are_there() -> None:
    assert len(CASES) == 28


def one(rule: object, value: object) -> bool:
    """Whether one value meets one rule."""
    return matches({"a": [rule]}, {"a": value, "other": "there"})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        # strings
        ("x", "x", True),
        ("x", "X", False),
        ("x", ["y", "x"], True),
        ("x", ["y"], False),
        ("x", [], False),
        ("", "x", False),
        # numbers, and what only looks like one
        (5, 5, True),
        (5, 5.0, True),
        (5.0, 5, True),
        (5, "5", False),
        ("5", 5, False),
        (5, ["5"], False),
        (5, [4, 5], True),
        (0, -0.0, True),
        (301.5, 3.015e2, True),
        (0.3, 0.1 + 0.2, True),
        (301.5, 301.500001, True),
        (301.5, 301.50001, False),
        (-1_000_000_000, -1e9, True),
        (5, float("nan"), False),
        (5, float("inf"), False),
        (5, 10**400, False),
        # true, false and null are elements of an array, or nothing
        (True, [True], True),
        (True, [False], False),
        (False, [False], True),
        (False, [0], False),
        (True, ["true"], False),
        (True, "true", False),
        (True, 1, False),
        (True, True, False),
        (1, True, False),
        (1, [True], False),
        ("true", True, True),
        (None, [None], True),
        (None, ["x", None], True),
        (None, [False], False),
        (None, ["null"], False),
        (None, "null", False),
        # prefix and suffix
        ({"prefix": "ba"}, "bar", True),
        ({"prefix": "ba"}, "abar", False),
        ({"prefix": "Ba"}, "bar", False),
        ({"prefix": ""}, "anything", True),
        ({"prefix": "1"}, 12, False),
        ({"prefix": "ba"}, ["x", "bar"], True),
        ({"suffix": "ar"}, "bar", True),
        ({"suffix": "ar"}, "bars", False),
        ({"suffix": "2"}, 12, False),
        ({"suffix": "ar"}, ["x", "bar"], True),
        # case
        ({"equals-ignore-case": "TenniS"}, "tENNIs", True),
        ({"equals-ignore-case": "tennis"}, "tennis ", False),
        ({"equals-ignore-case": "ÄRGER"}, "ärger", True),
        ({"equals-ignore-case": "tennis"}, ["x", "TENNIS"], True),
        ({"equals-ignore-case": "1"}, 1, False),
        # address blocks
        ({"cidr": "10.0.0.0/24"}, "10.0.0.0", True),
        ({"cidr": "10.0.0.0/24"}, "10.0.1.0", False),
        ({"cidr": "10.0.0.7/24"}, "10.0.0.9", True),
        ({"cidr": "0.0.0.0/0"}, "255.255.255.255", True),
        ({"cidr": "10.0.0.1/32"}, "10.0.0.1", True),
        ({"cidr": "10.0.0.0/24"}, "no address", False),
        ({"cidr": "10.0.0.0/24"}, "10.0.0.0/24", False),
        ({"cidr": "10.0.0.0/24"}, 167772160, False),
        ({"cidr": "10.0.0.0/24"}, ["x", "10.0.0.8"], True),
        ({"cidr": "2001:db8::/32"}, "2001:db8:ffff::1", True),
        ({"cidr": "2001:db8::/32"}, "2001:db9::1", False),
        ({"cidr": "2001:db8::/32"}, "10.0.0.1", False),
        ({"cidr": "0.0.0.0/0"}, "::1", False),
        # numeric
        ({"numeric": ["=", 301.5]}, 301.5, True),
        ({"numeric": ["=", 301.5]}, 301.6, False),
        ({"numeric": ["=", 5]}, "5", False),
        ({"numeric": ["<", 0]}, -0.00001, True),
        ({"numeric": ["<", 0]}, 0, False),
        ({"numeric": ["<", 0]}, -0.000001, False),
        ({"numeric": ["<=", 0]}, 0, True),
        ({"numeric": ["<=", 0]}, 0.00001, False),
        ({"numeric": [">", 100]}, 100, False),
        ({"numeric": [">", 100]}, 100.00001, True),
        ({"numeric": [">=", 100]}, 100, True),
        ({"numeric": [">=", 100]}, 99.99999, False),
        ({"numeric": [">=", 100]}, 2e9, False),
        ({"numeric": [">=", 100]}, 2_000_000_000, False),
        ({"numeric": [">=", 100]}, 1_000_000_000, True),
        ({"numeric": [">=", 100]}, True, False),
        ({"numeric": [">=", 0]}, [True], False),
        ({"numeric": [">=", 100]}, [1, "x", 100], True),
        ({"numeric": [">", 0, "<=", 150]}, 0, False),
        ({"numeric": [">", 0, "<=", 150]}, 150, True),
        ({"numeric": [">", 0, "<=", 150]}, 150.1, False),
        ({"numeric": [">", 0, "<=", 150]}, [-1, 151], False),
        ({"numeric": [">=", 0, "<", 150]}, 0, True),
        ({"numeric": [">=", 0, "<", 150]}, 150, False),
        # anything-but
        ({"anything-but": "x"}, "y", True),
        ({"anything-but": "x"}, "x", False),
        ({"anything-but": ["x", "y"]}, "z", True),
        ({"anything-but": ["x", "y"]}, "y", False),
        ({"anything-but": ["x"]}, ["x", "y"], True),
        ({"anything-but": ["x"]}, ["x", "x"], False),
        ({"anything-but": ["x"]}, [], False),
        ({"anything-but": ["x"]}, 5, True),
        ({"anything-but": ["5"]}, 5, True),
        ({"anything-but": 5}, 5, False),
        ({"anything-but": 5}, "5", True),
        ({"anything-but": [100, 500]}, 100.1, True),
        ({"anything-but": [100, 500]}, 500.0, False),
        ({"anything-but": [100, 500]}, [100, 50], True),
        ({"anything-but": [100, 500]}, [100, 500], False),
        ({"anything-but": {"prefix": "order-"}}, "data", True),
        ({"anything-but": {"prefix": "order-"}}, "order-1", False),
        ({"anything-but": {"prefix": "order-"}}, ["order-1", "data"], True),
        ({"anything-but": {"prefix": "order-"}}, ["order-1", "order-2"], False),
        # existing means a value that is neither null nor empty
        ({"exists": True}, "x", True),
        ({"exists": True}, 0, True),
        ({"exists": True}, [False], True),
        ({"exists": True}, "", False),
        ({"exists": True}, [None], False),
        ({"exists": True}, [None, "x"], True),
        ({"exists": True}, [], False),
        ({"exists": False}, "x", False),
        ({"exists": False}, [None], False),
        ({"exists": False}, "", False),
        ({"exists": False}, [], True),
        # what has no place in a String.Array is not seen
        ("x", [["x"], {"a": "x"}], False),
        ({"exists": True}, [{}], False),
    ],
)
def test_one_rule_and_one_value(rule: object, value: object, expected: bool) -> None:
    assert one(rule, value) is expected


@pytest.mark.parametrize(
    ("policy", "attributes", "expected"),
    [
        # an empty policy filters nothing
        ({}, {}, True),
        ({}, {"a": "x"}, True),
        # all keys, any value
        ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "y"}, True),
        ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, False),
        ({"a": ["x"], "b": ["y"]}, {"a": "x"}, False),
        ({"a": ["x", {"prefix": "y"}]}, {"a": "yes"}, True),
        ({"a": ["x", {"exists": False}]}, {"b": "z"}, True),
        ({"a": [{"exists": False}, "x"]}, {"a": "x"}, True),
        ({"a": [{"exists": False}, "x"]}, {"a": "y"}, False),
        ({"a": [{"anything-but": ["x"]}, {"exists": False}]}, {"b": "z"}, True),
        # a missing attribute meets nothing but "exists": false, null included
        ({"a": [None]}, {"b": "z"}, False),
        ({"a": [{"anything-but": "x"}]}, {"b": "z"}, False),
        ({"a": [{"anything-but": {"prefix": "x"}}]}, {"b": "z"}, False),
        ({"a": [{"exists": True}]}, {"b": "z"}, False),
        # "exists": false needs an attribute, and one without elements is none
        ({"a": [{"exists": False}]}, {}, False),
        ({"a": [{"exists": False}]}, {"b": []}, False),
        ({"a": [{"exists": False}], "b": [{"exists": False}]}, {"c": 1}, True),
        # dots in names are just dots
        ({"a.b": ["x"]}, {"a.b": "x"}, True),
        ({"a.b": ["x"]}, {"a": [{"b": "x"}], "c": "x"}, False),
        # $or
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"a": "x"}, True),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"a": "y", "b": "x"}, False),
        ({"$or": [{"a": ["x"], "c": ["z"]}, {"b": ["y"]}]}, {"a": "x"}, False),
        ({"$or": [{"a": ["x"], "c": ["z"]}, {"b": ["y"]}]}, {"a": "x", "c": "z"}, True),
        ({"a": ["x"], "$or": [{"b": ["y"]}, {"c": ["z"]}]}, {"a": "x", "c": "z"}, True),
        ({"a": ["x"], "$or": [{"b": ["y"]}, {"c": ["z"]}]}, {"b": "y", "c": "z"}, False),
        ({"a": ["x"], "$or": [{"a": ["y"]}, {"c": ["z"]}]}, {"a": ["x", "y"]}, True),
        ({"$or": [{"a": ["x"]}, {"$or": [{"b": ["y"]}, {"c": ["z"]}]}]}, {"c": "z"}, True),
        ({"$or": [{"a": ["x"]}, {"$or": [{"b": ["y"]}, {"c": ["z"]}], "a": ["w"]}]}, {"c": "z"}, False),
        ({"$or": [{"a": [{"exists": False}]}, {"b": ["y"]}]}, {"c": "z"}, True),
        # $or as an ordinary key: it has values and not two objects
        ({"$or": ["x", "y"]}, {"$or": "y"}, True),
        ({"$or": [{"prefix": "x"}]}, {"$or": "xx"}, True),
        ({"$or": [{"prefix": "x"}, {"suffix": "y"}]}, {"$or": "by"}, True),
        ({"$or": [{"prefix": "x"}, "y"]}, {"$or": "y"}, True),
        ({"$or": [{"prefix": "x"}, {"suffix": "y"}]}, {"a": "xy"}, False),
    ],
)
def test_policies_of_several_keys(policy: dict[str, Any], attributes: dict[str, Any], expected: bool) -> None:
    assert matches(policy, attributes) is expected


def test_the_body_is_not_read() -> None:
    assert not matches({"a": ["x"]}, {"b": "y"}, body={"a": "x"})


def test_a_policy_that_sns_refuses_is_no_policy() -> None:
    with pytest.raises(FilterPolicyError, match="operator 'wildcard' is EventBridge's") as refused:
        matches({"a": [{"wildcard": "x*"}], "b": []}, {"a": "x"})
    assert len(refused.value.problems) == 2
    assert str(refused.value) == "; ".join(refused.value.problems)


def test_a_scope_that_sns_does_not_know_is_refused() -> None:
    with pytest.raises(FilterPolicyError, match="'MessageAttributes' or 'MessageBody'"):
        matches({}, {}, scope="Body")
