"""The rights to report and to read a plugin's queue: given, or spelled out where this app cannot give them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Annotations, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge_inline_policy
from orchestrator_constructs.encryption import PUBLISH_AND_SEND
from orchestrator_constructs.grants import is_written
from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_constructs.queues import CONSUME, LAMBDA_CONSUMES


def let_report(plugin: Construct, function: lambda_.IFunction, core: IOrchestratorCore) -> iam.Grant | None:
    """Let the function's role send to the results queue, or warn with the statement that its role needs.

    Returns:
        The grant; ``None`` if the role is not known, or is not this app's to change.
    """
    of = f"function {function.node.path!r}"
    if function.role is None:
        _warn(plugin, "roleUnknown", f"{of} was imported without its role", "report", _to_report(plugin, core))
        return None
    grant = core.grant_report(function)
    if not is_written(grant, function):
        _warn(plugin, "roleFixed", _not_ours(f"the role of {of}"), "report", _to_report(plugin, core))
        return None
    return grant


def let_work(
    plugin: Construct, queue: sqs.IQueue, function: lambda_.IFunction, core: IOrchestratorCore
) -> iam.Grant | None:
    """Let the function's role read the plugin's queue, and report; or warn with the statements that it needs.

    The policy lies with the plugin and not with the role: the plugin's stack knows the function, and if the
    function's stack had to know the queue too, each of the two would need the other first.

    Returns:
        The right to read: Lambda looks for it when the two are connected. ``None`` if the role is not this
        app's to change.

    Raises:
        ValueError: The function's role is not known.
    """
    if function.role is None:
        raise ValueError(
            f"function {function.node.path!r} of plugin {plugin.node.path!r} was imported without its role, so this "
            f"app cannot let it read the queue: import it by Function.from_function_attributes with its role, or "
            f"leave function out, and connect it to the queue where it is defined"
        )
    if let_report(plugin, function, core) is None:
        whose = _not_ours(f"the role of function {function.node.path!r}")
        _warn(plugin, "roleFixed", whose, "read the queue", [_to_read(queue, LAMBDA_CONSUMES)])
        return None
    policy = iam.Policy(plugin, f"Reader-{function.role.node.addr}", roles=[function.role])
    acknowledge_inline_policy(policy)
    return iam.Grant.add_to_principal(grantee=policy, actions=list(LAMBDA_CONSUMES), resource_arns=[queue.queue_arn])


def let_consume(plugin: Construct, queue: sqs.IQueue, grantee: iam.IGrantable, core: IOrchestratorCore) -> iam.Grant:
    """Let a consumer outside of Lambda read the plugin's queue and report, or warn with the statements it needs."""
    reads = iam.Grant.add_to_principal_or_resource(
        grantee=grantee, actions=list(CONSUME), resource_arns=[queue.queue_arn], resource=queue
    )
    reports = core.grant_report(grantee)
    rights = ((reads, [_to_read(queue, CONSUME)]), (reports, _to_report(plugin, core)))
    if missing := [one for grant, needed in rights if not is_written(grant, grantee) for one in needed]:
        node = getattr(grantee.grant_principal, "node", None)
        consumer = f"consumer {node.path!r}" if node else "a consumer"
        _warn(plugin, "roleFixed", _not_ours(consumer), "read the queue and report", missing)
    return reads.combine(reports)


def _not_ours(whom: str) -> str:
    return f"{whom} is not this app's to change (mutable=False, or of another account)"


def _warn(plugin: Construct, id: str, why: str, what: str, statements: Sequence[Mapping[str, Any]]) -> None:  # noqa: A002
    needed = ", ".join(json.dumps(statement) for statement in statements)
    Annotations.of(plugin).add_warning_v2(
        f"orchestrator:{id}", f"{why}, so this app cannot let it {what}: add to that role the statement {needed}"
    )


def _to_report(plugin: Construct, core: IOrchestratorCore) -> list[dict[str, Any]]:
    _, partition, _, region, account, _ = core.topic_arn_pattern(consumer=plugin).split(":")
    place = [
        word if Token.is_unresolved(part) else part
        for part, word in ((partition, "aws"), (region, "REGION"), (account, "ACCOUNT"))
    ]
    queue_arn = "arn:{}:sqs:{}:{}:{}".format(*place, core.deployment.results_queue)
    statements: list[dict[str, Any]] = [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue_arn}]
    if (key_arn := core.reporting_key_arn) is not None:
        resource = "ARN of the core's key" if Token.is_unresolved(key_arn) else key_arn
        statements.append({"Effect": "Allow", "Action": [*PUBLISH_AND_SEND], "Resource": resource})
    return statements


def _to_read(queue: sqs.IQueue, actions: Sequence[str]) -> dict[str, Any]:
    # The queue gets its name when it is deployed.
    return {"Effect": "Allow", "Action": list(actions), "Resource": f"ARN of {queue.node.path}"}
