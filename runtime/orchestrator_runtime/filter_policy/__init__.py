"""SNS subscription filter policies, evaluated and checked without SNS.

The core has to know, before it publishes, which subscriptions SNS will deliver
to. ``matches`` answers that as SNS does. ``problems`` says at synth time what
SNS, or CloudFormation on the way to it, would refuse or silently change.

Where the public documentation is silent, the open source library whose error
messages SNS gives (aws/event-ruler) was taken as the reading; where two readings
remain, the one that does not match, because a plugin that is called unexpectedly
is accepted, while one that is expected and never called costs a deadline.

Only the standard library is imported: this package is loaded by a CDK app, by
Lambda functions and by the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_runtime.filter_policy.evaluate import matches_attributes, matches_body
from orchestrator_runtime.filter_policy.grammar import (
    MAX_NUMBER,
    MAX_POLICY_BYTES,
    MESSAGE_ATTRIBUTES,
    MESSAGE_BODY,
    SCOPES,
    named_keys,
)
from orchestrator_runtime.filter_policy.validate import problems

__all__ = [
    "MAX_NUMBER",
    "MAX_POLICY_BYTES",
    "MESSAGE_ATTRIBUTES",
    "MESSAGE_BODY",
    "SCOPES",
    "FilterPolicyError",
    "matches",
    "named_keys",
    "problems",
]


class FilterPolicyError(ValueError):
    """A filter policy that SNS would have refused.

    Attributes:
        problems: One sentence for each thing that is wrong.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def matches(
    policy: dict[str, Any],
    attributes: Mapping[str, str | int | float | list[Any]],
    body: object = None,
    scope: str = MESSAGE_ATTRIBUTES,
) -> bool:
    """Whether SNS delivers a message to a subscription with this filter policy.

    Args:
        policy: The policy, as decoded from its JSON. An empty one lets everything through.
        attributes: The message's attributes: ``str``, number and ``list`` stand for SNS's
            ``String``, ``Number`` and ``String.Array``.
        body: The message's body, as JSON text or decoded. Read only with scope ``MessageBody``.
        scope: The subscription's ``FilterPolicyScope``.

    Returns:
        ``True`` if every key of the policy is met.

    Raises:
        FilterPolicyError: If SNS could not have accepted the policy or the scope.
    """
    if found := problems(policy, scope, booleans_as_text=False):
        raise FilterPolicyError(found)
    if scope == MESSAGE_BODY:
        return matches_body(policy, body)
    return matches_attributes(policy, attributes)
