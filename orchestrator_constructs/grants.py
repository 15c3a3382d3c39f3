"""What others are allowed to do with a deployment."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from orchestrator_constructs.encryption import PUBLISH_AND_SEND
from orchestrator_constructs.placement import nearest_construct


def policy_scope(grantee: iam.IGrantable, otherwise: Construct) -> Construct:
    """Find the construct in whose stack a grant will be written down.

    A principal that is no construct, such as an account, leaves it to ``otherwise``.
    """
    for candidate in (grantee.grant_principal, grantee):
        if (found := nearest_construct(candidate)) is not None:
            return found
    return otherwise


def is_written(grant: iam.Grant, grantee: iam.IGrantable) -> bool:
    """Tell whether a grant stands in a policy of who got it.

    For a role that was imported with ``mutable=False`` the CDK calls it a success, and writes nothing.
    """
    node = getattr(grantee.grant_principal, "node", None)
    return grant.success and node is not None and any(isinstance(child, iam.Policy) for child in node.find_all())


def allow_report(grantee: iam.IGrantable, queue_arn: str, *, key_arn: str | None = None) -> iam.Grant:
    """Allow to send to the results queue, and to encrypt for it with a key of another account."""
    grant = iam.Grant.add_to_principal(grantee=grantee, actions=["sqs:SendMessage"], resource_arns=[queue_arn])
    if key_arn is None:
        return grant
    encrypts = iam.Grant.add_to_principal(grantee=grantee, actions=[*PUBLISH_AND_SEND], resource_arns=[key_arn])
    return grant.combine(encrypts)


def allow_read_status(grantee: iam.IGrantable, table_arn: str) -> iam.Grant:
    """Allow to read the status table, and its stream not."""
    return iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"],
        resource_arns=[table_arn],
    )


def allow_invoke(grantee: iam.IGrantable, function_arn: str) -> iam.Grant:
    """Allow to invoke a function."""
    return iam.Grant.add_to_principal(grantee=grantee, actions=["lambda:InvokeFunction"], resource_arns=[function_arn])


def allow_start(grantee: iam.IGrantable, state_machine_arn: str) -> iam.Grant:
    """Allow to start executions of a state machine."""
    return iam.Grant.add_to_principal(
        grantee=grantee, actions=["states:StartExecution"], resource_arns=[state_machine_arn]
    )
