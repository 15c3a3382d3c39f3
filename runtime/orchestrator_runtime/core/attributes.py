"""The metadata that filter policies select by: as SNS message attributes, and as the core reads it.

A filter policy of the scope ``MessageAttributes`` selects by attributes. SNS filters plain subscriptions, and delivers
at most ten attributes to a queue. The core filters managed plugins itself, by all of the metadata. The message's body
always has the whole metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypedDict

from orchestrator_runtime.contract import (
    MAX_MESSAGE_ATTRIBUTES,
    PLUGINS_ATTRIBUTE,
    RESERVED_ATTRIBUTES,
    WORKFLOW_ATTRIBUTE,
)
from orchestrator_runtime.filter_policy import MAX_NUMBER, MESSAGE_ATTRIBUTES, named_keys
from orchestrator_runtime.names import ATTRIBUTE_NAME

AttributeValue: TypeAlias = str | int | float | list[Any]
"""The value of an SNS attribute of the type ``String``, ``Number`` or ``String.Array``."""
Attributes: TypeAlias = dict[str, AttributeValue]
_Scalar: TypeAlias = str | int | float

MAX_METADATA_ATTRIBUTES: Final = MAX_MESSAGE_ATTRIBUTES - len(RESERVED_ATTRIBUTES)
"""Metadata keys that travel as message attributes, beside the core's own two."""

# SNS compares a String attribute as a part of a JSON document that it does not escape: the
# documentation says that with one of these no filter matches, and the message is not delivered.
_BREAKS_FILTERS: Final = re.compile(r'["\\\x00-\x1f\x7f]')


class SnsAttribute(TypedDict):
    """A message attribute, as ``Publish`` takes it."""

    DataType: str
    StringValue: str


def message_attributes(
    workflow: str, plugins: Sequence[str], metadata: Mapping[str, Any], keys: Iterable[str]
) -> Attributes:
    """Returns a message's attributes: ``workflow``, ``plugins`` and the metadata under the given keys.

    Args:
        workflow: The workflow's name.
        plugins: The plugins that the message invokes.
        metadata: The run's metadata.
        keys: The metadata keys that travel. Those of which SNS cannot carry the value are left out, and so is what
            exceeds ``MAX_METADATA_ATTRIBUTES``.
    """
    sendable = list(sendable_attributes(metadata, keys).items())[:MAX_METADATA_ATTRIBUTES]
    return {**core_attributes(workflow, plugins), **dict(sendable)}


def core_attributes(workflow: str, plugins: Sequence[str]) -> Attributes:
    """Returns the attributes that every message has."""
    return {WORKFLOW_ATTRIBUTE: workflow, PLUGINS_ATTRIBUTE: list(plugins)}


def sendable_attributes(metadata: Mapping[str, Any], keys: Iterable[str]) -> Attributes:
    """Returns the metadata under some keys in the form of SNS attributes, without what SNS cannot carry.

    SNS cannot carry null, empty values, nested objects, numbers outside of its range, text that breaks its comparison,
    and reserved or malformed names. Booleans become the texts ``true`` and ``false``.
    """
    attributes: Attributes = {}
    for name in keys:
        if name in RESERVED_ATTRIBUTES or not ATTRIBUTE_NAME.fullmatch(name):
            continue
        value = _attribute(metadata.get(name), _sendable)
        if value is None or (isinstance(value, str) and _BREAKS_FILTERS.search(value)):
            continue
        attributes[name] = value
    return attributes


def filterable_attributes(metadata: Mapping[str, Any]) -> Attributes:
    """Returns all metadata that a filter policy of the scope ``MessageAttributes`` can select by.

    The form is that of SNS attributes, without the limits of SNS on number, names and values: the core evaluates it.
    Null, empty values and nested objects are absent. Booleans become the texts ``true`` and ``false``.
    """
    pairs = ((name, _attribute(value, _scalar)) for name, value in metadata.items() if name not in RESERVED_ATTRIBUTES)
    return {name: value for name, value in pairs if value is not None}


def keys_filtered_by_sns(policy: Mapping[str, Any], scope: str) -> list[str]:
    """Returns the metadata keys that SNS needs as message attributes to evaluate a filter policy, sorted.

    Keys inside ``$or`` count, and so do those of rules that only SNS understands; the core's own attributes do not.
    """
    return sorted(set(named_keys(policy)) - RESERVED_ATTRIBUTES) if scope == MESSAGE_ATTRIBUTES else []


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


def _attribute(value: object, scalar: Callable[[object], _Scalar | None]) -> AttributeValue | None:
    if isinstance(value, list):
        # A String.Array is JSON of its own, so its strings may have any character.
        return [element for element in map(scalar, value) if element is not None] or None
    found = scalar(value)
    return None if found == "" else found


def _scalar(value: object) -> _Scalar | None:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | int | float) else None


def _sendable(value: object) -> _Scalar | None:
    scalar = _scalar(value)
    if isinstance(scalar, str):
        return scalar if _can_be_sent(scalar) else None
    # Not-a-number is no smaller than anything, and so stays out as well.
    return scalar if scalar is not None and abs(scalar) <= MAX_NUMBER else None


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
