"""Filters that can never match: found where it is certain, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_runtime.core.never_matches import BODY_KEYS, why_never
from orchestrator_runtime.models import PluginMessage
from tests.unit.samples import a_registration

ATTRIBUTES, BODY = "MessageAttributes", "MessageBody"


def reason(policy: dict[str, Any], scope: str) -> str | None:
    return why_never(a_registration(filter_policy=policy, filter_policy_scope=scope))


@pytest.mark.parametrize(
    ("policy", "scope"),
    [
        ({}, ATTRIBUTES),
        ({"plugins": ["Score"], "line": ["never seen"]}, ATTRIBUTES),
        ({"plugins": ["Other", {"prefix": "Sc"}]}, ATTRIBUTES),
        ({"plugins": [{"anything-but": ["Other"]}]}, ATTRIBUTES),
        ({"vip": [True, "true"]}, ATTRIBUTES),
        ({"vip": [None, "x"]}, ATTRIBUTES),
        ({"a b": [{"exists": False}]}, ATTRIBUTES),
        ({"$or": [{"plugins": ["Other"]}, {"line": ["auto"]}]}, ATTRIBUTES),
        ({}, BODY),
        ({"metadata": {"vip": [True]}, "plugins": ["Score"]}, BODY),
        ({"metadata.line": ["auto"]}, BODY),
        ({"activity": ["Rate"], "stage": [{"prefix": "para"}]}, BODY),
        ({"line": [{"exists": False}]}, BODY),
        ({"$or": [{"line": ["auto"]}, {"metadata": {"line": ["auto"]}}]}, BODY),
    ],
)
def test_what_may_match_is_left_alone(policy: dict[str, Any], scope: str) -> None:
    assert reason(policy, scope) is None


@pytest.mark.parametrize(
    ("policy", "scope", "told"),
    [
        ({"plugins": ["Other"]}, ATTRIBUTES, "write {'plugins': ['Score']}"),
        ({"plugins": ["score"]}, BODY, "than 'Score', under which the plugin is registered"),
        ({"line": ["auto"], "plugins": [{"exists": False}]}, ATTRIBUTES, "other names in 'plugins'"),
        ({"vip": [True, False]}, ATTRIBUTES, "write 'true', 'false' or {'exists': false}"),
        ({"vip": [None]}, ATTRIBUTES, "wants a bare true, false or null"),
        ({"a b": ["x"]}, ATTRIBUTES, "no attribute can be named 'a b'"),
        ({"line": ["auto"]}, BODY, "no key 'line' at its top: metadata is below 'metadata'"),
        ({"quote.line": ["auto"]}, BODY, "no key 'quote' at its top"),
        ({"activity": ["Other"]}, BODY, "another activity than 'Rate'"),
        ({"stage": ["pre"]}, BODY, "another stage than 'parallel'"),
        ({"$or": [{"line": ["auto"]}, {"premium": [1]}]}, BODY, "no key 'line'"),
    ],
)
def test_what_can_never_match_is_told_with_what_to_do(policy: dict[str, Any], scope: str, told: str) -> None:
    found = reason(policy, scope)
    assert found is not None
    assert told in found


def test_the_core_finds_metadata_under_any_key() -> None:
    registration = a_registration(filter_policy={"a b": ["x"]}, owner="arn:stack")
    assert why_never(registration) is None


def test_the_keys_are_those_of_the_message() -> None:
    assert set(PluginMessage.model_fields) == BODY_KEYS
