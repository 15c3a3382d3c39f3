"""What is wrong with a filter policy, in sentences that say what to do."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from orchestrator_runtime.filter_policy.grammar import (
    DECIMALS,
    MAX_ALTERNATIVES,
    MAX_NUMBER,
    MAX_POLICY_BYTES,
    MESSAGE_ATTRIBUTES,
    NUMERIC_COMPARISONS,
    NUMERIC_LOWER,
    NUMERIC_UPPER,
    OPERATORS,
    OR,
    SCOPES,
    count_alternatives,
    exact,
    is_number,
    named_keys,
    or_options,
)

_EVENTBRIDGE_ONLY: Final = frozenset({"wildcard", "exactly"})
_TEXT_OPERATORS: Final = frozenset({"prefix", "suffix", "equals-ignore-case"})
_BOUNDS: Final = (2, 4)
"""How long the array of ``numeric`` may be: one comparison, or a range."""
_SHOWN: Final = 80
_OR_HINT: Final = " ('$or' means OR only with two objects or more, and none of its fields named like an operator)"


def problems(
    policy: object, scope: str = MESSAGE_ATTRIBUTES, *, reserved: Collection[str] = (), for_core: bool = False
) -> list[str]:
    """Lists everything that is wrong with a filter policy.

    Args:
        policy: The policy, as decoded from its JSON.
        scope: ``MessageAttributes`` or ``MessageBody``.
        reserved: Keys that the policy may not name. Default: none.
        for_core: Whether the core evaluates the policy, and not SNS. Then its size is limited, and a bare ``null``,
            ``true`` or ``false`` is refused in the scope ``MessageAttributes``: SNS accepts them, but no metadata has
            that form there.

    Returns:
        One sentence for each problem; an empty list if the policy can be used.
    """
    if scope not in SCOPES:
        return [f"filter policy scope {_show(scope)} is unknown: use 'MessageAttributes' or 'MessageBody'"]
    if not isinstance(policy, dict):
        return [f"a filter policy must be an object, got {_show(policy)}: write {{key: [values]}}"]
    in_attributes = scope == MESSAGE_ATTRIBUTES
    check = _Check(nested=not in_attributes, literals=not (in_attributes and for_core))
    found = list(check.keys(policy, ""))
    if found:
        return found
    # The limits are worth telling only for a policy that is well formed.
    return list(_limits(policy, reserved, for_core=for_core))


class _Check:
    """The form of a policy: generators of one sentence for each thing that is wrong."""

    def __init__(self, *, nested: bool, literals: bool) -> None:
        self._nested = nested
        self._literals = literals

    def keys(self, policy: Mapping[Any, Any], path: str) -> Iterator[str]:
        for key, value in policy.items():
            if not isinstance(key, str):
                yield f"{_at(path)}key {_show(key)} is not a string: JSON has no other keys"
            elif options := or_options(key, value):
                yield from self._options(options, path)
            else:
                yield from self._key(key, value, f"{path}.{key}" if path else key)

    def _options(self, options: list[dict[str, Any]], path: str) -> Iterator[str]:
        for option in options:
            if not option:
                yield f"{_at(path)}'$or' has an empty object: name at least one key in it, or leave it out"
            yield from self.keys(option, path)

    def _key(self, key: str, value: object, path: str) -> Iterator[str]:
        if isinstance(value, list):
            if not value:
                yield f"{_at(path)}the array is empty: name at least one value, or leave the key out"
            for rule in value:
                yield from self._rule(rule, path, or_like=key == OR)
        elif not isinstance(value, dict):
            yield f"{_at(path)}must be an array, got {_show(value)}: write [{_show(value)}]" + _leaf_hint(key)
        elif not self._nested:
            yield (
                f"{_at(path)}nested objects need the scope 'MessageBody', got {_show(value)}: "
                "write an array of values, an operator inside of it"
            )
        elif not value:
            yield f"{_at(path)}the object is empty: name at least one key in it, or leave it out"
        else:
            yield from self.keys(value, path)

    def _rule(self, rule: object, path: str, *, or_like: bool) -> Iterator[str]:
        if isinstance(rule, dict):
            for problem in self._operator(rule):
                yield f"{_at(path)}{problem}" + (_OR_HINT if or_like else "")
        elif rule is None:
            if not self._literals:
                yield (
                    f"{_at(path)}a bare null never matches, since metadata that is null is absent here: "
                    "write {'exists': false}"
                )
        elif isinstance(rule, bool):
            if not self._literals:
                text = str(rule).lower()
                yield (
                    f"{_at(path)}a bare {text} never matches, since booleans of the metadata are text here: "
                    f"write '{text}'"
                )
        elif is_number(rule):
            yield from (f"{_at(path)}{problem}" for problem in _number(rule))
        elif not isinstance(rule, str):
            yield f"{_at(path)}a value must be a string, a number, true, false, null or an operator, got {_show(rule)}"

    def _operator(self, rule: Mapping[Any, Any]) -> Iterator[str]:
        if len(rule) != 1:
            yield f"an operator object has one key, got {_show(rule)}: write one object for each operator"
            return
        ((word, operand),) = rule.items()
        if word in _EVENTBRIDGE_ONLY:
            yield f"operator '{word}' is EventBridge's, SNS has none: use 'prefix', 'suffix' or plain values"
        elif word not in OPERATORS:
            yield f"operator {_show(word)} is unknown: use one of {', '.join(sorted(OPERATORS))}"
        elif word in _TEXT_OPERATORS:
            if not isinstance(operand, str):
                yield f"'{word}' needs a string, got {_show(operand)}"
        elif word == "exists":
            if not isinstance(operand, bool):
                yield f"'exists' needs true or false, got {_show(operand)}"
        elif word == "cidr":
            yield from _cidr(operand)
        elif word == "numeric":
            yield from _numeric(operand)
        else:
            yield from _anything_but(operand)


def _anything_but(operand: object) -> Iterator[str]:
    if isinstance(operand, dict):
        if set(operand) != {"prefix"}:
            yield (
                f"'anything-but' takes no object but {{'prefix': …}}, got {_show(operand)}: "
                "'suffix', 'wildcard' and others in it are EventBridge's, not SNS's"
            )
        elif not isinstance(operand["prefix"], str) or not operand["prefix"]:
            yield f"'anything-but' needs a non-empty string as prefix, got {_show(operand['prefix'])}"
        return
    values = operand if isinstance(operand, list) else [operand]
    if values and all(isinstance(value, str) for value in values):
        return
    numbers = [value for value in values if is_number(value)]
    if values and len(numbers) == len(values):
        for number in numbers:
            yield from _number(number)
        return
    yield f"'anything-but' needs strings only or numbers only, at least one, got {_show(operand)}"


def _numeric(operand: object) -> Iterator[str]:
    if not isinstance(operand, list) or len(operand) not in _BOUNDS:
        yield (
            f"'numeric' needs one comparison or a range, got {_show(operand)}: write ['>=', 10] or ['>=', 10, '<', 20]"
        )
        return
    comparisons, bounds = operand[::2], operand[1::2]
    for comparison in comparisons:
        # A list could not be looked up in a set.
        if not isinstance(comparison, str) or comparison not in NUMERIC_COMPARISONS:
            yield f"'numeric' compares by =, <, <=, > or >=, got {_show(comparison)}"
            return
    for bound in bounds:
        if not is_number(bound):
            yield f"'numeric' compares with numbers, got {_show(bound)}"
            return
        yield from _number(bound)
    if len(comparisons) == 1:
        return
    lower, upper = comparisons
    if lower not in NUMERIC_LOWER or upper not in NUMERIC_UPPER:
        yield f"a 'numeric' range is '>' or '>=' and then '<' or '<=', got {_show(operand)}: put the lower bound first"
    elif bounds[0] >= bounds[1]:
        yield f"a 'numeric' range needs a lower bound below the upper one, got {_show(operand)}"


def _number(value: float) -> Iterator[str]:
    number = exact(value)
    if not number.is_finite() or abs(number) > MAX_NUMBER:
        yield f"number {_show(value)} is out of range: SNS compares numbers from -1e9 to 1e9"
    # A finite number's exponent is an int; decimals that are zero do not count.
    elif number != round(number, DECIMALS):
        yield f"number {_show(value)} has more than {DECIMALS} decimals: SNS compares {DECIMALS}, so round it"


def _cidr(operand: object) -> Iterator[str]:
    if isinstance(operand, str):
        address, slash, bits = operand.partition("/")
        if slash and bits.isascii() and bits.isdigit():
            try:
                ipaddress.ip_network(f"{ipaddress.ip_address(address)}/{bits}", strict=False)
            except ValueError:
                pass
            else:
                return
    yield f"'cidr' needs an address block such as '10.0.0.0/24' or '2001:db8::/32', got {_show(operand)}"


def _limits(policy: Mapping[str, Any], reserved: Collection[str], *, for_core: bool) -> Iterator[str]:
    for name in sorted(set(reserved) & set(named_keys(policy))):
        yield f"key '{name}' is reserved: leave it out"
    alternatives = count_alternatives(policy)
    if alternatives > MAX_ALTERNATIVES:
        yield (
            f"the options of '$or' in nested objects make {alternatives:,} combinations, at most {MAX_ALTERNATIVES:,} "
            "are evaluated: use fewer '$or'"
        )
    size = len(json.dumps(policy, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))
    if for_core and size > MAX_POLICY_BYTES:
        yield f"the policy is {size:,} bytes of JSON, at most {MAX_POLICY_BYTES:,} are allowed: shorten it"


def _leaf_hint(key: str) -> str:
    if key not in OPERATORS:
        return ""
    return f" ('{key}' is an operator and belongs inside the array of a leaf: write [{{'{key}': …}}])"


def _at(path: str) -> str:
    return f"'{path}': " if path else ""


def _show(value: object) -> str:
    """A value as the author wrote it, shortened: it may be as long as the policy."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
