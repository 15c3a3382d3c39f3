"""Whether a function's resource policy lets a topic call it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_SNS: Final = "sns.amazonaws.com"
_INVOKE: Final = "lambda:InvokeFunction"
_SOURCE_ARN: Final = "aws:sourcearn"
_SOURCE_ACCOUNT: Final = "aws:sourceaccount"
_IF_EXISTS: Final = "ifexists"
_WILD: Final = frozenset({"arnlike", "arnequals", "stringlike"})
_EXACT: Final = frozenset({"stringequals"})
_ACCOUNT_IN_ARN: Final = 4


def may_call(policy: Mapping[str, Any] | None, topic_arn: str) -> bool:
    """Whether a statement of the policy allows SNS to call the function for this topic.

    Conditions on other things than the source are taken as met, and no statement that denies
    is looked for: a problem is reported only where it is certain.

    Args:
        policy: The function's resource policy; ``None`` if it has none.
        topic_arn: The topic.
    """
    return any(_allows(statement, topic_arn) for statement in _list((policy or {}).get("Statement")))


def _allows(statement: object, topic_arn: str) -> bool:
    if not isinstance(statement, Mapping) or statement.get("Effect") != "Allow":
        return False
    if not any(_like(str(action), _INVOKE, ignore_case=True) for action in _list(statement.get("Action"))):
        return False
    if not _is_sns(statement.get("Principal")):
        return False
    return all(_met(operator, values, topic_arn) for operator, values in _conditions(statement))


def _is_sns(principal: object) -> bool:
    if isinstance(principal, Mapping):
        return any(service in {_SNS, "*"} for service in _list(principal.get("Service")))
    return principal == "*"


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, list[Any]]]]:
    """Each condition: operator, and key with values. Neither of the first two minds upper or lower case."""
    condition = statement.get("Condition")
    for operator, keys in condition.items() if isinstance(condition, Mapping) else ():
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            yield operator.lower().removesuffix(_IF_EXISTS), (key.lower(), _list(values))


def _met(operator: str, condition: tuple[str, list[Any]], topic_arn: str) -> bool:
    key, values = condition
    if key == _SOURCE_ACCOUNT:
        actual = topic_arn.split(":")[_ACCOUNT_IN_ARN]
    elif key == _SOURCE_ARN:
        actual = topic_arn
    else:
        return True
    if operator in _WILD:
        return any(_like(str(value), actual) for value in values)
    return operator not in _EXACT or actual in values


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
