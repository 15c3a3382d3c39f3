"""What SNS refuses in a filter policy, and that each sentence says what was given and what to do."""

from typing import Any

import pytest

from orchestrator_runtime.filter_policy import named_keys, problems

BODY = "MessageBody"


def values(count: int) -> list[str]:
    return [f"v{number}" for number in range(count)]


def only(policy: object, scope: str = "MessageAttributes", **options: Any) -> str:
    found = problems(policy, scope, **options)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"wildcard": "a*"}, "operator 'wildcard' is EventBridge's"),
        ({"exactly": "a"}, "operator 'exactly' is EventBridge's"),
        (
            {"contains": "a"},
            'operator "contains" is unknown: use one of anything-but, cidr, equals-ignore-case, exists',
        ),
        ({1: "a"}, "operator 1 is unknown"),
        ({"prefix": "a", "suffix": "b"}, 'has one key, got {"prefix": "a", "suffix": "b"}: write one object for each'),
        ({}, "has one key, got {}"),
        ({"prefix": 5}, "'prefix' needs a string, got 5"),
        ({"suffix": None}, "'suffix' needs a string, got null"),
        ({"equals-ignore-case": ["x"]}, "'equals-ignore-case' needs a string, got [\"x\"]"),
        ({"exists": "no"}, "'exists' needs true or false, got \"no\""),
        ({"exists": 1}, "'exists' needs true or false, got 1"),
        (
            {"anything-but": {"suffix": "x"}},
            "takes no object but {'prefix': …}, got {\"suffix\": \"x\"}: 'suffix', 'wild",
        ),
        ({"anything-but": {"wildcard": "x"}}, "'wildcard' and others in it are EventBridge's, not SNS's"),
        ({"anything-but": {}}, "takes no object but {'prefix': …}, got {}"),
        ({"anything-but": {"prefix": "x", "suffix": "y"}}, "takes no object but"),
        ({"anything-but": {"prefix": False}}, "'anything-but' needs a non-empty string as prefix, got false"),
        ({"anything-but": {"prefix": ""}}, 'needs a non-empty string as prefix, got ""'),
        ({"anything-but": []}, "needs strings only or numbers only, at least one, got []"),
        ({"anything-but": ["x", 5]}, 'needs strings only or numbers only, at least one, got ["x", 5]'),
        ({"anything-but": [True]}, "got [true]"),
        ({"anything-but": None}, "got null"),
        ({"anything-but": [1, 2e9]}, "number 2000000000.0 is out of range"),
        ({"numeric": []}, "needs one comparison or a range, got []: write ['>=', 10] or ['>=', 10, '<', 20]"),
        ({"numeric": "=5"}, 'needs one comparison or a range, got "=5"'),
        ({"numeric": ["="]}, "needs one comparison or a range"),
        ({"numeric": [">", 20, "<="]}, "needs one comparison or a range"),
        ({"numeric": [">", 20, "<", 30, "<", 50]}, "needs one comparison or a range"),
        ({"numeric": ["==", 5]}, "'numeric' compares by =, <, <=, > or >=, got \"==\""),
        ({"numeric": [1, "<="]}, "'numeric' compares by =, <, <=, > or >=, got 1"),
        ({"numeric": [[], 1]}, "got []"),
        ({"numeric": ["=", "5"]}, "'numeric' compares with numbers, got \"5\""),
        ({"numeric": ["=", True]}, "'numeric' compares with numbers, got true"),
        ({"numeric": [">", 20, "<", "30"]}, "'numeric' compares with numbers, got \"30\""),
        ({"numeric": ["<", 100, ">", 10]}, "a 'numeric' range is '>' or '>=' and then '<' or '<='"),
        ({"numeric": [">=", 1, ">", 2]}, 'got [">=", 1, ">", 2]: put the lower bound first'),
        ({"numeric": ["=", 1, "<", 2]}, "put the lower bound first"),
        ({"numeric": [">", 3, "<", 1]}, 'needs a lower bound below the upper one, got [">", 3, "<", 1]'),
        ({"numeric": [">=", 3, "<=", 3]}, "needs a lower bound below the upper one"),
        ({"numeric": ["=", 1.000001]}, "number 1.000001 has more than 5 decimals"),
        ({"cidr": 5}, "'cidr' needs an address block such as '10.0.0.0/24' or '2001:db8::/32', got 5"),
        ({"cidr": "10.0.0.0"}, "'cidr' needs an address block"),
        ({"cidr": "10.0.0.0/33"}, "'cidr' needs an address block"),
        ({"cidr": "10.0.0.0/255.255.255.0"}, "'cidr' needs an address block"),
        ({"cidr": "10.0.0.0/x"}, "'cidr' needs an address block"),
        ({"cidr": "10.0.0/24"}, "'cidr' needs an address block"),
        ({"cidr": "::/129"}, "'cidr' needs an address block"),
        (["x"], 'a value must be a string, a number, true, false, null or an operator, got ["x"]'),
        (b"x", "got b'x'"),
        (1_000_000_000.1, "number 1000000000.1 is out of range: SNS compares numbers from -1e9 to 1e9"),
        (-1_000_000_001, "number -1000000001 is out of range"),
        (float("nan"), "number NaN is out of range"),
        (float("inf"), "number Infinity is out of range"),
        (0.123456, "number 0.123456 has more than 5 decimals: SNS compares 5, so round it"),
        (1e-7, "number 1e-07 has more than 5 decimals"),
        (True, "a bare true never matches, since booleans of the metadata are text here: write 'true'"),
        (False, "write 'false'"),
        (None, "a bare null never matches, since metadata that is null is absent here: write {'exists': false}"),
    ],
)
def test_one_bad_value(rule: object, told: str) -> None:
    found = only({"key": [rule]}, for_core=True)
    assert found.startswith("'key': ")
    assert told in found


@pytest.mark.parametrize(
    ("policy", "scope", "told"),
    [
        ({"a": []}, BODY, "'a': the array is empty: name at least one value, or leave the key out"),
        ({"a": "x"}, BODY, '\'a\': must be an array, got "x": write ["x"]'),
        ({"a": 5}, "MessageAttributes", "'a': must be an array, got 5"),
        ({"a": None}, "MessageAttributes", "'a': must be an array, got null"),
        (
            {"a": {"b": ["x"]}},
            "MessageAttributes",
            "'a': nested objects need the scope 'MessageBody', got {\"b\": [\"x\"]}",
        ),
        ({"a": {"exists": True}}, "MessageAttributes", "an operator inside of it"),
        ({"a": {}}, BODY, "'a': the object is empty: name at least one key in it, or leave it out"),
        ({"a": {"b": {"c": 5}}}, BODY, "'a.b.c': must be an array, got 5"),
        ({"a": {"exists": True}}, BODY, "'a.exists': must be an array, got true"),
        ({"a": {"exists": True}}, BODY, "belongs inside the array of a leaf: write [{'exists': …}]"),
        ({1: ["x"]}, BODY, "key 1 is not a string"),
        ({"a": {1: ["x"]}}, BODY, "'a': key 1 is not a string"),
        ({"$or": [{}, {"a": ["x"]}]}, BODY, "'$or' has an empty object"),
        ({"d": {"$or": [{}, {"a": ["x"]}]}}, BODY, "'d': '$or' has an empty object"),
        ({"$or": [{"a": ["x"]}, {"b": []}]}, BODY, "'b': the array is empty"),
        ({"d": {"$or": [{"a": ["x"]}, {"b": "x"}]}}, BODY, "'d.b': must be an array"),
        ({"$or": 5}, BODY, "'$or': must be an array, got 5"),
        ({"$or": "xy"}, BODY, "'$or': must be an array, got \"xy\""),
        ({"$or": [{"a": ["x"]}]}, BODY, "'$or': operator \"a\" is unknown"),
        ({"$or": [{"a": ["x"]}]}, BODY, "'$or' means OR only with two objects or more"),
        ({"$or": [{"prefix": "x"}, {"b": ["x"]}]}, BODY, "none of its fields named like an operator"),
        ("x", BODY, 'a filter policy must be an object, got "x": write {key: [values]}'),
        ([], BODY, "a filter policy must be an object, got []"),
        ({}, "Body", "filter policy scope \"Body\" is unknown: use 'MessageAttributes' or 'MessageBody'"),
    ],
)
def test_bad_form(policy: object, scope: str, told: str) -> None:
    assert told in only(policy, scope)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"a": ["x", 5, -1e9, 1e9, 1.00001, None, {"prefix": ""}, {"exists": False}]},
        {"a": [{"numeric": ["=", 0]}, {"numeric": [">=", -5, "<", 5.5]}]},
        {"a": [{"anything-but": "x"}, {"anything-but": 5}, {"anything-but": {"prefix": "x"}}]},
        {"a": [{"cidr": "10.1.2.3/8"}, {"cidr": "::1/128"}]},
        {"$or": ["x"], "b": [10**5]},
        {"$or": [{"a": ["x"]}, {"a": ["y"]}]},
    ],
)
@pytest.mark.parametrize("scope", ["MessageAttributes", BODY])
def test_nothing_is_wrong_with(policy: dict[str, Any], scope: str) -> None:
    assert problems(policy, scope) == []


@pytest.mark.parametrize("literal", [True, False, None])
def test_literals_are_refused_only_where_no_metadata_can_equal_them(literal: object) -> None:
    policy = {"$or": [{"a": ["x"]}, {"b": [literal]}]}
    assert problems(policy, BODY, for_core=True) == []
    assert problems(policy) == [], "SNS takes them from whoever subscribes by other means"
    assert only(policy, for_core=True).startswith("'b': ")


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({"a": [], "b": [{"wildcard": "x"}, {"exists": 0}], "c": "x"})) == 4


def test_a_sentence_says_where_in_the_policy_what_is_wrong_and_nothing_else() -> None:
    assert only({1: ["x"]}) == "key 1 is not a string: JSON has no other keys"
    assert only({"a": 5}) == "'a': must be an array, got 5: write [5]"
    assert only({"a": [{"prefix": 5}]}) == "'a': 'prefix' needs a string, got 5"


def test_a_list_of_objects_is_an_or_only_under_its_own_name() -> None:
    assert len(problems({"a": [{"b": ["x"]}, {"c": ["y"]}]}, BODY)) == 2


def test_a_long_value_is_shortened() -> None:
    told = only({"a": "x" * 5000})
    assert len(told) < 300
    assert f'"{"x" * 79}…' in told
    assert f'got "{"x" * 78}": write' in only({"a": "x" * 78})


def test_a_value_is_shown_as_it_was_written() -> None:
    assert 'got "Łąka": write ["Łąka"]' in only({"a": "Łąka"})


@pytest.mark.parametrize("value", [{1, 2}, object()])
def test_a_value_that_is_no_json_is_shown_all_the_same(value: object) -> None:
    assert repr(value)[:60] in only({"a": value})


# Limits


@pytest.mark.parametrize("for_core", [False, True])
def test_number_of_keys_and_combinations_is_not_limited(for_core: bool) -> None:
    policy = {f"k{number}": values(20) for number in range(12)}
    assert problems(policy, for_core=for_core) == []
    assert problems({"a": {"b": policy}}, BODY, for_core=for_core) == []


def test_reserved_keys_are_not_named() -> None:
    assert problems({name: ["x"] for name in "abcd"}, reserved={"plugins"}) == []
    assert only({"plugins": ["Score"]}, reserved={"plugins"}) == "key 'plugins' is reserved: leave it out"
    assert "reserved" in only({"$or": [{"plugins": ["Score"]}, {"a": ["x"]}]}, reserved={"plugins"})
    assert len(problems({"plugins": ["Score"], "workflow": ["x"]}, reserved={"plugins", "workflow"})) == 2


def test_four_kilobytes_for_what_the_core_evaluates() -> None:
    room = 4_096 - len('{"a":[""]}')
    assert problems({"a": ["x" * room]}, for_core=True) == []
    too_large = {"a": ["x" * (room + 1)]}
    told = "the policy is 4,097 bytes of JSON, at most 4,096 are allowed: shorten it"
    assert only(too_large, for_core=True) == told
    assert "bytes of JSON" in only({"a": ["ä" * (room // 2 + 1)]}, for_core=True)
    assert problems(too_large) == [], "SNS has a limit of its own"


def nested_ors(count: int) -> dict[str, Any]:
    """Objects beside one another, each with two options: they multiply."""
    return {f"k{number}": {"$or": [{"a": ["x"]}, {"b": ["x"]}]} for number in range(count)}


def test_a_thousand_alternatives() -> None:
    assert problems(nested_ors(9), BODY) == []
    ten = {"$or": [{"a": [number]} for number in range(10)]}
    assert problems({"x": ten, "y": ten, "z": ten}, BODY) == [], "a thousand"
    told = only(nested_ors(10), BODY)
    assert told == (
        "the options of '$or' in nested objects make 1,024 combinations, at most 1,000 are evaluated: use fewer '$or'"
    )
    assert "1,024 combinations" in only({**nested_ors(9), "$or": [{"y": ["x"]}, {"z": ["x"]}]}, BODY)
    assert "1,267,650,600,228,229,401,496,703,205,376 combinations" in only(nested_ors(100), BODY)


def test_options_of_options_add_up() -> None:
    policy: dict[str, Any] = {"z": ["x"]}
    for number in range(30):
        policy = {f"k{number}": ["x"], "$or": [policy, {f"o{number}": ["x"]}]}
    assert problems(policy, for_core=True) == []


def test_limits_are_told_together() -> None:
    policy = {**nested_ors(10), "plugins": ["x" * 5_000]}
    assert len(problems(policy, BODY, reserved={"plugins"}, for_core=True)) == 3


def test_named_keys() -> None:
    policy = {"a": ["x"], "$or": [{"b": ["x"]}, {"c": ["x"], "$or": [{"d": ["x"]}, {"e": ["x"]}]}], "f": {"g": ["x"]}}
    assert list(named_keys(policy)) == ["a", "b", "c", "d", "e", "f"]
    assert list(named_keys({"$or": ["x"]})) == ["$or"]
