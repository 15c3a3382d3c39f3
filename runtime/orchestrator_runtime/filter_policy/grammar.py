"""What the words and keys of a filter policy mean; shared by evaluation and validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import product
from typing import Any, Final, TypeAlias, TypeGuard

MESSAGE_ATTRIBUTES: Final = "MessageAttributes"
MESSAGE_BODY: Final = "MessageBody"
SCOPES: Final = (MESSAGE_ATTRIBUTES, MESSAGE_BODY)

OR: Final = "$or"
_FEWEST_OPTIONS: Final = 2
OPERATORS: Final = frozenset(
    {"anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix"},
)
NUMERIC_LOWER: Final = frozenset({">", ">="})
NUMERIC_UPPER: Final = frozenset({"<", "<="})
NUMERIC_COMPARISONS: Final = NUMERIC_LOWER | NUMERIC_UPPER | {"="}

MAX_POLICY_BYTES: Final = 4_096
"""Of a filter policy that the core evaluates, as JSON. It is stored in the registry and read with each stage."""
MAX_ALTERNATIVES: Final = 1_000
"""Combinations of the options of all ``$or``. Nested objects multiply them, and each one is evaluated."""
MAX_NUMBER: Final = 1_000_000_000
DECIMALS: Final = 5

# A field of one of these names inside "$or" makes "$or" an ordinary key. The later ones are
# not operators of SNS, but words that its matching engine keeps for itself.
_RESERVED_IN_OR: Final = (
    OPERATORS
    | NUMERIC_COMPARISONS
    | {"exactly", "wildcard", "not-wildcard", "not-equals-ignore-case", "regex"}
    | {"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"}
    | {"ip-address-in-range", "ip-address-not-in-range"}
)

Constraint: TypeAlias = tuple[str, list[Any]]
"""A dotted path and the values of which one has to be met there."""


def or_options(key: str, value: object) -> list[dict[str, Any]] | None:
    """The options of an OR relationship, or ``None`` if the key is merely called ``$or``, or otherwise.

    SNS takes ``$or`` for an OR only if it has an array of two objects or more, and none of them a
    field named by a reserved word.
    """
    if key != OR or not isinstance(value, list) or len(value) < _FEWEST_OPTIONS:
        return None
    if not all(isinstance(option, dict) and _RESERVED_IN_OR.isdisjoint(option) for option in value):
        return None
    return value


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether this is a JSON number: to Python, ``True`` is one as well."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def exact(number: float) -> Decimal:
    """The number that was written: 0.1, and not the nearest binary fraction."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def alternatives(policy: Mapping[str, Any], prefix: str = "") -> list[list[Constraint]]:
    """Spell out every ``$or`` of a valid policy.

    Nested keys are joined by dots, as SNS does: ``{"a": {"b": …}}`` and ``{"a.b": …}`` are one
    policy. A valid policy has at most ``MAX_ALTERNATIVES``.

    Returns:
        Lists of constraints; the policy is met if all constraints of one of the lists are.
    """
    parts: list[list[list[Constraint]]] = []
    for key, value in policy.items():
        if options := or_options(key, value):
            parts.append([found for option in options for found in alternatives(option, prefix)])
        elif isinstance(value, dict):
            parts.append(alternatives(value, f"{prefix}{key}."))
        else:
            parts.append([[(f"{prefix}{key}", value)]])
    return [[constraint for choice in choices for constraint in choice] for choices in product(*parts)]


def count_alternatives(policy: Mapping[str, Any]) -> int:
    """The number of lists that ``alternatives`` would return, without making them."""
    total = 1
    for key, value in policy.items():
        if options := or_options(key, value):
            total *= sum(map(count_alternatives, options))
        elif isinstance(value, dict):
            total *= count_alternatives(value)
    return total


def named_keys(policy: Mapping[str, Any]) -> Iterator[str]:
    """The top-level keys that a policy names, those inside ``$or`` included."""
    for key, value in policy.items():
        if options := or_options(key, value):
            for option in options:
                yield from named_keys(option)
        else:
            yield key
