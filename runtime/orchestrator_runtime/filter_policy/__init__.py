"""Filter policies in the language of SNS, evaluated and checked without SNS.

The core decides with ``matches`` which plugins a run invokes, and predicts with it to which plain
subscriptions SNS delivers. ``problems`` says at synth time what is wrong with a filter policy.

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

from orchestrator_runtime.filter_policy.evaluate import MAX_CHECKS, OutOfChecks, matches_attributes, matches_body
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
    "MAX_CHECKS",
    "MAX_NUMBER",
    "MAX_POLICY_BYTES",
    "MESSAGE_ATTRIBUTES",
    "MESSAGE_BODY",
    "SCOPES",
    "FilterPolicyError",
    "TooCostlyError",
    "matches",
    "named_keys",
    "problems",
]


class FilterPolicyError(ValueError):
    """A filter policy that cannot be evaluated: SNS would refuse it, or it takes too many comparisons.

    Attributes:
        problems: One sentence for each thing that is wrong.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class TooCostlyError(FilterPolicyError):
    """The evaluation of a filter policy on this message would delay the other plugins of the stage."""


def matches(
    policy: dict[str, Any],
    attributes: Mapping[str, str | int | float | list[Any]],
    body: object = None,
    scope: str = MESSAGE_ATTRIBUTES,
    *,
    most_checks: int = MAX_CHECKS,
) -> bool:
    """Whether a message meets a filter policy, as SNS decides it.

    Args:
        policy: The policy, as decoded from its JSON. An empty one lets everything through.
        attributes: The message's attributes: ``str``, number and ``list`` stand for SNS's
            ``String``, ``Number`` and ``String.Array``.
        body: The message's body, as JSON text or decoded. Read only with scope ``MessageBody``.
        scope: The subscription's ``FilterPolicyScope``.
        most_checks: How many comparisons the evaluation may take. Default: 100,000.

    Returns:
        ``True`` if every key of the policy is met.

    Raises:
        FilterPolicyError: SNS could not have accepted the policy or the scope.
        TooCostlyError: The evaluation takes more comparisons.
    """
    if found := problems(policy, scope):
        raise FilterPolicyError(found)
    try:
        if scope == MESSAGE_BODY:
            return matches_body(policy, body, most_checks)
        return matches_attributes(policy, attributes, most_checks)
    except OutOfChecks:
        raise TooCostlyError([f"its evaluation takes more than {most_checks:,} comparisons"]) from None
