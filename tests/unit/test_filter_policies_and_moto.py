"""A second opinion on filter policies: moto's matcher.

The two agree on the part of the language that is generated here. Everything that is left out of it stands in the table
of differences, by a case that fails when moto has learnt it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.sns.utils import FilterPolicyMatcher

from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES, MESSAGE_BODY, matches, problems
from tests.unit.filter_strategies import numbers, operator, ranges, texts

TYPES = {str: "String", int: "Number", float: "Number", list: "String.Array"}


def ours(policy: dict[str, Any], message: Any, scope: str) -> bool:
    if scope == MESSAGE_BODY:
        return matches(policy, {}, body=message, scope=scope)
    return matches(policy, message)


def moto_matches(policy: dict[str, Any], message: Any, scope: str) -> bool:
    matcher = FilterPolicyMatcher(policy, scope)
    if scope == MESSAGE_BODY:
        return bool(matcher.matches({}, json.dumps(message)))
    sent = {
        name: {"Type": TYPES[type(value)], "Value": json.dumps(value) if isinstance(value, list) else str(value)}
        for name, value in message.items()
    }
    return bool(matcher.matches(sent, ""))


# Where they agree: each key has the rules that moto follows for what the messages hold there.

text_rules = (
    texts
    | operator("prefix", texts)
    | operator("suffix", texts)
    | operator("anything-but", texts | st.lists(texts, min_size=1) | operator("prefix", texts))
)
number_rules = numbers | operator("numeric", ranges) | operator("anything-but", st.lists(numbers, min_size=1))
exists = operator("exists", st.booleans())


def some(rules: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(rules, min_size=1, max_size=3)


of_attributes = st.fixed_dictionaries(
    {},
    optional={
        "text": some(text_rules | operator("numeric", ranges)),
        "number": some(number_rules | operator("prefix", texts) | operator("suffix", texts)),
        "texts": some(texts),
        "numbers": some(numbers),
        "other": st.tuples(exists).map(list),
        "missing": some(text_rules | number_rules),
    },
).filter(bool)
agreed = (
    of_attributes
    | st.builds(lambda one, two: {"$or": [one, two]}, of_attributes, of_attributes)
    | st.builds(lambda one, two, three: {**one, "$or": [two, three]}, of_attributes, of_attributes, of_attributes)
)
sent = st.fixed_dictionaries(
    {
        "text": texts,
        "number": numbers,
        "texts": st.lists(texts, min_size=1),
        "numbers": st.lists(numbers, min_size=1),
    },
    optional={"other": texts | numbers},
)
of_bodies = {
    "text": some(text_rules),
    "number": some(number_rules),
    "texts": some(texts),
    "numbers": some(numbers),
    "other": st.tuples(exists).map(list),
    "missing": some(text_rules | number_rules),
}
agreed_of_bodies = st.fixed_dictionaries(
    {}, optional={**of_bodies, "below": st.fixed_dictionaries({}, optional=of_bodies).filter(bool)}
).filter(bool)
bodies = st.builds(lambda body, below: {**body, "below": below}, sent, sent)


@given(agreed, sent)
def test_they_agree_on_attributes(policy: dict[str, Any], message: dict[str, Any]) -> None:
    if not problems(policy):
        assert ours(policy, message, MESSAGE_ATTRIBUTES) is moto_matches(policy, message, MESSAGE_ATTRIBUTES)


@given(agreed_of_bodies, bodies)
def test_they_agree_on_bodies(policy: dict[str, Any], message: dict[str, Any]) -> None:
    if not problems(policy, MESSAGE_BODY):
        assert ours(policy, message, MESSAGE_BODY) is moto_matches(policy, message, MESSAGE_BODY)


# Where they differ

IN_ATTRIBUTES: dict[str, tuple[dict[str, Any], Any, bool]] = {
    "exists false needs an attribute": ({"a": [{"exists": False}]}, {}, False),
    "a missing key ends its look at the values": ({"a": ["x", {"exists": False}]}, {"b": "y"}, True),
    "a number among the values ends its look at a text": ({"a": [5, "x"]}, {"a": "x"}, True),
    "an array without elements exists for it": ({"a": [{"exists": True}]}, {"a": []}, False),
    "it lowers one side only": ({"a": [{"equals-ignore-case": "X"}]}, {"a": "x"}, True),
    "anything but: any element, not all": ({"a": [{"anything-but": ["x"]}]}, {"a": ["x", "y"]}, True),
    "anything but: it reads an array letter by letter": ({"a": [{"anything-but": ["xy"]}]}, {"a": ["xy"]}, False),
    "anything but a prefix: likewise": ({"a": [{"anything-but": {"prefix": "xy"}}]}, {"a": ["xyz"]}, False),
    "anything but one number, outside an array": ({"a": [{"anything-but": 5}]}, {"a": 4}, True),
    "prefix in an array": ({"a": [{"prefix": "x"}]}, {"a": ["xy"]}, True),
    "suffix in an array": ({"a": [{"suffix": "y"}]}, {"a": ["xy"]}, True),
    "numeric in an array": ({"a": [{"numeric": [">", 1]}]}, {"a": [2]}, True),
    "a number in an array of more than numbers": ({"a": [1]}, {"a": ["x", 1]}, True),
    "no cidr": ({"a": [{"cidr": "10.0.0.0/8"}]}, {"a": "10.1.1.1"}, True),
    "no null": ({"a": [None]}, {"a": [None]}, True),
    "true is the number 1": ({"a": [True]}, {"a": 1}, False),
    "it compares more decimals than SNS": ({"a": [1]}, {"a": 1.000004}, True),
    "it reads JSON in a String": ({"a": ["x"]}, {"a": '"xy"'}, False),
    "every $or is an OR": ({"$or": [{"prefix": "x"}, {"suffix": "y"}]}, {"$or": "z", "prefix": "x"}, False),
}
IN_BODIES: dict[str, tuple[dict[str, Any], Any, bool]] = {
    "exists false needs a value": ({"a": [{"exists": False}]}, {}, False),
    "a missing key ends its look at the values": ({"a": ["x", {"exists": False}]}, {"b": "y"}, True),
    "what is below a missing object is not missing": ({"a": {"b": [{"exists": False}]}}, {"c": "x"}, True),
    "a dot in a key is a letter": ({"a.b": ["x"]}, {"a": {"b": "x"}}, True),
    "no OR": ({"$or": [{"a": ["x"]}, {"b": ["x"]}]}, {"a": "x"}, True),
    "an array for a body is a choice of bodies": ({"a": ["x"]}, [{"a": "x"}], False),
    "each key has its own element of an array": (
        {"a": {"b": ["x"], "c": ["y"]}},
        {"a": [{"b": "x", "c": "z"}, {"b": "z", "c": "y"}]},
        False,
    ),
    "arrays in arrays": ({"a": ["x"]}, {"a": [["x"]]}, True),
    "an object exists": ({"a": [{"exists": True}]}, {"a": {"b": "x"}}, False),
    "an array without elements exists": ({"a": [{"exists": True}]}, {"a": []}, False),
    "null exists": ({"a": [{"exists": True}]}, {"a": None}, False),
    "no null": ({"a": [None]}, {"a": None}, True),
    "no true": ({"a": [True]}, {"a": 1}, False),
    "it lowers one side only": ({"a": [{"equals-ignore-case": "X"}]}, {"a": "x"}, True),
    "a number has no prefix for it to miss": ({"a": [{"prefix": "x"}]}, {"a": 5}, False),
    "a number has no suffix for it to miss": ({"a": [{"suffix": "x"}]}, {"a": 5}, False),
    "a text is on neither side of a number": ({"a": [{"numeric": [">", 1]}]}, {"a": "x"}, False),
    "a number among the values ends its look at a text": ({"a": [5, "x"]}, {"a": "x"}, True),
    "a number in an array of more than numbers": ({"a": [1]}, {"a": ["x", 1]}, True),
    "prefix in an array": ({"a": [{"prefix": "x"}]}, {"a": ["xy"]}, True),
    "suffix in an array": ({"a": [{"suffix": "y"}]}, {"a": ["xy"]}, True),
    "numeric in an array": ({"a": [{"numeric": [">", 1]}]}, {"a": [2]}, True),
    "anything but: any element, not all": ({"a": [{"anything-but": ["x"]}]}, {"a": ["x", "y"]}, True),
    "anything but a prefix is a text": ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": 5}, True),
    "anything but one number, outside an array": ({"a": [{"anything-but": 5}]}, {"a": 4}, True),
    "anything but: null is left out": ({"a": [{"anything-but": ["x"]}]}, {"a": None}, True),
    "no cidr": ({"a": [{"cidr": "10.0.0.0/8"}]}, {"a": "10.1.1.1"}, True),
    "it compares more decimals than SNS": ({"a": [1]}, {"a": 1.000004}, True),
    "it reads JSON in a text": ({"a": ["x"]}, {"a": '"xy"'}, False),
}
DIFFERENCES = [
    pytest.param(scope, *case, id=f"{scope}: {name}")
    for scope, cases in ((MESSAGE_ATTRIBUTES, IN_ATTRIBUTES), (MESSAGE_BODY, IN_BODIES))
    for name, case in cases.items()
]


@pytest.mark.parametrize(("scope", "policy", "message", "expected"), DIFFERENCES)
def test_the_known_differences(scope: str, policy: dict[str, Any], message: Any, expected: bool) -> None:
    assert ours(policy, message, scope) is expected
    # If this fails, moto has learnt it: move the case to the part that agrees.
    try:
        moto = moto_matches(policy, message, scope)
    except (AttributeError, TypeError, ValueError, KeyError):
        moto = not expected
    assert moto is not expected
