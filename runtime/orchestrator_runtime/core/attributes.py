"""Which part of a run's data travels as SNS message attributes, and in which form.

The whole metadata is in the message's body. Attributes are what filter policies of the scope
``MessageAttributes`` select by, and SNS delivers at most ten of them to a queue.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypedDict

from orchestrator_runtime.contract import (
    MAX_MESSAGE_ATTRIBUTES,
    PLUGINS_ATTRIBUTE,
    RESERVED_ATTRIBUTES,
    WORKFLOW_ATTRIBUTE,
)
from orchestrator_runtime.filter_policy import MAX_NUMBER, named_keys
from orchestrator_runtime.names import ATTRIBUTE_NAME

AttributeValue: TypeAlias = str | int | float | list[Any]
"""What stands for SNS's ``String``, ``Number`` and ``String.Array``."""
Attributes: TypeAlias = dict[str, AttributeValue]

# SNS compares a String attribute as a part of a JSON document that it does not escape: the
# documentation says that with one of these no filter matches, and the message is not delivered.
_BREAKS_FILTERS: Final = re.compile(r'["\\\x00-\x1f\x7f]')


class SnsAttribute(TypedDict):
    """A message attribute, as ``Publish`` takes it."""

    DataType: str
    StringValue: str


def message_attributes(
    workflow: str, plugins: Sequence[str], metadata: Mapping[str, Any], filter_keys: Iterable[str]
) -> Attributes:
    """Choose at most ten attributes: ours, then what filters name, then what there is.

    Null, empty values, nested objects, numbers that SNS cannot compare, text that would break its
    comparison, and names that SNS forbids stay in the body only.

    Args:
        workflow: The workflow's name.
        plugins: The plugins that the message releases.
        metadata: The run's metadata.
        filter_keys: The metadata keys that registered filter policies name, the first first.

    Returns:
        Attributes in the order in which they were chosen; booleans are the texts ``true`` and ``false``.
    """
    chosen: Attributes = {WORKFLOW_ATTRIBUTE: workflow, PLUGINS_ATTRIBUTE: list(plugins)}
    for name in (*filter_keys, *sorted(metadata)):
        if len(chosen) == MAX_MESSAGE_ATTRIBUTES:
            break
        if name in RESERVED_ATTRIBUTES or not ATTRIBUTE_NAME.fullmatch(name):
            continue
        value = _attribute(metadata.get(name))
        if value is not None:
            chosen[name] = value
    return chosen


def filter_keys(policies: Iterable[Mapping[str, Any]]) -> list[str]:
    """The attributes that filter policies of the scope ``MessageAttributes`` name, sorted.

    Args:
        policies: Valid policies. Keys inside ``$or`` count, the reserved ones do not.
    """
    return sorted({key for policy in policies for key in named_keys(policy)} - RESERVED_ATTRIBUTES)


def to_sns(attributes: Mapping[str, AttributeValue]) -> dict[str, SnsAttribute]:
    """The attributes as ``MessageAttributes`` of ``Publish``."""
    return {name: _to_sns(value) for name, value in attributes.items()}


def attributes_bytes(attributes: Mapping[str, AttributeValue]) -> int:
    """The bytes that SNS counts for attributes against a message's size: names, types and values."""
    return sum(
        len(part.encode())
        for name, attribute in to_sns(attributes).items()
        for part in (name, attribute["DataType"], attribute["StringValue"])
    )


def _attribute(value: object) -> AttributeValue | None:
    if isinstance(value, list):
        # A String.Array is JSON of its own, so its strings may have any character.
        return [element for element in map(_scalar, value) if element is not None] or None
    scalar = _scalar(value)
    if isinstance(scalar, str) and (not scalar or _BREAKS_FILTERS.search(scalar)):
        return None
    return scalar


def _scalar(value: object) -> str | int | float | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if _can_be_sent(value) else None
    # Not-a-number is no smaller than anything, and so stays out as well.
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:
        return value
    return None


def _can_be_sent(text: str) -> bool:
    """JSON can spell half of a surrogate pair, which no service takes, and two characters that XML has not."""
    if "\ufffe" in text or "\uffff" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _to_sns(value: AttributeValue) -> SnsAttribute:
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    if isinstance(value, list):
        return {"DataType": "String.Array", "StringValue": json.dumps(value, ensure_ascii=False)}
    # Python writes small fractions with an exponent; SNS is asked for decimals.
    return {"DataType": "Number", "StringValue": f"{Decimal(repr(value)):f}"}
