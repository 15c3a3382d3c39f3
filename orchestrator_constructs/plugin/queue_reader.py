"""Who reads a plugin's queue: a function that Lambda calls with its messages, or a role of anything else."""

from __future__ import annotations

from aws_cdk import Duration, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.plugin.queue import MOST_WITHOUT_WINDOW, QueueSettings
from orchestrator_constructs.queues import CONSUME


def let_read(plugin: Construct, queue: sqs.IQueue, role: iam.IRole) -> iam.Grant:
    """Allow a role to read the plugin's queue.

    The policy lies with the plugin and not with the role: the plugin's stack knows the role, and if the
    role's stack had to know the queue too, each of the two would need the other first.
    """
    child = f"Reader-{role.node.addr}"
    policy = plugin.node.try_find_child(child) or iam.Policy(plugin, child, roles=[role])
    assert isinstance(policy, iam.Policy)  # noqa: S101 - nothing else has that id
    return iam.Grant.add_to_principal(grantee=policy, actions=list(CONSUME), resource_arns=[queue.queue_arn])


def connect(
    plugin: Construct, queue: sqs.IQueue, function: lambda_.IFunction, settings: QueueSettings
) -> lambda_.EventSourceMapping:
    """Have the function called with what is in the queue.

    Raises:
        ValueError: The function's role is not known.
    """
    if function.role is None:
        raise ValueError(
            f"function {function.node.path!r} of plugin {plugin.node.path!r} was imported without its role, so this "
            f"app cannot let it read the queue: import it by Function.from_function_attributes with its role, or "
            f"leave function out, and connect it to the queue where it is defined"
        )
    batch_size = settings.batch_size
    waits = not Token.is_unresolved(batch_size) and batch_size > MOST_WITHOUT_WINDOW
    source = lambda_.EventSourceMapping(
        plugin,
        "Source",
        target=function,
        event_source_arn=queue.queue_arn,
        batch_size=batch_size,
        max_batching_window=Duration.seconds(1) if waits else None,
        max_concurrency=settings.max_concurrency,
        report_batch_item_failures=True,
    )
    # Lambda looks for the right to read when the connection is made.
    let_read(plugin, queue, function.role).apply_before(source)
    return source
