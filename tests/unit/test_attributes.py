"""Metadata as SNS message attributes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.core.attributes import (
    attributes_bytes,
    filterable_attributes,
    keys_filtered_by_sns,
    message_attributes,
    sendable_attributes,
    to_sns,
)
from orchestrator_runtime.names import ATTRIBUTE_NAME


def chosen(metadata: dict[str, Any], *keys: str) -> dict[str, Any]:
    """The attributes beside our own two."""
    attributes = message_attributes("NewBusiness", ["Score", "Notify"], metadata, keys)
    assert list(attributes)[:2] == ["workflow", "plugins"]
    assert attributes.pop("workflow") == "NewBusiness"
    assert attributes.pop("plugins") == ["Score", "Notify"]
    return attributes


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        ("auto", "auto"),
        ("Straße 5", "Straße 5"),
        (" ", " "),
        (5, 5),
        (0, 0),
        (-1.5, -1.5),
        (1e9, 1e9),
        (True, "true"),
        (False, "false"),
        (["a", "b"], ["a", "b"]),
        (["a", 5, 1.5], ["a", 5, 1.5]),
        ([True, False], ["true", "false"]),
        ([""], [""]),
        (['say "x"', "a\\b", "two\nlines"], ['say "x"', "a\\b", "two\nlines"]),
        (["a", None, {"b": 1}, ["c"], float("nan"), 2e9, "\ud800"], ["a"]),
    ],
)
def test_what_travels(value: object, attribute: object) -> None:
    travelled = chosen({"key": value}, "key")
    assert travelled == {"key": attribute}
    assert type(travelled["key"]) is type(attribute)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        [],
        {},
        {"a": "x"},
        [None],
        [{"a": "x"}],
        float("nan"),
        float("inf"),
        -float("inf"),
        1_000_000_001,
        -1e10,
        10**400,
        "\ud800",
        # SNS would not escape these in the document that it compares, and deliver nothing
        'say "x"',
        "a\\b",
        "two\nlines",
        # no characters of XML, in which SNS and SQS write
        "\ufffe",
        "\uffff",
    ],
)
def test_what_stays_in_the_body(value: object) -> None:
    assert chosen({"key": value}, "key") == {}


@pytest.mark.parametrize(
    "name",
    ["", "$or", "with space", ".a", "a.", "a..b", "aws.a", "AWS.a", "Amazon.a", "ä", "a" * 257, "workflow", "plugins"],
)
def test_names_that_stay_in_the_body(name: str) -> None:
    assert chosen({name: "x"}, name) == {}


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "awsome", "a" * 256])
def test_names_that_travel(name: str) -> None:
    assert chosen({name: "x"}, name) == {name: "x"}


def test_only_the_given_keys_travel() -> None:
    assert chosen({"line": "auto", "premium": 5}) == {}
    assert chosen({"line": "auto", "premium": 5}, "premium", "missing") == {"premium": 5}


def test_at_most_ten_travel_the_first_keys_first() -> None:
    metadata = {f"k{number}": number for number in range(20)}
    assert list(chosen(metadata, "k9", "k5", "missing", "k9")) == ["k9", "k5"]
    assert list(chosen(metadata, *(f"k{number}" for number in range(19, 0, -1))))[-1] == "k12"


def test_a_value_that_sns_cannot_carry_takes_no_place() -> None:
    metadata = {**{f"a{number}": None for number in range(20)}, **{f"k{number}": number for number in range(8)}}
    assert list(chosen(metadata, *metadata)) == [f"k{number}" for number in range(8)]


def test_the_metadata_is_not_changed_or_shared() -> None:
    metadata = {"key": ["a"]}
    chosen(metadata, "key")["key"].append("b")
    assert metadata == {"key": ["a"]}


def test_keys_that_sns_filters_by() -> None:
    policy = {
        "line": ["auto"],
        "plugins": ["Score"],
        "workflow": ["NewBusiness"],
        "$or": [{"line": ["auto"]}, {"state": ["NY"], "$or": [{"a": ["x"]}, {"b": ["y"]}]}],
    }
    assert keys_filtered_by_sns(policy, "MessageAttributes") == ["a", "b", "line", "state"]
    assert keys_filtered_by_sns(policy, "MessageBody") == []
    assert keys_filtered_by_sns({}, "MessageAttributes") == []


# What the core filters by


@pytest.mark.parametrize(
    ("value", "filtered"),
    [
        ("auto", "auto"),
        ('say "x"\n', 'say "x"\n'),
        (True, "true"),
        (1e12, 1e12),
        (["a", 5, True, None, {"b": 1}, ["c"], ""], ["a", 5, "true", ""]),
    ],
)
def test_the_core_filters_by_values_that_sns_cannot_carry(value: object, filtered: object) -> None:
    assert filterable_attributes({"key": value}) == {"key": filtered}


@pytest.mark.parametrize("value", [None, "", [], {}, {"a": "x"}, [None], [{"a": "x"}]])
def test_what_has_no_form_of_an_attribute_is_absent_for_the_core(value: object) -> None:
    assert filterable_attributes({"key": value}) == {}


def test_the_core_filters_by_any_number_of_keys_of_any_name() -> None:
    metadata = {**{f"k{number}": number for number in range(50)}, "with space": "x", "aws.a": "y", "ä": "z"}
    assert filterable_attributes(metadata) == metadata


def test_metadata_does_not_stand_in_for_the_attributes_of_the_core() -> None:
    assert filterable_attributes({"workflow": "Cancel", "plugins": ["Other"], "line": "auto"}) == {"line": "auto"}


def test_the_form_that_publish_takes() -> None:
    assert to_sns({"s": "x", "n": 5, "f": 1.5, "tiny": 1e-07, "l": ["ä", 'a"b', 1, 2.5]}) == {
        "s": {"DataType": "String", "StringValue": "x"},
        "n": {"DataType": "Number", "StringValue": "5"},
        "f": {"DataType": "Number", "StringValue": "1.5"},
        "tiny": {"DataType": "Number", "StringValue": "0.0000001"},
        "l": {"DataType": "String.Array", "StringValue": '["ä", "a\\"b", 1, 2.5]'},
    }


def test_bytes_of_names_types_and_values_count() -> None:
    assert attributes_bytes({}) == 0
    assert attributes_bytes({"line": "auto"}) == len("line" + "String" + "auto")
    assert attributes_bytes({"o": "ä"}) == len("o" + "String") + 2
    assert attributes_bytes({"n": 12.5}) == len("n" + "Number" + "12.5")
    assert attributes_bytes({"l": ["a", "b"], "n": 1}) == len(
        "l" + "String.Array" + '["a", "b"]' + "n" + "Number" + "1"
    )


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.text("ab.$", max_size=4), anything, max_size=14), st.lists(st.text("ab.$", max_size=4)))
def test_whatever_the_metadata_is_publish_can_take_it(metadata: dict[str, Any], keys: list[str]) -> None:
    attributes = message_attributes("NewBusiness", ["Score"], metadata, keys)
    sent = to_sns(attributes)
    assert 2 <= len(sent) <= 10
    for name, attribute in sent.items():
        assert ATTRIBUTE_NAME.fullmatch(name)
        assert attribute["StringValue"]
        assert attribute["StringValue"].encode()
        if attribute["DataType"] == "String.Array":
            assert json.loads(attribute["StringValue"]) == attributes[name]
        elif attribute["DataType"] == "Number":
            assert float(attribute["StringValue"]) == attributes[name]
        else:
            # As SNS puts it into the document that it compares.
            assert json.loads(f'"{attribute["StringValue"]}"') == attributes[name]
    parts = [part for name, sns in sent.items() for part in (name, sns["DataType"], sns["StringValue"])]
    assert attributes_bytes(attributes) == len("".join(parts).encode())


def test_a_key_that_stays_in_the_body_keeps_no_other_from_travelling() -> None:
    assert chosen({"a b": "x", "b": None, "plugins": "y", "z": "z"}, "a b", "b", "plugins", "z") == {"z": "z"}


@given(st.dictionaries(st.text("ab.$", max_size=4), anything, max_size=14))
def test_what_sns_can_carry_the_core_filters_by_as_well(metadata: dict[str, Any]) -> None:
    filterable = filterable_attributes(metadata)
    for name, value in sendable_attributes(metadata, metadata).items():
        kept = filterable[name]
        assert value == kept or (isinstance(value, list) and isinstance(kept, list) and set(value) <= set(kept))
