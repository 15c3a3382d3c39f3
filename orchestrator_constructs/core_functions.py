"""The functions of the core, each with a role that may do what its handler does and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge, acknowledge_wildcard
from orchestrator_constructs.core_stores import FUNCTION_TIMEOUT, CoreStores
from orchestrator_constructs.queues import dead_letter_queue
from orchestrator_constructs.runtime_code import runtime_code
from orchestrator_runtime.contract import Env, Handler
from orchestrator_runtime.deployment import Deployment

_MEMORY_MB: Final = 512
_REPORTS_A_BATCH: Final = 10

_GET: Final = "dynamodb:GetItem"
_QUERY: Final = "dynamodb:Query"
_PUT: Final = "dynamodb:PutItem"
_UPDATE: Final = "dynamodb:UpdateItem"
_DELETE: Final = "dynamodb:DeleteItem"
_CONSUME: Final = (
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
)


@dataclass(frozen=True)
class FunctionOptions:
    """What all functions of a core have in common."""

    layer: lambda_.ILayerVersion
    architecture: lambda_.Architecture
    runtime: lambda_.Runtime
    log_retention: logs.RetentionDays
    removal_policy: RemovalPolicy


class CoreFunctions(Construct):
    """Defines the five functions and connects the results queue to the one that reads it.

    Four have physical names, because state machines and custom resources of
    other stacks and apps call them: a custom resource's service token may never
    change. What belongs to activities and workflows, which may be deployed
    later and elsewhere, is granted by the prefix of the deployment's names.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        stores: CoreStores,
        retention_days: int,
        options: FunctionOptions,
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self._stores = stores
        self._options = options
        self._code = runtime_code()
        stack = Stack.of(self)
        topics = stack.format_arn(
            service="sns", resource=f"{deployment.prefix}-", arn_format=ArnFormat.NO_RESOURCE_NAME
        )
        status_env = {Env.STATUS_TABLE: stores.status.table_name}
        control_env = {Env.CONTROL_TABLE: stores.control.table_name}
        registry_env = {Env.REGISTRY_TABLE: stores.registry.table_name}
        stage_env = {
            **status_env,
            **control_env,
            **registry_env,
            Env.RESULTS_QUEUE_URL: stores.results.queue_url,
            Env.TOPIC_ARN_PREFIX: topics,
        }
        self._functions = {
            Handler.BEGIN_RUN: self._function(
                Handler.BEGIN_RUN, {**status_env, Env.RETENTION_DAYS: str(retention_days)}
            ),
            Handler.ADVANCE_STAGE: self._function(Handler.ADVANCE_STAGE, stage_env),
            Handler.RECORD_RESULT: self._function(Handler.RECORD_RESULT, stage_env),
            Handler.END_RUN: self._function(Handler.END_RUN, {**status_env, **control_env}),
            Handler.REGISTER_PLUGIN: self._function(
                Handler.REGISTER_PLUGIN,
                registry_env,
                # CloudFormation invokes it asynchronously; what crashes before it can answer ends up here.
                dead_letters=dead_letter_queue(self, "DeadRegistrations", options.removal_policy),
            ),
        }
        self._grant_begin_run()
        for handler in (Handler.ADVANCE_STAGE, Handler.RECORD_RESULT):
            self._grant_stage_work(self.of(handler), f"{topics}*")
        self._grant_end_run()
        _allow(
            self.of(Handler.REGISTER_PLUGIN),
            (_QUERY, _PUT, _DELETE),
            [stores.registry.table_arn],
        )
        self._consume_results()

    def of(self, handler: Handler) -> lambda_.Function:
        """The function that runs a handler."""
        return self._functions[handler]

    def _function(
        self, handler: Handler, environment: Mapping[Env, str], *, dead_letters: sqs.IQueue | None = None
    ) -> lambda_.Function:
        name = "".join(part.capitalize() for part in handler.split("-"))
        log_group = logs.LogGroup(
            self,
            f"{name}Logs",
            retention=self._options.log_retention,
            removal_policy=self._options.removal_policy,
        )
        role = iam.Role(
            self,
            f"{name}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {handler} of the orchestrator {self._deployment.prefix} may do",
        )
        log_group.grant_write(role)
        function = lambda_.Function(
            self,
            name,
            # Nobody but the queue calls record-result, so it needs no name that others could know.
            function_name=None if handler is Handler.RECORD_RESULT else self._deployment.function(handler),
            description=_DESCRIPTIONS[handler],
            code=self._code,
            handler=handler.entry_point,
            layers=[self._options.layer],
            runtime=self._options.runtime,
            architecture=self._options.architecture,
            memory_size=_MEMORY_MB,
            timeout=FUNCTION_TIMEOUT,
            environment={
                **{variable.value: value for variable, value in environment.items()},
                "POWERTOOLS_SERVICE_NAME": handler.value,
                "POWERTOOLS_METRICS_NAMESPACE": self._deployment.prefix,
            },
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
            dead_letter_queue=dead_letters,
        )
        acknowledge_wildcard(role, "*", "X-Ray has no resources to name: segments are put to the account.")
        acknowledge(function, "AwsSolutions-L1", "The runtime is a prop; its default is one that has proved itself.")
        return function

    def _grant_begin_run(self) -> None:
        _allow(
            self.of(Handler.BEGIN_RUN),
            (_GET, _PUT, _UPDATE),
            [self._stores.status.table_arn],
        )
        executions = self._machine_arn("execution", f"{self._deployment.workflow('*')}:*")
        _allow(self.of(Handler.BEGIN_RUN), ["states:DescribeExecution"], [executions])
        self._acknowledge_prefix(executions, "workflows")

    def _grant_stage_work(self, function: lambda_.Function, topics: str) -> None:
        stores = self._stores
        _allow(function, (_GET, _QUERY, _PUT, _UPDATE, _DELETE), [stores.status.table_arn])
        _allow(function, (_GET, _PUT, _UPDATE), [stores.control.table_arn])
        _allow(function, (_QUERY,), [stores.registry.table_arn])
        _allow(function, ["sns:Publish"], [topics])
        machines = self._machine_arn("stateMachine", self._deployment.activity("*"))
        _allow(function, ["states:SendTaskSuccess", "states:SendTaskFailure"], [machines])
        for resource in (topics, machines):
            self._acknowledge_prefix(resource, "activities")

    def _grant_end_run(self) -> None:
        _allow(self.of(Handler.END_RUN), (_GET, _QUERY, _PUT, _UPDATE), [self._stores.status.table_arn])
        _allow(self.of(Handler.END_RUN), (_GET, _QUERY, _UPDATE), [self._stores.control.table_arn])

    def _consume_results(self) -> None:
        _allow(self.of(Handler.RECORD_RESULT), _CONSUME, [self._stores.results.queue_arn])
        self.of(Handler.RECORD_RESULT).add_event_source_mapping(
            "Results",
            event_source_arn=self._stores.results.queue_arn,
            batch_size=_REPORTS_A_BATCH,
            report_batch_item_failures=True,
        )

    def _machine_arn(self, resource: str, name: str) -> str:
        return Stack.of(self).format_arn(
            service="states", resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )

    def _acknowledge_prefix(self, resource: str, what: str) -> None:
        acknowledge_wildcard(
            self, resource, f"The {what} of a deployment are defined later, in other stacks and apps, by this prefix."
        )


_DESCRIPTIONS: Final = {
    Handler.BEGIN_RUN: "Begins a run, or resumes it",
    Handler.ADVANCE_STAGE: "Opens, wakes and closes a stage of a run",
    Handler.RECORD_RESULT: "Records what plugins report",
    Handler.END_RUN: "Writes how a run ended",
    Handler.REGISTER_PLUGIN: "Registers plugins as they are deployed",
}


def _allow(function: lambda_.Function, actions: Sequence[str], resources: Sequence[str]) -> None:
    function.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
