"""A customer managed key: what is encrypted with it, and what its policy has to allow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

from aws_cdk import Annotations, CfnResource, Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_constructs.other_accounts import NOBODY_ELSE, OtherAccounts

PUBLISH_AND_SEND: Final = ("kms:Decrypt", "kms:GenerateDataKey")
"""What SNS and SQS ask of a key for who publishes or sends, and SNS of one for whom it delivers."""
_OF_TABLES: Final = ("kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*")
_THROUGH: Final = ("dynamodb", "sns", "sqs")
_DOCUMENTED: Final = "docs/operations.md, 'A key of your own'"
_PLACEHOLDERS: Final = {"AWS::AccountId": "ACCOUNT", "AWS::Partition": "aws", "AWS::Region": "REGION"}


class QueueEncryption(TypedDict, total=False):
    """The props of a queue that say how it is encrypted."""

    encryption: sqs.QueueEncryption
    encryption_master_key: kms.IKey


def queue_encryption(key: kms.IKey | None) -> QueueEncryption:
    """How a queue is encrypted: with the key, or else by SQS."""
    if key is None:
        return {"encryption": sqs.QueueEncryption.SQS_MANAGED}
    return {"encryption": sqs.QueueEncryption.KMS, "encryption_master_key": key}


def encrypt_table(table: dynamodb.TableV2, key: kms.IKey | None) -> None:
    """Encrypt a table of one region with the key, instead of the one that AWS manages for DynamoDB."""
    if key is not None:
        # The CDK's own prop for it refuses stacks whose region is not known at synthesis.
        replicas = table.node.default_child
        assert isinstance(replicas, CfnResource)  # noqa: S101 - what a table consists of
        replicas.add_property_override("Replicas.0.SSESpecification.KMSMasterKeyId", key.key_arn)


def let_services_use(key: kms.IKey, scope: Construct, topic_arns: str, *, others: OtherAccounts = NOBODY_ELSE) -> None:
    """Have the key's policy allow what encrypted tables, topics and queues need; warn if the key was imported.

    Args:
        key: The key.
        scope: What is encrypted with it.
        topic_arns: The ARNs, with a wildcard, of the topics whose messages SNS delivers to encrypted queues.
        others: Other accounts that send to an encrypted queue.

    Raises:
        ValueError: The key is in another account or region than ``scope``.
    """
    _allow(key, scope, [*_statements(scope, topic_arns), *_of_others(scope, others)])


def checked_key(scope: Construct, core: IOrchestratorCore, given: kms.IKey | None) -> kms.IKey | None:
    """The key for what is defined in ``scope``: the one that was given, whose policy is completed, or the core's."""
    if given is None:
        return core.encryption_key_for(scope)
    let_services_use(given, scope, core.topic_arn_pattern(consumer=scope))
    return given


def let_alarms_use(key: kms.IKey, scope: Construct) -> None:
    """Have the key's policy allow CloudWatch alarms to publish to an encrypted topic; warn if the key was imported.

    Raises:
        ValueError: The key is in another account or region than ``scope``.
    """
    # The same statement that the CDK's grant_publish writes, which keeps it once.
    needed = _of_service(
        "cloudwatch.amazonaws.com",
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
    )
    _allow(key, scope, [needed])


def _allow(key: kms.IKey, scope: Construct, statements: Sequence[iam.PolicyStatement]) -> None:
    _check_place(key, scope)
    # The CDK drops a statement that a policy has already.
    missing = [one for one in statements if not key.add_to_resource_policy(one).statement_added]
    if missing:
        stack = Stack.of(scope)
        needed = ", ".join(json.dumps(_readable(stack.resolve(one.to_statement_json()))) for one in missing)
        Annotations.of(scope).add_warning_v2(
            "orchestrator:keyPolicy",
            f"this app cannot change the policy of key {key.node.path!r}, because the key was imported: add to that "
            f"policy the statements {needed}, or messages are lost and items cannot be read ({_DOCUMENTED})",
        )


def _check_place(key: kms.IKey, scope: Construct) -> None:
    """Refuse a key of another place: roles use it by the key's policy alone, which suffices in one account only."""
    stack = Stack.of(scope)
    for what, has, needs in (
        ("account", key.env.account, stack.account),
        ("region", key.env.region, stack.region),
    ):
        if not Token.is_unresolved(has) and not Token.is_unresolved(needs) and has != needs:
            raise ValueError(
                f"encryption_key of {scope.node.path!r} is in {what} {has!r}: use a key of {what} {needs!r}, in which "
                f"this stack is deployed"
            )


def _readable(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Replace what CloudFormation fills in by what a reader replaces."""
    match value:
        case {"Ref": str(name)}:
            return _PLACEHOLDERS.get(name, name)
        case {"Fn::Join": [str(separator), [*parts]]}:
            return separator.join(str(_readable(part)) for part in parts)
        case dict():
            return {name: _readable(one) for name, one in value.items()}
        case list():
            return [_readable(one) for one in value]
    return value


def _statements(scope: Construct, topic_arns: str) -> Sequence[iam.PolicyStatement]:
    stack = Stack.of(scope)
    return (
        # As the policies of AWS managed keys have it: each service checks the principal's rights on table, topic or
        # queue. Plugins and readers of the status are deployed later, elsewhere, and do not know the key.
        iam.PolicyStatement(
            principals=[iam.AnyPrincipal()],
            actions=[*PUBLISH_AND_SEND, *_OF_TABLES],
            resources=["*"],
            conditions={
                "StringEquals": {
                    "kms:CallerAccount": stack.account,
                    "kms:ViaService": [f"{service}.{stack.region}.amazonaws.com" for service in _THROUGH],
                }
            },
        ),
        _of_service("sns.amazonaws.com", PUBLISH_AND_SEND, {"ArnLike": {"aws:SourceArn": topic_arns}}),
        _of_service("events.amazonaws.com", PUBLISH_AND_SEND, {"StringEquals": {"aws:SourceAccount": stack.account}}),
    )


def _of_others(scope: Construct, others: OtherAccounts) -> Sequence[iam.PolicyStatement]:
    through_queues = {"StringEquals": {"kms:ViaService": f"sqs.{Stack.of(scope).region}.amazonaws.com"}}
    return list(others.statements(scope, PUBLISH_AND_SEND, ["*"], through_queues))


def _of_service(
    service: str, actions: Sequence[str], conditions: Mapping[str, Mapping[str, str]]
) -> iam.PolicyStatement:
    # The conditions are the principal's, as in grants of the CDK, which otherwise cannot merge the two statements.
    principal = iam.ServicePrincipal(service, conditions=conditions)
    return iam.PolicyStatement(principals=[principal], actions=list(actions), resources=["*"])
