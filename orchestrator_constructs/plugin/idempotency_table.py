"""The table by which a plugin that is not idempotent remembers what it was called for."""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from orchestrator_constructs.encryption import checked_key, encrypt_table
from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_constructs.plugin.function import defined_function
from orchestrator_runtime.contract import Env

# As the persistence layer of Powertools for AWS Lambda names them where it is told nothing else.
_KEY: Final = "id"
_EXPIRES: Final = "expiration"
_ACTIONS: Final = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")
_CHILD: Final = "OrchestratorCalls"


def remember_calls(
    plugin: Construct, function: lambda_.IFunction, core: IOrchestratorCore, key: kms.IKey | None
) -> None:
    """Give the function a table in which the ``plugin`` decorator remembers its calls; one for all its plugins.

    It lies beside the function, whose environment names it: in the plugin's stack, if that is another,
    each of the two stacks would need the other first.

    Raises:
        ValueError: The function is imported, so that its environment cannot be set here.
    """
    defined = defined_function(function)
    if defined is None:
        raise ValueError(
            f"idempotent=False of plugin {plugin.node.path!r}: function {function.node.path!r} is imported, so this "
            f"app cannot give it a table. Where it is defined, define a DynamoDB table with the partition key {_KEY!r} "
            f"(a string) and {_EXPIRES!r} as time-to-live attribute, set {Env.IDEMPOTENCY_TABLE} to its name, allow "
            f"{', '.join(_ACTIONS)} on it, and leave idempotent out here"
        )
    if defined.node.try_find_child(_CHILD) is not None:
        return
    table = dynamodb.TableV2(
        defined,
        _CHILD,
        partition_key=dynamodb.Attribute(name=_KEY, type=dynamodb.AttributeType.STRING),
        billing=dynamodb.Billing.on_demand(),
        encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
        time_to_live_attribute=_EXPIRES,
        removal_policy=RemovalPolicy.DESTROY,
    )
    encrypt_table(table, checked_key(defined, core, key))
    table.grant(defined, *_ACTIONS)
    defined.add_environment(Env.IDEMPOTENCY_TABLE, table.table_name)
