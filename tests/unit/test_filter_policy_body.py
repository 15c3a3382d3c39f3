"""Filter policies of the scope MessageBody: nesting, arrays of objects, dotted names."""

import json
from typing import Any

import pytest

from orchestrator_runtime.filter_policy import matches


def hits(policy: dict[str, Any], body: object) -> bool:
    return matches(policy, {"a": "an attribute is not read"}, body=body, scope="MessageBody")


NESTED_OR = {
    "$or": [{"metric": ["cpu", "latency"]}, {"namespace": ["ec2", "es"]}],
    "detail": {"scope": ["service"], "$or": [{"source": ["cloudwatch"]}, {"type": ["alarm"]}]},
}
RECORDS = {"Records": {"s3": {"object": {"key": [{"prefix": "auto-"}]}}, "eventName": [{"prefix": "Created:"}]}}


def record(key: str, event: str) -> dict[str, Any]:
    return {"eventName": event, "s3": {"object": {"key": key, "size": 17}}}


@pytest.mark.parametrize(
    ("policy", "body", "expected"),
    [
        ({}, {}, True),
        ({}, "no JSON", True),
        # leaves of every type
        ({"a": ["x"]}, {"a": "x"}, True),
        ({"a": ["x"]}, {"a": "y"}, False),
        ({"a": ["x"]}, {"b": "x"}, False),
        ({"a": [5]}, {"a": 5.0}, True),
        ({"a": [5]}, {"a": "5"}, False),
        ({"a": [True]}, {"a": True}, True),
        ({"a": [True]}, {"a": "true"}, False),
        ({"a": [False]}, {"a": 0}, False),
        ({"a": [None]}, {"a": None}, True),
        ({"a": [None]}, {"b": "x"}, False),
        ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": None}, True),
        # nesting
        ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
        ({"a": {"b": ["x"]}}, {"a": {"c": "x"}}, False),
        ({"a": {"b": ["x"]}}, {"b": "x"}, False),
        ({"a": {"b": ["x"]}}, {"a": "x"}, False),
        ({"a": ["x"]}, {"a": {"b": "x"}}, False),
        ({"a": {"b": ["x"], "c": ["y"]}}, {"a": {"b": "x", "c": "y"}}, True),
        ({"a": {"b": ["x"], "c": ["y"]}}, {"a": {"b": "x", "c": "z"}}, False),
        ({"a": {"b": {"c": ["x"]}}, "d": ["y"]}, {"a": {"b": {"c": "x"}}, "d": "y"}, True),
        # arrays of values
        ({"a": {"b": ["x"]}}, {"a": {"b": ["y", "x"]}}, True),
        ({"a": {"b": ["x"]}}, {"a": {"b": ["y"]}}, False),
        ({"a": ["x"]}, {"a": [["y"], ["x"]]}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": ["x", "y"]}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": ["x"]}, False),
        # arrays of objects: one element has to meet everything that leads through the array
        ({"a": {"b": ["x"]}}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
        ({"a": {"b": ["x"]}}, {"a": [[{"b": "y"}], [{"b": "x"}]]}, True),
        ({"a": {"b": ["x"], "c": ["y"]}}, {"a": [{"b": "x", "c": "y"}, {"b": "z"}]}, True),
        ({"a": {"b": ["x"], "c": ["y"]}}, {"a": [{"b": "x"}, {"c": "y"}]}, False),
        ({"a": {"b": ["x"]}, "d": {"c": ["y"]}}, {"a": [{"b": "x"}], "d": [{"c": "z"}, {"c": "y"}]}, True),
        ({"a": {"b": ["x"]}}, {"a": ["x", {"b": "x"}]}, True),
        ({"a": {"b": ["x"]}}, {"a": []}, False),
        # exists: leaves only, anywhere in the message
        ({"a": [{"exists": True}]}, {"a": "x"}, True),
        ({"a": [{"exists": True}]}, {"a": {"b": "x"}}, False),
        ({"a": [{"exists": True}]}, {"a": None}, False),
        ({"a": [{"exists": True}]}, {"a": ""}, False),
        ({"a": [{"exists": True}]}, {"a": []}, False),
        ({"a": [{"exists": False}]}, {"b": "x"}, True),
        ({"a": [{"exists": False}]}, {"a": "x"}, False),
        ({"a": [{"exists": False}]}, {"a": None}, False),
        ({"a": [{"exists": False}]}, {"a": {"b": "x"}}, True),
        ({"a": {"b": [{"exists": False}]}}, {"a": {"c": "x"}}, True),
        ({"a": {"b": [{"exists": False}]}}, {"c": "x"}, True),
        ({"a": {"b": [{"exists": False}]}}, {"a": [{"c": "x"}, {"b": "x"}]}, False),
        ({"a": {"b": [{"exists": False}], "c": ["x"]}}, {"a": [{"c": "x"}]}, True),
        ({"a": [{"exists": False}, "x"]}, {"a": "x"}, True),
        ({"a": [{"exists": False}]}, {}, False),
        ({"a": [{"exists": False}]}, {"b": [{}, []]}, False),
        # dots and nesting are one thing
        ({"a.b": ["x"]}, {"a": {"b": "x"}}, True),
        ({"a.b": ["x"]}, {"a.b": "x"}, True),
        ({"a": {"b": ["x"]}}, {"a.b": "x"}, True),
        ({"a.b.c": ["x"]}, {"a.b": {"c": "x"}}, True),
        ({"a.b.c": ["x"]}, {"a": {"b.c": "x"}}, True),
        ({"a": {"b": ["x"], "c": ["y"]}}, {"a": {"b": "x"}, "a.c": "y"}, True),
        ({"a.b": ["x"]}, {"a.b": "y", "a": {"b": "x"}}, True),
        ({"a.b": [{"exists": False}]}, {"a": {"b": "x"}}, False),
        ({"a.b.c.d": ["x"]}, {"a.b": {"c.d": "x"}}, True),
        ({".a.b": ["x"]}, {".a": {"b": "x"}}, True),
        ({".a.b": ["x"]}, {"": {"a.b": "x"}}, True),
        ({"a..b": ["x"]}, {"a.": {"b": "x"}}, True),
        ({"a..b": ["x"]}, {"a": {".b": "x"}}, True),
        # $or, at the top and further down
        (NESTED_OR, {"metric": "cpu", "detail": {"scope": "service", "source": "cloudwatch"}}, True),
        (NESTED_OR, {"namespace": "es", "detail": {"scope": "service", "type": "alarm"}}, True),
        (NESTED_OR, {"metric": "cpu", "detail": {"scope": "service", "type": "cpu"}}, False),
        (NESTED_OR, {"metric": "cpu", "detail": {"type": "alarm"}}, False),
        (NESTED_OR, {"metric": "ec2", "detail": {"scope": "service", "type": "alarm"}}, False),
        # the well-known S3 example
        (RECORDS, {"Records": [record("auto-1", "Created:Put")]}, True),
        (RECORDS, {"Records": [record("auto-1", "Removed:Delete")]}, False),
        (RECORDS, {"Records": [record("home-1", "Created:Put")]}, False),
        (RECORDS, {"Records": [record("home-1", "Removed:Delete"), record("auto-1", "Created:Put")]}, True),
        (RECORDS, {"Records": [record("auto-1", "Removed:Delete"), record("home-1", "Created:Put")]}, False),
        # not an object
        ({"a": ["x"]}, None, False),
        ({"a": ["x"]}, [{"a": "x"}], False),
        ({"a": ["x"]}, 5, False),
    ],
)
def test_policies_on_bodies(policy: dict[str, Any], body: object, expected: bool) -> None:
    assert hits(policy, body) is expected
    if not isinstance(body, str):
        assert hits(policy, json.dumps(body)) is expected, "the same body as text"


@pytest.mark.parametrize("body", ["plain text", '"a JSON string"', "[1]", "", '{"a": "x"'])
def test_text_that_is_no_json_object_matches_nothing(body: str) -> None:
    assert not hits({"a": [{"exists": False}]}, body)


def test_time_stays_linear_in_the_body() -> None:
    # Searching all combinations of elements of the two arrays would not come back.
    elements = [{"k": "x", "l": "y"}] * 2000
    body = {"a": [*elements], "b": [*elements], "c": [*elements], "d": [*elements]}
    assert not hits({**{name: {"k": ["x"]} for name in "abcd"}, "e": ["never"]}, body)
    assert not hits({"a": {"k": ["x"], "l": ["z"]}, "b": {"k": ["x"], "l": ["z"]}}, body)
