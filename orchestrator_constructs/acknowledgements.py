"""Reasons for what security checks would complain about, kept by the construct that causes it.

cdk-nag, if an app uses it, reads these from the construct tree.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import Construct


def acknowledge(scope: Construct, rule: str, reason: str) -> None:
    """Acknowledge one finding on a construct and all below it.

    Args:
        scope: The construct that causes the finding.
        rule: The finding's id, such as ``AwsSolutions-L1``.
        reason: Why it is right as it is.
    """
    Validations.of(scope).acknowledge(Acknowledgment(id=rule, reason=reason))


def acknowledge_wildcard(scope: Construct, resource: str, reason: str) -> None:
    """Acknowledge a policy statement on a resource that ends in a wildcard.

    Args:
        scope: The construct that holds the policy.
        resource: The resource, as the statement has it.
        reason: Why no narrower one will do.
    """
    acknowledge(scope, f"AwsSolutions-IAM5[Resource::{_flat(Stack.of(scope).resolve(resource))}]", reason)


def _flat(value: Any) -> str:  # noqa: ANN401 - a resolved template fragment
    """Write a resolved value as cdk-nag's finding ids do: ``arn:<AWS::Partition>:sns:…``."""
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Fn::Join": [delimiter, parts]}:
            return str(delimiter).join(_flat(part) for part in parts)
        case _:
            return str(value)
