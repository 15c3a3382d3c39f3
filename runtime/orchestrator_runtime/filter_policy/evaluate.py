"""Whether a message meets a valid filter policy, as SNS decides it.

An evaluation is bounded: a team writes the policy, and may write a part of the message. It must not delay
the other plugins of the stage.
"""

from __future__ import annotations

import ipaddress
import json
import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Any, Final, TypeAlias

from orchestrator_runtime.filter_policy.grammar import DECIMALS, MAX_NUMBER, alternatives, exact, is_number, named_keys

MAX_CHECKS: Final = 100_000
"""Comparisons that an evaluation may take by default: some tenths of a second at the most."""
_CIDR_CHECKS: Final = 20
"""A comparison of addresses takes as long as so many others."""
_CHARACTERS_PER_CHECK: Final = 1_000
"""Of a text that is changed to be compared."""
_STEP: Final = Decimal(1).scaleb(-DECIMALS)
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ABSENT: Final = {"exists": False}

# What is left of a constraint's path below a node of the body (None: the node itself is meant),
# and the constraint's values.
_Wanted: TypeAlias = tuple[str | None, list[Any]]


class OutOfChecks(Exception):  # noqa: N818 - the package raises an error of its own for it
    """The evaluation takes more comparisons than it may."""


def matches_attributes(policy: Mapping[str, Any], attributes: Mapping[str, Any], most_checks: int) -> bool:
    """Whether message attributes meet a valid policy of scope ``MessageAttributes``."""
    return _Evaluation(most_checks).attributes(policy, attributes)


def matches_body(policy: Mapping[str, Any], body: object, most_checks: int) -> bool:
    """Whether a message body meets a valid policy of scope ``MessageBody``."""
    return _Evaluation(most_checks).body(policy, body)


class _Evaluation:
    """The evaluation of one policy on one message."""

    def __init__(self, most_checks: int) -> None:
        self._left = most_checks

    def attributes(self, policy: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
        if not policy:
            return True
        if not any(True for value in attributes.values() for _ in _elements(value)):
            return False  # "exists": false needs a message with at least one attribute
        elements = {name: list(_elements(attributes.get(name, []))) for name in named_keys(policy)}
        return any(
            all(
                any(self._meets_any(element, values) for element in elements[name])
                if elements[name]
                else _ABSENT in values
                for name, values in constraints
            )
            for constraints in alternatives(policy)
        )

    def body(self, policy: Mapping[str, Any], body: object) -> bool:
        if not policy:
            return True
        node = _decoded(body)
        if not isinstance(node, dict) or not _has_leaf(node):
            return False
        for constraints in alternatives(policy):
            wanted: list[_Wanted] = [
                (path, values)
                for path, values in constraints
                if not (_ABSENT in values and not self._leads(node, path))
            ]
            if self._holds(node, wanted):
                return True
        return False

    def _spend(self, checks: int) -> None:
        self._left -= checks
        if self._left < 0:
            raise OutOfChecks

    def _leads(self, node: object, path: str | None) -> bool:
        """Whether there is a leaf at this path, in any element of any array on the way."""
        self._spend(1)
        if isinstance(node, dict):
            return any(self._leads(node[key], rest) for key, rest in _steps(node, path))
        if isinstance(node, list):
            return any(self._leads(child, path) for child in node)
        return path is None

    def _holds(self, node: object, wanted: list[_Wanted]) -> bool:
        """Whether a node meets all constraints together.

        Constraints that lead through the same array have to be met in the same element of it.
        """
        self._spend(1)
        if isinstance(node, list):
            return any(self._holds(child, wanted) for child in node)
        if not isinstance(node, dict):
            return all(path is None and self._meets_any(node, values) for path, values in wanted)
        ways: list[list[tuple[str, str | None]]] = []
        for path, _ in wanted:
            self._spend(1)
            ways.append(list(_steps(node, path)))
            if not ways[-1]:
                return False
        for steps in product(*ways):
            self._spend(len(wanted))
            below: defaultdict[str, list[_Wanted]] = defaultdict(list)
            for (key, rest), (_, values) in zip(steps, wanted, strict=True):
                below[key].append((rest, values))
            if all(self._holds(node[key], group) for key, group in below.items()):
                return True
        return False

    def _meets_any(self, value: object, rules: list[Any]) -> bool:
        for rule in rules:
            self._spend(_checks(value, rule))
            if _meets(value, rule):
                return True
        return False


def _elements(value: object) -> Iterator[object]:
    if not isinstance(value, list):
        # SNS has no Boolean attribute: it is the text that travels. Only an element can be true or false.
        yield str(value).lower() if isinstance(value, bool) else value
        return
    for element in value:
        # Objects and arrays inside a String.Array are not attributes that a policy can name.
        if not isinstance(element, dict | list):
            yield element


def _decoded(body: object) -> object:
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except ValueError:
        return None


def _has_leaf(node: object) -> bool:
    if isinstance(node, dict):
        return any(_has_leaf(child) for child in node.values())
    if isinstance(node, list):
        return any(_has_leaf(child) for child in node)
    return True


def _steps(node: Mapping[str, object], path: str | None) -> Iterator[tuple[str, str | None]]:
    """The keys of an object through which a path can go on, and what is left of it there.

    Mostly there is one. Keys may have dots in them, though, and SNS does not tell the two apart.
    """
    if path is None:
        return
    if path in node:
        yield path, None
    end = path.find(".")
    while end >= 0:
        if path[:end] in node:
            yield path[:end], path[end + 1 :]
        end = path.find(".", end + 1)


def _checks(value: object, rule: object) -> int:
    """How many comparisons a rule takes on a value."""
    if not isinstance(rule, dict):
        return 1
    ((word, operand),) = rule.items()
    if word == "anything-but":
        return 1 + len(operand) if isinstance(operand, list) else 1
    if word == "cidr":
        return _CIDR_CHECKS
    if word == "equals-ignore-case" and isinstance(value, str):
        return 1 + len(value) // _CHARACTERS_PER_CHECK
    return 1


def _meets(value: object, rule: object) -> bool:
    if not isinstance(rule, dict):
        return _equal(value, rule)
    ((word, operand),) = rule.items()
    return _OPERATORS[word](value, operand)


def _equal(value: object, rule: object) -> bool:
    """Exact matching: by type, so that the string ``5`` is not the number 5."""
    if is_number(rule):
        return _numeric(value, ["=", rule])
    if isinstance(rule, str):
        return isinstance(value, str) and value == rule
    return value is rule


def _numeric(value: object, ranges: list[Any]) -> bool:
    number = _rounded(value)
    if number is None:
        return False
    bounds = zip(ranges[::2], ranges[1::2], strict=True)
    return all(
        _COMPARE[comparison](number, bound if isinstance(bound, int) else exact(bound)) for comparison, bound in bounds
    )


def _rounded(value: object) -> Decimal | int | None:
    """A number as SNS compares it, or ``None`` for what SNS does not take for a number."""
    if not is_number(value):
        return None
    if isinstance(value, int):
        return value if abs(value) <= MAX_NUMBER else None
    number = exact(value)
    if not number.is_finite() or abs(number) > MAX_NUMBER:
        return None
    return number.quantize(_STEP)


def _anything_but(value: object, operand: object) -> bool:
    if isinstance(operand, dict):
        return not _prefix(value, operand["prefix"])
    excluded = operand if isinstance(operand, list) else [operand]
    return not any(_equal(value, other) for other in excluded)


def _prefix(value: object, operand: str) -> bool:
    return isinstance(value, str) and value.startswith(operand)


def _suffix(value: object, operand: str) -> bool:
    return isinstance(value, str) and value.endswith(operand)


def _equals_ignore_case(value: object, operand: str) -> bool:
    return isinstance(value, str) and value.lower() == operand.lower()


def _cidr(value: object, operand: str) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(operand, strict=False)
    except ValueError:
        return False


def _exists(value: object, operand: bool) -> bool:
    # SNS asks for a value that is neither null nor empty. Absence is decided where the key is looked up.
    return operand and value is not None and value != ""


_OPERATORS: Final[Mapping[str, Callable[[object, Any], bool]]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _equals_ignore_case,
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _prefix,
    "suffix": _suffix,
}
