"""One function of the core: its role, its log group, and what all functions have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    acknowledge_runtime,
    acknowledge_shared_concurrency,
    acknowledge_wildcard,
)
from orchestrator_constructs.core.network import Network
from orchestrator_constructs.core.stores import FUNCTION_TIMEOUT
from orchestrator_constructs.custom_resource import MAX_REQUEST_AGE, RETRIES
from orchestrator_constructs.validation import check_count
from orchestrator_runtime.contract import OFF, Env, Handler
from orchestrator_runtime.deployment import Deployment

_MEMORY_MB: Final = 512
_MEMORY_MB_OF_MANY: Final = 1024
"""Of the function that checks deadlines: it works many activities at once within a minute, and CPU grows with memory.

While nothing is due it takes some ten milliseconds a minute, a few cents a month."""
_LEAST_READERS: Final = 2
"""SQS does not let a mapping have fewer."""
# What AWSLambdaVPCAccessExecutionRole allows, without the logs, which every function may write anyway.
_NETWORK: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
REQUESTED: Final = frozenset({Handler.REGISTER_PLUGIN, Handler.REGISTER_STAGES})
"""Functions that CloudFormation invokes. They must not serve a request after CloudFormation has given up."""
SCHEDULED: Final = frozenset({Handler.CHECK_DEADLINES, Handler.WATCH_RUNS})
"""Functions that do the same each minute: an invocation that failed is not repeated."""
_DESCRIPTIONS: Final = {
    Handler.BEGIN_RUN: "Begins a run, or resumes it",
    Handler.OPEN_ACTIVITY: "Opens an activity of a run, and its first stage that has plugins",
    Handler.RECORD_RESULT: "Records reports of plugins, closes stages and opens the next",
    Handler.CHECK_DEADLINES: "Enforces the deadlines of plugins, each minute",
    Handler.END_RUN: "Writes how a run ended",
    Handler.CANCEL_RUN: "Cancels a run",
    Handler.SWEEP_RUNS: "Ends runs whose executions were stopped, timed out, or failed at their last",
    Handler.WATCH_RUNS: "Counts runs in progress, and announces overdue ones",
    Handler.REGISTER_PLUGIN: "Registers plugins as they are deployed",
    Handler.REGISTER_STAGES: "Registers stages as they are deployed",
    Handler.RECONCILE: "Repairs the registry from what is subscribed",
}


@dataclass(frozen=True)
class FunctionOptions:
    """What all functions of a core have in common.

    Attributes:
        code: The runtime package.
        layer: The packages that it imports.
        architecture: The processor.
        runtime: The Python.
        log_retention: How long logs are kept.
        removal_policy: What becomes of logs and dead letters when they leave the stack.
        tracing: Whether invocations are traced.
        network: The network that the functions run in, if they run in one of their owner's.
        reserved_concurrency: How many of a function run at once, at most and guaranteed.
        plugin_metrics: Whether plugins are measured one by one.
    """

    code: lambda_.Code
    layer: lambda_.ILayerVersion
    architecture: lambda_.Architecture
    runtime: lambda_.Runtime
    log_retention: logs.RetentionDays
    removal_policy: RemovalPolicy
    tracing: bool
    network: Network | None = None
    reserved_concurrency: Mapping[Handler, int] = field(default_factory=dict)
    plugin_metrics: bool = True


def memory_mb(handler: Handler) -> int:
    """The memory of the function that runs a handler."""
    return _MEMORY_MB_OF_MANY if handler is Handler.CHECK_DEADLINES else _MEMORY_MB


def checked_concurrency(reserved: Mapping[Handler, int]) -> dict[Handler, int]:
    """Check the reserved concurrency of a core's functions.

    Raises:
        ValueError: Something is no function of the core, or too few.
    """
    if strangers := sorted(str(handler) for handler in reserved if handler not in set(Handler)):
        raise ValueError(f"reserved_concurrency has {strangers}: use {', '.join(Handler)}")
    for handler, number in reserved.items():
        # Step Functions, EventBridge and custom resources bear one at a time; the queue's readers do not.
        least = _LEAST_READERS if handler == Handler.RECORD_RESULT else 1
        check_count(f"reserved_concurrency of {handler}", number, at_least=least)
    return {Handler(handler): number for handler, number in reserved.items()}


def define_function(
    scope: Construct,
    handler: Handler,
    *,
    deployment: Deployment,
    environment: Mapping[Env, str],
    options: FunctionOptions,
    timeout: Duration = FUNCTION_TIMEOUT,
    dead_letters: sqs.IQueue | None = None,
) -> lambda_.Function:
    """Define the function that runs a handler, as a child of ``scope``.

    Args:
        scope: The core's functions.
        handler: The handler.
        deployment: The deployment that it belongs to.
        environment: The variables of its environment.
        options: What all functions have in common.
        timeout: The function's timeout.
        dead_letters: The dead-letter queue of asynchronous invocations that failed for good.
    """
    name = "".join(part.capitalize() for part in handler.split("-"))
    log_group = logs.LogGroup(
        scope, f"{name}Logs", retention=options.log_retention, removal_policy=options.removal_policy
    )
    role = iam.Role(
        scope,
        f"{name}Role",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=f"What {handler} of the orchestrator {deployment.prefix} may do",
    )
    log_group.grant_write(role)
    network = options.network
    if network is not None:
        # The CDK adds this only to roles of its own.
        role.add_to_policy(iam.PolicyStatement(actions=list(_NETWORK), resources=["*"]))
    function = lambda_.Function(
        scope,
        name,
        function_name=deployment.function(handler),
        description=_DESCRIPTIONS[handler],
        code=options.code,
        handler=handler.entry_point,
        layers=[options.layer],
        runtime=options.runtime,
        architecture=options.architecture,
        memory_size=memory_mb(handler),
        timeout=timeout,
        environment={
            **{variable.value: value for variable, value in environment.items()},
            **({} if options.plugin_metrics else {Env.PLUGIN_METRICS.value: OFF}),
            "POWERTOOLS_SERVICE_NAME": handler.value,
            "POWERTOOLS_METRICS_NAMESPACE": deployment.prefix,
            **({} if options.tracing else {Env.TRACING.value: OFF}),
        },
        role=role,
        log_group=log_group,
        logging_format=lambda_.LoggingFormat.JSON,
        # A start and a report of each invocation would be more than all other lines. Failed invocations are logged.
        system_log_level_v2=lambda_.SystemLogLevel.WARN,
        tracing=lambda_.Tracing.ACTIVE if options.tracing else lambda_.Tracing.DISABLED,
        dead_letter_queue=dead_letters,
        max_event_age=MAX_REQUEST_AGE if handler in REQUESTED else None,
        retry_attempts=RETRIES if handler in REQUESTED else None,
        reserved_concurrent_executions=options.reserved_concurrency.get(handler),
        # Each plugin of a sequential stage invokes this function once more by its report, in one chain of SNS and SQS.
        # Lambda takes sixteen of them for a loop, and stops it. This chain ends with the activity.
        recursive_loop=lambda_.RecursiveLoop.ALLOW if handler is Handler.RECORD_RESULT else None,
        vpc=network.vpc if network else None,
        vpc_subnets=network.subnets if network else None,
        security_groups=network.security_groups if network else None,
    )
    acknowledge_wildcard(
        role, "*", "X-Ray, and a function's network interfaces, have no resources that a policy could name beforehand."
    )
    if not options.tracing:
        acknowledge(function, "Serverless-LambdaTracing", "The prop tracing of the core turns it off.")
    acknowledge_inline_policy(role)
    acknowledge_log_encryption(log_group)
    acknowledge_runtime(function, "The runtime is a prop; its default is one that has proved itself.")
    if dead_letters is None:
        acknowledge_no_dead_letters(
            function,
            "The next invocation of its schedule does what a failed one did not."
            if handler in SCHEDULED
            else "The caller waits for its answer, and handles its failure.",
        )
    if handler in REQUESTED:
        acknowledge(
            function, "Serverless-LambdaAsyncFailureDestination", "Its dead-letter queue keeps what failed for good."
        )
    if network is None:
        acknowledge_no_network(function, "It talks to AWS alone, over TLS; the prop vpc puts it into a network.")
    if handler not in options.reserved_concurrency:
        acknowledge_shared_concurrency(
            function, "The operator reserves concurrency for it by the prop reserved_concurrency."
        )
    return function
