"""Reasons for what security checks would complain about, kept by the construct that causes it.

cdk-nag, if an app uses it, reads these from the construct tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

_LATEST_RUNTIME: Final = ("AwsSolutions-L1", "Serverless-LambdaLatestVersion")
_DEAD_LETTERS: Final = ("Serverless-LambdaDLQ", "NIST.800.53.R5-LambdaDLQ")


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


def acknowledge_runtime(function: lambda_.Function, reason: str) -> None:
    """Acknowledge that a function does not run on the latest release of its language."""
    _acknowledge_each(function, _LATEST_RUNTIME, reason)


def acknowledge_no_dead_letters(function: Construct, reason: str) -> None:
    """Acknowledge that a function has no dead letter queue of its own."""
    _acknowledge_each(function, _DEAD_LETTERS, reason)


def acknowledge_no_network(function: lambda_.Function, reason: str) -> None:
    """Acknowledge that a function runs in Lambda's network."""
    acknowledge(function, "NIST.800.53.R5-LambdaInsideVPC", reason)


def acknowledge_shared_concurrency(function: lambda_.Function, reason: str) -> None:
    """Acknowledge that a function takes its concurrency from what the account has left."""
    acknowledge(function, "NIST.800.53.R5-LambdaConcurrency", reason)


def acknowledge_inline_policy(of: iam.Role | iam.Policy) -> None:
    """Acknowledge that what a role may do stands in a policy of its own."""
    acknowledge(
        of,
        "NIST.800.53.R5-IAMNoInlinePolicy",
        "It says what this one role may do, and comes and goes with it; a managed policy could be attached to others.",
    )


def acknowledge_log_encryption(log_group: logs.LogGroup) -> None:
    """Acknowledge that a log group is encrypted with CloudWatch's own key."""
    acknowledge(
        log_group,
        "NIST.800.53.R5-CloudWatchLogGroupEncrypted",
        "CloudWatch encrypts it with a key of its own, and no payload, token or secret is logged.",
    )


def acknowledge_queue_source(source: lambda_.EventSourceMapping) -> None:
    """Acknowledge that a function reads a queue without a destination for what failed: for queues, Lambda has none."""
    acknowledge(
        source,
        "Serverless-LambdaEventSourceMappingDestination",
        "Lambda takes such a destination for streams only; what fails goes back to the queue, and from there to its "
        "dead letter queue.",
    )


def _acknowledge_each(scope: Construct, rules: Sequence[str], reason: str) -> None:
    for rule in rules:
        acknowledge(scope, rule, reason)


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
