"""What is wrong with a filter policy, in sentences that say what to do."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from orchestrator_runtime.filter_policy.grammar import (
    DECIMALS,
    MAX_COMBINATIONS,
    MAX_KEYS,
    MAX_NUMBER,
    MAX_POLICY_BYTES,
    MESSAGE_ATTRIBUTES,
    NUMERIC_COMPARISONS,
    NUMERIC_LOWER,
    NUMERIC_UPPER,
    OPERATORS,
    OR,
    SCOPES,
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
    policy: object,
    scope: str = MESSAGE_ATTRIBUTES,
    *,
    reserved: Collection[str] = (),
    deployed_by_cloudformation: bool = False,
    booleans_as_text: bool = True,
) -> list[str]:
    """Say everything that is wrong with a filter policy.

    Args:
        policy: The policy, as decoded from its JSON.
        scope: ``MessageAttributes`` or ``MessageBody``.
        reserved: Keys that are added to the policy later. The policy may not name them, and each
            takes one of the five keys that SNS allows. Default: none.
        deployed_by_cloudformation: Refuse ``null`` as well: CloudFormation drops it silently.
        booleans_as_text: Refuse a bare ``true`` or ``false`` in the scope ``MessageAttributes`` as well:
            SNS takes it, but metadata booleans travel as the strings ``true`` and ``false``.

    Returns:
        One sentence for each problem; an empty list if the policy can be used.
    """
    if scope not in SCOPES:
        return [f"filter policy scope {_show(scope)} is unknown: use 'MessageAttributes' or 'MessageBody'"]
    if not isinstance(policy, dict):
        return [f"a filter policy must be an object, got {_show(policy)}: write {{key: [values]}}"]
    check = _Check(
        nested=scope != MESSAGE_ATTRIBUTES,
        nulls=not deployed_by_cloudformation,
        booleans=scope != MESSAGE_ATTRIBUTES or not booleans_as_text,
    )
    found = list(check.keys(policy, ""))
    if found:
        return found
    # The limits are worth telling only for a policy that is well formed.
    return list(_limits(policy, reserved))


class _Check:
    """The form of a policy: generators of one sentence for each thing that is wrong."""

    def __init__(self, *, nested: bool, nulls: bool, booleans: bool) -> None:
        self._nested = nested
        self._nulls = nulls
        self._booleans = booleans

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
            if not self._nulls:
                yield (
                    f"{_at(path)}null cannot be deployed, since CloudFormation drops it silently: "
                    "use {'exists': false}, or a value of your own such as 'none'"
                )
        elif isinstance(rule, bool):
            if not self._booleans:
                text = str(rule).lower()
                yield (
                    f"{_at(path)}a bare {text} never matches, since booleans of the metadata travel as text: "
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


def _limits(policy: Mapping[str, Any], reserved: Collection[str]) -> Iterator[str]:
    for name in sorted(set(reserved) & set(named_keys(policy))):
        yield f"key '{name}' is reserved and is added to the policy by itself: leave it out"
    keys = _widest(policy) + len(set(reserved))
    if keys > MAX_KEYS:
        added = f" with the reserved {', '.join(sorted(set(reserved)))}" if reserved else ""
        yield f"the policy has {keys} keys{added}, SNS allows {MAX_KEYS}: filter by fewer keys"
    combinations = _combinations(policy, 1)
    if combinations > MAX_COMBINATIONS:
        yield (
            f"the policy has {combinations} combinations of values, SNS allows {MAX_COMBINATIONS} (the lengths of all "
            "arrays multiplied, nested ones times their depth): list fewer values"
        )
    size = len(json.dumps(policy, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))
    if size > MAX_POLICY_BYTES:
        yield f"the policy is {size} bytes of JSON, SNS allows {MAX_POLICY_BYTES}: shorten it"


def _widest(policy: Mapping[str, Any]) -> int:
    """How many keys the policy has where it has most: in the widest option of each ``$or``.

    The documentation counts keys in more than one way. A policy with more than five top-level
    keys to be met together is refused by each of them; the rest is left for SNS to say.
    """
    return sum(
        max(_widest(option) for option in options) if (options := or_options(key, value)) else 1
        for key, value in policy.items()
    )


def _combinations(policy: Mapping[str, Any], depth: int) -> int:
    """The options of an ``$or`` are added up, everything else is multiplied."""
    total = 1
    for key, value in policy.items():
        if isinstance(value, dict):
            total *= _combinations(value, depth + 1)
        elif options := or_options(key, value):
            total *= sum(_combinations(option, depth) for option in options)
        else:
            total *= len(value) * depth
    return total


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
