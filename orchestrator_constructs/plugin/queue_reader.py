"""How a function reads a plugin's queue: Lambda calls it with its messages."""

from __future__ import annotations

from aws_cdk import Duration, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge_queue_source
from orchestrator_constructs.plugin.queue import MOST_WITHOUT_WINDOW, QueueSettings


def connect(
    plugin: Construct,
    queue: sqs.IQueue,
    function: lambda_.IFunction,
    settings: QueueSettings,
    right: iam.Grant | None,
) -> lambda_.EventSourceMapping:
    """Have the function called with what is in the queue.

    Args:
        plugin: The plugin's construct.
        queue: The plugin's queue.
        function: Who is called.
        settings: How often, and with how much.
        right: The function's right to read the queue, if this app gives it.
    """
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
    acknowledge_queue_source(source)
    if right is not None:
        # Lambda looks for it when the connection is made.
        right.apply_before(source)
    return source
