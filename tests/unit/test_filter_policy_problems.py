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
        (True, "a bare true never matches, since booleans of the metadata travel as text: write 'true'"),
        (False, "write 'false'"),
    ],
)
def test_one_bad_value(rule: object, told: str) -> None:
    found = only({"key": [rule]})
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


def test_booleans_are_values_in_a_body() -> None:
    assert problems({"a": [True, False]}, BODY) == []


def test_booleans_in_attributes_are_ours_to_refuse_and_not_those_of_sns() -> None:
    assert problems({"a": [True]}, booleans_as_text=False) == []


@pytest.mark.parametrize("policy", [{"a": ["x", None]}, {"$or": [{"a": ["x"]}, {"b": [None]}]}])
def test_null_cannot_be_deployed(policy: dict[str, Any]) -> None:
    assert problems(policy) == []
    told = only(policy, deployed_by_cloudformation=True)
    assert told.startswith(("'a': ", "'b': "))
    assert "CloudFormation drops it silently: use {'exists': false}" in told


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({"a": [], "b": [{"wildcard": "x"}, {"exists": 0}], "c": "x"})) == 4


def test_a_sentence_says_where_in_the_policy_what_is_wrong_and_nothing_else() -> None:
    assert only({1: ["x"]}) == "key 1 is not a string: JSON has no other keys"
    assert only({"a": 5}) == "'a': must be an array, got 5: write [5]"
    assert only({"a": [{"prefix": 5}]}) == "'a': 'prefix' needs a string, got 5"


def test_a_list_of_objects_is_an_or_only_under_its_own_name() -> None:
    assert len(problems({"a": [{"b": ["x"]}, {"c": ["y"]}]}, BODY)) == 2


def test_several_reserved_keys_are_told_by_name() -> None:
    told = only({name: ["x"] for name in "abcd"}, reserved={"plugins", "workflow"})
    assert told == "the policy has 6 keys with the reserved plugins, workflow, SNS allows 5: filter by fewer keys"


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


def test_five_keys() -> None:
    assert problems({name: ["x"] for name in "abcde"}) == []
    assert only({name: ["x"] for name in "abcdef"}).startswith("the policy has 6 keys, SNS allows 5")


def test_an_or_has_the_keys_of_its_widest_option() -> None:
    option = {name: ["x"] for name in "bcde"}
    assert problems({"a": ["x"], "$or": [option, {"f": ["x"]}]}) == []
    assert "the policy has 6 keys" in only({"a": ["x"], "$or": [{**option, "g": ["x"]}, {"f": ["x"]}]})


def test_nested_keys_do_not_count() -> None:
    assert problems({"a": {name: ["x"] for name in "bcdefg"}}, BODY) == []


def test_reserved_keys_are_not_named_and_take_their_place() -> None:
    assert problems({name: ["x"] for name in "abcd"}, reserved={"plugins"}) == []
    assert only({"plugins": ["Score"]}, reserved={"plugins"}).startswith("key 'plugins' is reserved")
    assert "reserved" in only({"$or": [{"plugins": ["Score"]}, {"a": ["x"]}]}, reserved={"plugins"})
    told = only({name: ["x"] for name in "abcde"}, reserved={"plugins"})
    assert told == "the policy has 6 keys with the reserved plugins, SNS allows 5: filter by fewer keys"


@pytest.mark.parametrize(
    ("policy", "combinations"),
    [
        ({"a": values(150)}, 150),
        ({"a": values(151)}, 151),
        ({"a": values(100), "b": values(51)}, 5100),
        # Each array counts times its depth: 3 x 4 x 2 x 3, and with a third key 3 times that.
        ({"a": {"b": {"c": values(4)}}, "d": {"e": values(3)}}, 72),
        ({"a": {"b": {"c": values(4)}}, "d": {"e": values(3)}, "f": values(3)}, 216),
        # The options of an OR are added up: 3*6 + 3*4*4 + 3*4*7.
        (
            {"s": values(3), "$or": [{"n": values(6)}, {"t": values(4), "$or": [{"i": values(4)}, {"j": values(7)}]}]},
            150,
        ),
        (
            {"s": values(4), "$or": [{"n": values(6)}, {"t": values(4), "$or": [{"i": values(4)}, {"j": values(4)}]}]},
            152,
        ),
        # An OR adds no depth: (3 + 2) * (2*2) * (1*2 + 3*2).
        (
            {
                "$or": [{"m": values(3)}, {"n": values(2)}],
                "d": {"s": values(2), "$or": [{"o": values(1)}, {"t": values(3)}]},
            },
            160,
        ),
    ],
)
def test_150_combinations(policy: dict[str, Any], combinations: int) -> None:
    found = problems(policy, BODY)
    if combinations <= 150:
        assert found == []
    else:
        assert len(found) == 1
        assert f"the policy has {combinations} combinations of values, SNS allows 150" in found[0]


def test_256_kilobytes() -> None:
    room = 262_144 - len('{"a":[""]}')
    assert problems({"a": ["x" * room]}) == []
    assert only({"a": ["x" * (room + 1)]}) == "the policy is 262145 bytes of JSON, SNS allows 262144: shorten it"
    assert "bytes of JSON" in only({"a": ["ä" * (room // 2 + 1)]})


def test_limits_are_told_together() -> None:
    assert len(problems({name: values(150) for name in "abcdef"})) == 2


def test_named_keys() -> None:
    policy = {"a": ["x"], "$or": [{"b": ["x"]}, {"c": ["x"], "$or": [{"d": ["x"]}, {"e": ["x"]}]}], "f": {"g": ["x"]}}
    assert list(named_keys(policy)) == ["a", "b", "c", "d", "e", "f"]
    assert list(named_keys({"$or": ["x"]})) == ["$or"]
