"""Laws that hold for every filter policy."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.filter_policy import SCOPES, FilterPolicyError, matches, problems
from tests.unit.filter_strategies import (
    anything,
    arrays,
    attributes,
    bodies,
    flat,
    names,
    nested,
    policies,
    values,
    with_or,
)

BODY = "MessageBody"


def hits(policy: dict[str, Any], body: object) -> bool:
    return matches(policy, {}, body=body, scope=BODY)


# Laws


@given(flat, attributes)
def test_a_policy_is_all_of_its_keys(policy: dict[str, Any], given_: dict[str, Any]) -> None:
    assert matches(policy, given_) is all(matches({key: value}, given_) for key, value in policy.items())


@given(names, arrays, attributes)
def test_an_array_is_any_of_its_values(name: str, array: list[Any], given_: dict[str, Any]) -> None:
    assert matches({name: array}, given_) is any(matches({name: [value]}, given_) for value in array)


@given(st.lists(policies, min_size=2, max_size=3), attributes, bodies)
def test_or_is_any_of_its_options(options: list[dict[str, Any]], given_: dict[str, Any], body: object) -> None:
    policy = {"$or": options}
    if problems(policy):
        return  # too many combinations
    assert matches(policy, given_) is any(matches(option, given_) for option in options)
    assert hits(policy, body) is any(hits(option, body) for option in options)


@given(flat, with_or, attributes)
def test_an_or_beside_keys_is_one_more_of_them(
    some: dict[str, Any], other: dict[str, Any], given_: dict[str, Any]
) -> None:
    assert matches({**some, **other}, given_) is (matches(some, given_) and matches(other, given_))


@given(policies, attributes)
def test_order_does_not_matter(policy: dict[str, Any], given_: dict[str, Any]) -> None:
    turned = {key: list(reversed(array)) for key, array in reversed(policy.items())}
    assert matches(turned, given_) is matches(policy, given_)


@given(policies, attributes)
def test_nothing_is_kept_or_changed(policy: dict[str, Any], given_: dict[str, Any]) -> None:
    before = json.dumps([policy, given_])
    first = matches(policy, given_)
    assert json.dumps([policy, given_]) == before
    assert matches(policy, given_) is first


@given(names, st.sampled_from([{"exists": True}, {"exists": False}]), attributes.filter(bool))
def test_a_key_cannot_both_exist_and_not(name: str, rule: dict[str, Any], given_: dict[str, Any]) -> None:
    other = {"exists": not rule["exists"]}
    assert not (matches({name: [rule]}, given_) and matches({name: [other]}, given_))


@given(flat, st.dictionaries(st.sampled_from("abc"), values, min_size=1, max_size=4))
def test_a_flat_body_is_like_attributes(policy: dict[str, Any], given_: dict[str, Any]) -> None:
    assert hits(policy, given_) is matches(policy, given_)


@given(nested, bodies)
def test_dots_and_nesting_are_one_thing(policy: dict[str, Any], body: object) -> None:
    def flattened(part: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in part.items():
            for path, array in (
                flattened(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
            ).items():
                if path in found:
                    raise LookupError(path)
                found[path] = array
        return found

    try:
        same = flattened(policy)
    except LookupError:
        return  # one path, written twice: a flat policy cannot say that
    if not problems(policy, BODY) and not problems(same, BODY):
        assert hits(policy, body) is hits(same, body)


@given(
    bodies,
    st.lists(bodies, max_size=2),
    st.sampled_from([["x"], [1], [None], [{"prefix": "x"}], [{"anything-but": 1}]]),
)
def test_more_elements_never_hide_a_match(element: object, others: list[object], array: list[Any]) -> None:
    policy = {"a": {"b": array}}
    if hits(policy, {"a": [element]}):
        assert hits(policy, {"a": [*others, element]})


# Robustness


@given(policies | nested, st.dictionaries(st.text(max_size=3) | names, anything, max_size=4), anything)
def test_a_valid_policy_never_raises(policy: dict[str, Any], given_: dict[str, Any], body: object) -> None:
    for scope in SCOPES:
        if not problems(policy, scope):
            assert matches(policy, given_, body, scope) in {True, False}


@given(anything | st.dictionaries(names | st.just("$or"), anything), st.sampled_from([*SCOPES, "other"]))
def test_whatever_is_given_is_either_used_or_refused_in_sentences(policy: Any, scope: str) -> None:
    found = problems(policy, scope)
    assert all(isinstance(sentence, str) and len(sentence) > 20 for sentence in found)
    if found:
        with pytest.raises(FilterPolicyError):
            matches(policy, {}, scope=scope)
    else:
        matches(policy, {}, scope=scope)


@given(policies)
def test_stricter_checks_only_add_problems(policy: dict[str, Any]) -> None:
    accepted = problems(policy)
    strict = problems(policy, reserved={"plugins"}, for_core=True)
    assert bool(strict) >= bool(accepted)
