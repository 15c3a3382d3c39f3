"""The functions around a plugin's queue: one reports what died in it, one feeds it if it is a FIFO queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.acknowledgements import (
    acknowledge,
    acknowledge_inline_policy,
    acknowledge_log_encryption,
    acknowledge_no_dead_letters,
    acknowledge_no_network,
    acknowledge_queue_source,
    acknowledge_runtime,
    acknowledge_shared_concurrency,
)
from orchestrator_constructs.property_text import number_as_text
from orchestrator_constructs.queues import LAMBDA_CONSUMES
from orchestrator_constructs.runtime_code import runtime_code
from orchestrator_runtime.contract import Env

_TIMEOUT: Final = Duration.seconds(30)
DEAD_LETTERS_HIDDEN: Final = Duration.seconds(180)
"""Six times the function's timeout, as AWS advises."""
_MEMORY_MB: Final = 256
_DEAD_LETTERS_A_BATCH: Final = 10
_HANDLERS: Final = "orchestrator_runtime.plugin_queue"


def define_dead_letter_function(
    scope: Construct, plugin_name: str, max_receives: int, queues: Mapping[str, sqs.IQueue]
) -> lambda_.Function:
    """Define what turns dead letters into an error of the plugin.

    Args:
        scope: The plugin's construct.
        plugin_name: The plugin's name.
        max_receives: How often a message was received when it is dead.
        queues: Where dead letters come to, by the id that the connection to the queue gets.
    """
    function = _function(
        scope,
        "DeadLetters",
        handler=f"{_HANDLERS}.report_dead_letters.lambda_handler",
        description=f"Reports what died in the queue of plugin {plugin_name}",
        environment={Env.PLUGIN_NAME: plugin_name, Env.MAX_RECEIVES: number_as_text(max_receives)},
    )
    for id, queue in queues.items():  # noqa: A001 - a construct's id
        function.add_to_role_policy(iam.PolicyStatement(actions=list(LAMBDA_CONSUMES), resources=[queue.queue_arn]))
        source = function.add_event_source_mapping(
            id,
            event_source_arn=queue.queue_arn,
            batch_size=_DEAD_LETTERS_A_BATCH,
            report_batch_item_failures=True,
        )
        acknowledge_queue_source(source)
    acknowledge_no_dead_letters(function, "A queue calls it, and keeps what it could not report.")
    return function


def define_fifo_feeder(scope: Construct, plugin_name: str, queue: sqs.IQueue, fifo_key: str | None) -> lambda_.Function:
    """Define what brings messages from a topic into a FIFO queue: a standard topic cannot.

    Args:
        scope: The plugin's construct.
        plugin_name: The plugin's name.
        queue: The FIFO queue.
        fifo_key: The metadata key whose value keeps messages in order; ``None``: the run's uid.
    """
    environment = {Env.PLUGIN_NAME: plugin_name, Env.FIFO_QUEUE_URL: queue.queue_url}
    if fifo_key is not None:
        environment[Env.FIFO_KEY] = fifo_key
    function = _function(
        scope,
        "Feeder",
        handler=f"{_HANDLERS}.forward_to_fifo.lambda_handler",
        description=f"Feeds the FIFO queue of plugin {plugin_name}",
        environment=environment,
    )
    function.add_to_role_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn]))
    return function


def _function(
    scope: Construct,
    id: str,  # noqa: A002
    *,
    handler: str,
    description: str,
    environment: Mapping[Env, str],
) -> lambda_.Function:
    log_group = logs.LogGroup(
        scope, f"{id}Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
    )
    role = iam.Role(
        scope,
        f"{id}Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=description,
    )
    log_group.grant_write(role)
    function = lambda_.Function(
        scope,
        f"{id}Function",
        description=description,
        # No layer: it imports the standard library and boto3, which Lambda brings.
        code=runtime_code(),
        handler=handler,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        memory_size=_MEMORY_MB,
        timeout=_TIMEOUT,
        environment={variable.value: value for variable, value in environment.items()},
        role=role,
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
    )
    acknowledge_inline_policy(role)
    acknowledge_log_encryption(log_group)
    acknowledge_runtime(function, "It runs on the Python that the core's functions run on by default.")
    acknowledge_no_network(function, "It talks to SQS alone, over TLS.")
    acknowledge_shared_concurrency(function, "It has as much to do as its plugin, whose stack it is in.")
    acknowledge(
        function,
        "Serverless-LambdaTracing",
        "It hands on one message with one call, and logs that it did; traces would need a right on all resources.",
    )
    return function
