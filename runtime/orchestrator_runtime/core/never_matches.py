"""Finds filter policies that no message of a stage can match, whatever the metadata.

SNS accepts them, and the plugin is never invoked. A filter by values that merely never occur is not found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_runtime.contract import PLUGINS_ATTRIBUTE
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES, matches
from orchestrator_runtime.filter_policy.grammar import alternatives
from orchestrator_runtime.names import ATTRIBUTE_NAME

BODY_KEYS: Final = frozenset(
    {
        "uid",
        "workflow",
        "activity",
        "stage",
        "attempt",
        "plugins",
        "now",
        "metadata",
        "outputs",
        "report_to",
    }
)
"""Top-level keys of the message that plugins get. Its model would bring pydantic along; a test compares them."""
_ABSENT: Final = {"exists": False}


def why_never(registration: Registration) -> str | None:
    """Returns why a plugin's filter policy never matches; ``None`` if that is not certain.

    Args:
        registration: A registration whose filter policy is valid.
    """
    reasons = [
        next((reason for key, rules in constraints if (reason := _why_not_met(key, rules, registration))), None)
        for constraints in alternatives(registration.filter_policy)
    ]
    # Of alternatives, as in $or, it is enough that one can be met.
    return reasons[0] if reasons and all(reasons) else None


def _why_not_met(key: str, rules: list[Any], registration: Registration) -> str | None:
    if key == PLUGINS_ATTRIBUTE and not _met(key, rules, [registration.name]):
        return (
            f"it wants other names in '{PLUGINS_ATTRIBUTE}' than {registration.name!r}, under which the plugin is "
            f"registered: write {{'{PLUGINS_ATTRIBUTE}': ['{registration.name}']}}, or register it under the other name"
        )
    if registration.filter_policy_scope == MESSAGE_ATTRIBUTES:
        return _why_no_attribute(key, rules, registration)
    return _why_not_in_body(key, rules, registration)


def _why_no_attribute(key: str, rules: list[Any], registration: Registration) -> str | None:
    # The core looks a managed plugin's keys up in the metadata itself.
    if not registration.managed and not ATTRIBUTE_NAME.fullmatch(key) and _ABSENT not in rules:
        return f"no attribute can be named {key!r}: such metadata is found with scope MessageBody, below 'metadata'"
    if all(rule is None or isinstance(rule, bool) for rule in rules):
        return (
            f"'{key}' wants a bare true, false or null, but booleans of metadata are text here, and null is absent: "
            "write 'true', 'false' or {'exists': false}"
        )
    return None


def _why_not_in_body(key: str, rules: list[Any], registration: Registration) -> str | None:
    # Nested keys are joined by dots, and so may be written by the author.
    top = key.partition(".")[0]
    if top not in BODY_KEYS:
        if _ABSENT in rules:
            return None
        return f"the message has no key {top!r} at its top: metadata is below 'metadata', write {{'metadata': {{…}}}}"
    fixed: Mapping[str, str] = {"activity": registration.activity, "stage": str(registration.stage)}
    if key in fixed and not _met(key, rules, fixed[key]):
        return f"it wants another {key} than {fixed[key]!r}, to whose topic it is subscribed: leave '{key}' out"
    return None


def _met(key: str, rules: list[Any], value: str | list[Any]) -> bool:
    return matches({key: rules}, {key: value})
