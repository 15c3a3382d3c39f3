"""Whether a function's resource policy lets a topic invoke it.

The core invokes a function on behalf of whoever subscribed it. So the answer has to be certain in both directions: only
a function that the topic may invoke is asked, and only one that it may not invoke is taken for unreachable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum, StrEnum
from typing import Any, Final

_SNS: Final = "sns.amazonaws.com"
_SNS_OF_SOME_REGION: Final = "sns."
_INVOKE: Final = "lambda:InvokeFunction"
_SOURCE_ARN: Final = "aws:sourcearn"
_SOURCE_ACCOUNT: Final = "aws:sourceaccount"
_IF_EXISTS: Final = "ifexists"
_VARIABLE: Final = "${"
_ACCOUNT_IN_ARN: Final = 4
_COLONS_IN_ARN: Final = 5
_ELEMENTS: Final = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition"})
"""Elements of a statement that are evaluated here, or that Lambda has checked: the resource is the function."""


class Permission(StrEnum):
    """What a resource policy says of a topic."""

    GRANTED = "granted"
    """A statement allows it, and none denies it."""
    REFUSED = "refused"
    """No statement allows it, or one denies it."""
    UNCLEAR = "unclear"
    """That depends on an element or a condition that is not evaluated here."""


class _Applies(IntEnum):
    """Whether a statement, or a part of one, applies to a topic. All parts have to: the least counts."""

    NO = 0
    MAYBE = 1
    YES = 2


def permission(policy: Mapping[str, Any] | None, topic_arn: str) -> Permission:
    """Decides whether a function's resource policy lets SNS invoke the function for a topic.

    Conditions on the source's ARN and account are evaluated, which SNS sends with every invocation. A statement with
    any other condition, or with another element such as ``NotAction``, grants nothing for certain, and may deny.

    Args:
        policy: The function's resource policy; ``None`` if it has none.
        topic_arn: The topic.
    """
    statements = _list((policy or {}).get("Statement"))
    allowed = _strongest(statements, "Allow", topic_arn)
    denied = _strongest(statements, "Deny", topic_arn)
    if allowed is _Applies.NO or denied is _Applies.YES:
        return Permission.REFUSED
    return Permission.GRANTED if allowed is _Applies.YES and denied is _Applies.NO else Permission.UNCLEAR


def _strongest(statements: list[Any], effect: str, topic_arn: str) -> _Applies:
    return max((_with_effect(statement, effect, topic_arn) for statement in statements), default=_Applies.NO)


def _with_effect(statement: object, effect: str, topic_arn: str) -> _Applies:
    """Whether a statement applies with the effect. One whose effect is not known allows nothing, and may deny."""
    found = statement.get("Effect") if isinstance(statement, Mapping) else None
    if isinstance(statement, Mapping) and found == effect:
        return _applies(statement, topic_arn)
    return _Applies.MAYBE if effect == "Deny" and found != "Allow" else _Applies.NO


def _applies(statement: Mapping[str, Any], topic_arn: str) -> _Applies:
    known = _Applies.YES if _ELEMENTS.issuperset(statement) else _Applies.MAYBE
    return min(known, _to_invoking(statement), _to_sns(statement), *_conditions(statement, topic_arn))


def _to_invoking(statement: Mapping[str, Any]) -> _Applies:
    if "NotAction" in statement:
        return _Applies.MAYBE
    actions = _list(statement.get("Action"))
    return _certainly(any(_like(str(action), _INVOKE, ignore_case=True) for action in actions))


def _to_sns(statement: Mapping[str, Any]) -> _Applies:
    if "NotPrincipal" in statement:
        return _Applies.MAYBE
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        return _certainly(principal == "*")
    services = [str(service) for service in _list(principal.get("Service"))]
    # IAM takes {"AWS": "*"} in a resource policy for "*".
    if "*" in _list(principal.get("AWS")) or not {_SNS, "*"}.isdisjoint(services):
        return _Applies.YES
    return _Applies.MAYBE if any(one.startswith(_SNS_OF_SOME_REGION) for one in services) else _Applies.NO


def _conditions(statement: Mapping[str, Any], topic_arn: str) -> Iterator[_Applies]:
    condition = statement.get("Condition")
    if condition is None:
        return
    if not isinstance(condition, Mapping):
        yield _Applies.MAYBE
        return
    for operator, keys in condition.items():
        if not isinstance(keys, Mapping):
            yield _Applies.MAYBE
            continue
        for key, values in keys.items():
            # IAM minds upper and lower case in neither of the two.
            yield _met(operator.lower().removesuffix(_IF_EXISTS), key.lower(), _list(values), topic_arn)


def _met(operator: str, key: str, values: list[Any], topic_arn: str) -> _Applies:
    """Whether a condition is met: any of its values is enough."""
    if key not in {_SOURCE_ARN, _SOURCE_ACCOUNT}:
        return _Applies.MAYBE
    actual = topic_arn if key == _SOURCE_ARN else topic_arn.split(":")[_ACCOUNT_IN_ARN]
    return max((_value_met(operator, str(value), actual) for value in values), default=_Applies.NO)


def _value_met(operator: str, value: str, actual: str) -> _Applies:
    if _VARIABLE in value:
        return _Applies.MAYBE
    match operator:
        case "stringequals":
            return _certainly(value == actual)
        case "stringlike":
            return _certainly(_like(value, actual))
        case "arnlike" | "arnequals":
            return _arn_met(value, actual)
        case _:
            return _Applies.MAYBE


def _arn_met(pattern: str, arn: str) -> _Applies:
    """Both operators compare the six parts of an ARN one by one, so that a star reaches across no colon."""
    wanted, actual = (text.split(":", _COLONS_IN_ARN) for text in (pattern, arn))
    if len(wanted) == len(actual) and all(map(_like, wanted, actual)):
        return _Applies.YES
    return _Applies.MAYBE if _like(pattern, arn) else _Applies.NO


def _certainly(applies: bool) -> _Applies:
    return _Applies.YES if applies else _Applies.NO


def _like(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    first, *rest = ("".join("." if c == "?" else re.escape(c) for c in part) for part in pattern.split("*"))
    if rest:
        # Each part where it comes first, and never elsewhere: with a plain ".*" a policy of many stars takes for ever.
        first += "".join(f"(?>.*?{part})" for part in rest[:-1]) + f".*{rest[-1]}"
    return re.fullmatch(first, text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None


def _list(value: object) -> list[Any]:
    """IAM lets a list of one be written without brackets."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
