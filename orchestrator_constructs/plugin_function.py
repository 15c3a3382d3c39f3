"""What a function needs so that it can be a plugin: to be called, to report, to know its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from aws_cdk import Annotations, ArnFormat, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct

from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_runtime.contract import Env
from orchestrator_runtime.deployment import Deployment

_NAME_METADATA: Final = "orchestrator:plugin-name"


def let_stages_call(function: lambda_.IFunction, deployment: Deployment) -> Sequence[IConstruct]:
    """Let every topic of a core call the function.

    It is one statement for each core, not one for each topic: a function's policy holds 20 KB.

    Returns:
        What has to be deployed before the function can be called. Nothing if the CDK cannot give the
        permission, because the function was imported from another account; it warns of that itself.
    """
    permission = f"CalledByStagesOf-{deployment.prefix}"
    if function.permissions_node.try_find_child(permission) is None:
        topics = Stack.of(function).format_arn(
            service="sns", resource=f"{deployment.prefix}-*", arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        function.add_permission(permission, principal=iam.ServicePrincipal("sns.amazonaws.com"), source_arn=topics)
    made = function.permissions_node.try_find_child(permission)
    return [] if made is None else [made]


def let_report(plugin: Construct, function: lambda_.IFunction, core: IOrchestratorCore) -> None:
    """Let the function's role send to the results queue, or warn with the statement that its role needs."""
    if function.role is not None:
        core.grant_report(function)
        return
    stack = Stack.of(plugin)
    region = "REGION" if Token.is_unresolved(stack.region) else stack.region
    account = "ACCOUNT" if Token.is_unresolved(stack.account) else stack.account
    statement = {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": f"arn:aws:sqs:{region}:{account}:{core.deployment.results_queue}",
    }
    Annotations.of(plugin).add_warning_v2(
        "orchestrator:roleUnknown",
        f"function {function.node.path!r} was imported without its role, so this app cannot let it report: "
        f"add to that role the statement {json.dumps(statement)}",
    )


def give_name(function: lambda_.Function, name: str) -> None:
    """Let the function know under which name it is registered.

    Raises:
        ValueError: It is registered under another name, too.
    """
    for entry in function.node.metadata:
        if entry.type == _NAME_METADATA and entry.data != name:
            raise ValueError(
                f"function {function.node.path!r} is plugin {entry.data!r} and cannot be plugin {name!r} as well: it "
                f"learns one name, from {Env.PLUGIN_NAME}. Set name={entry.data!r} here too, or define two functions"
            )
    function.node.add_metadata(_NAME_METADATA, name)
    function.add_environment(Env.PLUGIN_NAME, name)
