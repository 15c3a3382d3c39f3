"""Where the emulator's filter policies are known to differ from SNS's, and so from our evaluator.

Each deviation says which rule of SNS the evaluator follows, which pairs of policy and message it may touch, and one
pair that it does touch. Pairs that no deviation touches have to be decided alike.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES, MESSAGE_BODY

Policy = dict[str, Any]
Rule = tuple[tuple[str, ...], list[Any]]
"""The keys that lead to an array of a policy, and the array."""
Touches = Callable[[Policy, Any], bool]

ABSENT = {"exists": False}


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A known difference.

    Attributes:
        name: What the emulator does.
        rule: What SNS does, and the evaluator after it.
        scope: Of which policies it is.
        touches: Whether it may decide about a policy and a message.
        policy: A policy that it is seen with.
        message: The message to that: attributes, or a body.
        expected: What SNS, and the evaluator, say of the two.
    """

    name: str
    rule: str
    scope: str
    touches: Touches
    policy: Policy
    message: Any
    expected: bool


def rules_of(policy: Policy, above: tuple[str, ...] = ()) -> Iterator[Rule]:
    """All arrays of a policy, those in an OR relationship included."""
    for key, value in policy.items():
        if key == "$or":
            for option in value:
                yield from rules_of(option, above)
        elif isinstance(value, dict):
            yield from rules_of(value, (*above, key))
        else:
            yield (*above, key), value


def elements_of(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def literals_of(rule: object) -> Iterator[Any]:
    """The texts, numbers and so on that a rule compares with."""
    if isinstance(rule, dict | list):
        for operand in rule.values() if isinstance(rule, dict) else rule:
            yield from literals_of(operand)
    else:
        yield rule


def has(rules: list[Any], *words: str) -> bool:
    """Whether one of the rules is of such an operator, or ``null``."""
    return any(
        word in ({"null"} if rule is None else rule)
        for rule in rules
        if rule is None or isinstance(rule, dict)
        for word in words
    )


def as_number(text: object) -> float | None:
    try:
        return float(text) if isinstance(text, str) else None
    except ValueError:
        return None


def text_taken_for_another_type(value: object, rules: list[Any]) -> bool:
    """A text that looks like a number or a literal, where a rule compares with one."""
    literals = [literal for rule in rules for literal in literals_of(rule)]
    return any(
        (as_number(element) is not None and any(isinstance(one, int | float) for one in literals))
        or any((one is None or isinstance(one, bool)) and element == json.dumps(one) for one in literals)
        for element in elements_of(value)
    )


# Attributes


def each_named(decide: Callable[[object, list[Any]], bool]) -> Touches:
    """Whether an attribute that the policy names is one to decide about."""
    return lambda policy, message: any(
        decide(message[keys[0]], rules) for keys, rules in rules_of(policy) if keys[0] in message
    )


def without_elements(value: object) -> bool:
    return isinstance(value, list) and all(element is None for element in value)


def taken_for_text(value: object, rules: list[Any]) -> bool:
    """A number or a literal whose text is, or holds, one that a rule compares with."""
    texts = [one.lower() for rule in rules for one in literals_of(rule) if isinstance(one, str)]
    others = [str(element).lower() for element in elements_of(value) if not isinstance(element, str)]
    return any(text in other for text in texts for other in others)


# Bodies


def end_of(body: object, keys: tuple[str, ...]) -> tuple[str, Any]:
    """Follow keys as the emulator does: what stopped it, or ``found``, and the value there."""
    node = body
    for key in keys[:-1]:
        if not isinstance(node, dict) or not isinstance(node.get(key), dict):
            return "an array on the way" if isinstance(node, dict) and isinstance(node.get(key), list) else "lost", None
        node = node[key]
    assert isinstance(node, dict)
    if not node:
        return "an empty object", None
    return ("found", node[keys[-1]]) if keys[-1] in node else ("missing", None)


def each_end(decide: Callable[[str, Any, list[Any]], bool]) -> Touches:
    """Whether one of the places to which the policy leads is one to decide about."""
    return lambda policy, body: (
        isinstance(body, dict) and any(decide(*end_of(body, keys), rules) for keys, rules in rules_of(policy))
    )


def one_array_for_two(policy: Policy, body: object) -> bool:
    """Whether a policy names a place twice, beside an OR and in it, and there are several values at that place."""
    times = Counter(keys for keys, _ in rules_of(policy))
    return isinstance(body, dict) and any(
        times[keys] > 1 and isinstance(value := end_of(body, keys)[1], list) and len(value) > 1 for keys in times
    )


def has_leaf(node: object) -> bool:
    if isinstance(node, dict | list):
        return any(has_leaf(child) for child in (node.values() if isinstance(node, dict) else node))
    return True


def dotted(policy: Policy, body: object) -> bool:
    """Whether a key with a dot in it, in policy or body, can be read as a path, or a path as such a key."""
    paths = {".".join(keys) for keys, _ in rules_of(policy)}
    literal = {keys for keys, _ in rules_of(policy)}

    def spelled(node: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        children = node.items() if isinstance(node, dict) else ()
        for key, child in children:
            yield (*above, key)
            yield from spelled(child, (*above, key))
        if isinstance(node, list):
            for child in node:
                yield from spelled(child, above)

    return any(
        keys not in literal and any(path == ".".join(keys) or path.startswith(f"{'.'.join(keys)}.") for path in paths)
        for keys in spelled(body)
        if not any(one[: len(keys)] == keys for one in literal)
    )


DEVIATIONS = (
    Deviation(
        name="an array without elements is the text of its JSON",
        rule="A String.Array is its elements: without any it has no value, and a message of nothing else no attribute.",
        scope=MESSAGE_ATTRIBUTES,
        touches=lambda policy, message: (
            each_named(lambda value, _: without_elements(value))(policy, message)
            or (
                any(ABSENT in rules for _, rules in rules_of(policy))
                and bool(message)
                and all(without_elements(value) for value in message.values())
            )
        ),
        policy={"a": [{"exists": True}]},
        message={"a": []},
        expected=False,
    ),
    Deviation(
        name="null in an array is left out",
        rule="A String.Array may hold null, and a policy's null, or anything but something else, matches it.",
        scope=MESSAGE_ATTRIBUTES,
        touches=each_named(
            lambda value, rules: isinstance(value, list) and None in value and has(rules, "null", "anything-but")
        ),
        policy={"a": [None]},
        message={"a": ["x", None]},
        expected=True,
    ),
    Deviation(
        name="attributes are compared as text, whatever their type",
        rule="Types are told apart: the String 5 is not the Number 5, nor the element true the text.",
        scope=MESSAGE_ATTRIBUTES,
        touches=each_named(
            lambda value, rules: text_taken_for_another_type(value, rules) or taken_for_text(value, rules)
        ),
        policy={"a": [{"numeric": [">", 1]}]},
        message={"a": "5"},
        expected=False,
    ),
    Deviation(
        name="a text in the body that looks like a number is one",
        rule="Types are told apart: the text 5 is not the number 5.",
        scope=MESSAGE_BODY,
        touches=each_end(lambda _, value, rules: text_taken_for_another_type(value, rules)),
        policy={"a": [5]},
        message={"a": "5"},
        expected=False,
    ),
    Deviation(
        name="a dot in a key is a letter",
        rule="Nested keys are joined by dots, so that {'a': {'b': …}} and {'a.b': …} are one.",
        scope=MESSAGE_BODY,
        touches=dotted,
        policy={"a.b": ["x"]},
        message={"a": {"b": "x"}},
        expected=True,
    ),
    Deviation(
        name="objects and arrays in arrays are not looked into",
        rule="A path leads through every element of an array, and through arrays in arrays.",
        scope=MESSAGE_BODY,
        touches=each_end(
            lambda stop, value, _: (
                stop == "an array on the way"
                or (isinstance(value, list) and any(isinstance(element, list | dict) for element in value))
            )
        ),
        policy={"a": {"b": ["x"]}},
        message={"a": [{"b": "y"}, {"b": "x"}]},
        expected=True,
    ),
    Deviation(
        name="what is asked twice of an array may be met by two of its elements",
        rule="Constraints that lead through the same array have to be met in the same element of it.",
        scope=MESSAGE_BODY,
        touches=one_array_for_two,
        policy={"a": [{"prefix": "x"}], "$or": [{"a": ["y"]}, {"b": ["z"]}]},
        message={"a": ["x", "y"]},
        expected=False,
    ),
    Deviation(
        name="null is nothing",
        rule="null is a value: the policy's null matches it, and the key exists for exists: false.",
        scope=MESSAGE_BODY,
        touches=each_end(
            lambda stop, value, rules: (
                stop == "found" and value is None and (ABSENT in rules or has(rules, "null", "anything-but"))
            )
        ),
        policy={"a": [None]},
        message={"a": None},
        expected=True,
    ),
    Deviation(
        name="an object is a value",
        rule="Values are leaves: a path that ends at an object, or at an array without elements, leads to none.",
        scope=MESSAGE_BODY,
        touches=each_end(
            lambda stop, value, rules: (
                stop == "found" and isinstance(value, dict) and has(rules, "exists", "anything-but")
            )
        ),
        policy={"a": [{"exists": True}]},
        message={"a": {"b": "x"}},
        expected=False,
    ),
    Deviation(
        name="an array without elements is a value that is not there",
        rule="Values are leaves: a path that ends at an object, or at an array without elements, leads to none.",
        scope=MESSAGE_BODY,
        touches=each_end(lambda stop, value, rules: stop == "found" and value == [] and ABSENT in rules),
        policy={"a": [ABSENT]},
        message={"a": [], "b": "x"},
        expected=True,
    ),
    Deviation(
        name="what is below a missing object is not missing",
        rule="exists: false matches a path that leads nowhere, wherever it ends to lead on.",
        scope=MESSAGE_BODY,
        touches=each_end(lambda stop, _, rules: stop in {"lost", "an empty object"} and ABSENT in rules),
        policy={"a": {"b": [ABSENT]}},
        message={"c": "x"},
        expected=True,
    ),
    Deviation(
        name="a body of empty objects has something in it",
        rule="exists: false matches only a message with at least one value.",
        scope=MESSAGE_BODY,
        touches=lambda policy, body: (
            isinstance(body, dict)
            and bool(body)
            and not has_leaf(body)
            and any(ABSENT in rules for _, rules in rules_of(policy))
        ),
        policy={"a": [ABSENT]},
        message={"b": {}},
        expected=False,
    ),
    Deviation(
        name="anything but a prefix is a text",
        rule="anything-but matches whatever does not begin so, numbers and literals too.",
        scope=MESSAGE_BODY,
        touches=each_end(
            lambda stop, value, rules: (
                stop == "found"
                and any(not isinstance(element, str) for element in elements_of(value))
                and any(isinstance(rule, dict) and isinstance(rule.get("anything-but"), dict) for rule in rules)
            )
        ),
        policy={"a": [{"anything-but": {"prefix": "x"}}]},
        message={"a": 5},
        expected=True,
    ),
)
