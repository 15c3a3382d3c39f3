"""The functions of the core, each with a role that may do what its handler does and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge_queue_source, acknowledge_wildcard
from orchestrator_constructs.core.dead_letters import CoreDeadLetters
from orchestrator_constructs.core.function import FunctionOptions, define_function
from orchestrator_constructs.core.stores import FUNCTION_TIMEOUT, CoreStores
from orchestrator_constructs.placement import Place
from orchestrator_constructs.queues import LAMBDA_CONSUMES
from orchestrator_runtime.contract import (
    ACTIVE_RUNS,
    CHECK_DEADLINES_EVERY_SECONDS,
    DUE_ACTIVITIES,
    REGISTRY_BY_FUNCTION,
    DeadLetters,
    Env,
    Handler,
)
from orchestrator_runtime.deployment import Deployment

_REPORTS_A_BATCH: Final = 10
_MOST_CONCURRENT_BATCHES: Final = 1000
_LONGEST_TIMEOUT: Final = Duration.minutes(15)
"""SNS answers 30 requests a second, one for each subscription; Step Functions 15, one for each run left behind."""
_BEFORE_THE_NEXT: Final = Duration.seconds(CHECK_DEADLINES_EVERY_SECONDS - 5)
"""An invocation of the schedule ends before the next one starts."""

_GET: Final = "dynamodb:GetItem"
_QUERY: Final = "dynamodb:Query"
_PUT: Final = "dynamodb:PutItem"
_UPDATE: Final = "dynamodb:UpdateItem"
_DELETE: Final = "dynamodb:DeleteItem"


class CoreFunctions(Construct):
    """Defines the functions and connects the results queue to the one that reads it.

    They have physical names, because state machines, custom resources and people
    elsewhere invoke them: a custom resource's service token may never change. The
    roles are scoped by the prefix of the deployment's names, because activities and
    workflows may be deployed later and elsewhere.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        stores: CoreStores,
        dead_letters: CoreDeadLetters,
        retention_days: int,
        plugins_per_stage: int,
        plugin_functions: Sequence[str] | None,
        options: FunctionOptions,
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self._stores = stores
        self._options = options
        self._place = Place.of(self)
        topics = self._place.arn("sns", f"{deployment.prefix}-")
        status_env = {Env.STATUS_TABLE: stores.status.table_name}
        control_env = {Env.CONTROL_TABLE: stores.control.table_name}
        registry_env = {Env.REGISTRY_TABLE: stores.registry.table_name}
        topics_env = {Env.TOPIC_ARN_PREFIX: topics}
        activity_env = {
            **status_env,
            **control_env,
            **registry_env,
            **topics_env,
            Env.RESULTS_QUEUE_URL: stores.results.queue_url,
        }
        registration_env = {**registry_env, **topics_env}
        self._workflow_arn_prefix = self._place.arn("states", deployment.workflow(""), resource="stateMachine")
        self._functions = {
            Handler.BEGIN_RUN: self._define(Handler.BEGIN_RUN, {**status_env, Env.RETENTION_DAYS: str(retention_days)}),
            Handler.OPEN_ACTIVITY: self._define(Handler.OPEN_ACTIVITY, activity_env),
            Handler.RECORD_RESULT: self._define(Handler.RECORD_RESULT, activity_env),
            Handler.CHECK_DEADLINES: self._define(Handler.CHECK_DEADLINES, activity_env, timeout=_BEFORE_THE_NEXT),
            Handler.END_RUN: self._define(Handler.END_RUN, {**status_env, **control_env}),
            Handler.CANCEL_RUN: self._define(Handler.CANCEL_RUN, {**status_env, **control_env}),
            Handler.SWEEP_RUNS: self._define(
                Handler.SWEEP_RUNS,
                {**status_env, **control_env, Env.WORKFLOW_ARN_PREFIX: self._workflow_arn_prefix},
                timeout=_LONGEST_TIMEOUT,
                dead_letters=dead_letters.of(DeadLetters.SWEEPS),
            ),
            Handler.REGISTER_PLUGIN: self._define(
                Handler.REGISTER_PLUGIN,
                {**registration_env, Env.PLUGINS_PER_STAGE: str(plugins_per_stage)},
                # CloudFormation invokes it asynchronously; what crashes before it can answer ends up here.
                dead_letters=dead_letters.of(DeadLetters.REGISTRATIONS),
            ),
            Handler.REGISTER_STAGES: self._define(
                Handler.REGISTER_STAGES, registry_env, dead_letters=dead_letters.of(DeadLetters.REGISTRATIONS)
            ),
            Handler.RECONCILE: self._define(
                Handler.RECONCILE,
                {
                    **registration_env,
                    Env.ACTIVITIES_PATH: deployment.activities_path,
                    Env.PLUGINS_PER_STAGE: str(plugins_per_stage),
                },
                timeout=_LONGEST_TIMEOUT,
                # A change of a function that is still being updated is left to Lambda's next try, a minute later.
                dead_letters=dead_letters.of(DeadLetters.RECONCILIATIONS),
            ),
        }
        self._grant_begin_run()
        for handler in (Handler.OPEN_ACTIVITY, Handler.RECORD_RESULT, Handler.CHECK_DEADLINES):
            self._grant_activity_work(self.of(handler), f"{topics}*")
        # The first stores the task token; both may write the item of an activity anew. A report finds it there.
        for handler in (Handler.OPEN_ACTIVITY, Handler.CHECK_DEADLINES):
            _allow(self.of(handler), (_PUT,), [stores.control.table_arn])
        # A report by a name that the run's plan does not have: only what is registered under it is read.
        _allow(self.of(Handler.RECORD_RESULT), (_GET,), [stores.registry.table_arn])
        _allow(self.of(Handler.CHECK_DEADLINES), (_QUERY,), [f"{stores.control.table_arn}/index/{DUE_ACTIVITIES}"])
        for handler in (Handler.END_RUN, Handler.CANCEL_RUN, Handler.SWEEP_RUNS):
            self._grant_ending(self.of(handler))
        self._grant_executions()
        self._grant_registration(f"{topics}*")
        self._grant_reconciliation(f"{topics}*", plugin_functions)
        self._consume_results()

    def of(self, handler: Handler) -> lambda_.Function:
        """The function that runs a handler."""
        return self._functions[handler]

    @property
    def all(self) -> Mapping[Handler, lambda_.Function]:
        """Every function by what it runs."""
        return self._functions

    @property
    def workflow_arn_prefix(self) -> str:
        """The prefix of the ARNs of the workflows' state machines."""
        return self._workflow_arn_prefix

    def _define(
        self,
        handler: Handler,
        environment: dict[Env, str],
        *,
        timeout: Duration = FUNCTION_TIMEOUT,
        dead_letters: sqs.IQueue | None = None,
    ) -> lambda_.Function:
        return define_function(
            self,
            handler,
            deployment=self._deployment,
            environment=environment,
            options=self._options,
            timeout=timeout,
            dead_letters=dead_letters,
        )

    def _grant_begin_run(self) -> None:
        """A run that is resumed keeps its history, which lives as long as the run from then on."""
        _allow(self.of(Handler.BEGIN_RUN), (_GET, _QUERY, _PUT, _UPDATE), [self._stores.status.table_arn])

    def _grant_executions(self) -> None:
        executions = self._place.arn("states", f"{self._deployment.workflow('*')}:*", resource="execution")
        for handler in (Handler.BEGIN_RUN, Handler.SWEEP_RUNS):
            _allow(self.of(handler), ["states:DescribeExecution"], [executions])
        _allow(self.of(Handler.CANCEL_RUN), ["states:StopExecution"], [executions])
        machines = f"{self._workflow_arn_prefix}*"
        _allow(self.of(Handler.SWEEP_RUNS), ["states:ListExecutions"], [machines])
        active_runs = f"{self._stores.status.table_arn}/index/{ACTIVE_RUNS}"
        _allow(self.of(Handler.SWEEP_RUNS), (_QUERY,), [active_runs])
        for resource in (executions, machines):
            self._acknowledge_prefix(resource, "workflows")

    def _grant_activity_work(self, function: lambda_.Function, topics: str) -> None:
        """Whatever invokes it, each of these functions takes an activity as far as it goes, through all its stages."""
        stores = self._stores
        # Rows and outputs that an earlier attempt left behind are deleted whenever a stage opens.
        _allow(function, (_GET, _QUERY, _PUT, _UPDATE, _DELETE), [stores.status.table_arn])
        _allow(function, (_GET, _UPDATE), [stores.control.table_arn])
        _allow(function, (_QUERY,), [stores.registry.table_arn])
        _allow(function, ["sns:Publish"], [topics])
        machines = f"{self._workflow_arn_prefix}*"
        _allow(function, ["states:SendTaskSuccess", "states:SendTaskFailure"], [machines])
        self._acknowledge_prefix(topics, "activities")

    def _grant_ending(self, function: lambda_.Function) -> None:
        """Ending a run ends each activity of it, and the state that waits for it."""
        _allow(function, (_GET, _QUERY, _PUT, _UPDATE), [self._stores.status.table_arn])
        _allow(function, (_GET, _PUT, _UPDATE), [self._stores.control.table_arn])
        _allow(function, ["states:SendTaskFailure"], [f"{self._workflow_arn_prefix}*"])

    def _grant_registration(self, topics: str) -> None:
        registry = self._stores.registry.table_arn
        plugins, stages = self.of(Handler.REGISTER_PLUGIN), self.of(Handler.REGISTER_STAGES)
        _allow(plugins, (_GET, _QUERY, _PUT, _UPDATE, _DELETE), [registry])
        # What is subscribed is read from SNS. Of another account's subscription only the list of the topic says it.
        _allow(
            plugins,
            ["sns:GetTopicAttributes", "sns:GetSubscriptionAttributes", "sns:ListSubscriptionsByTopic"],
            [topics],
        )
        _allow(stages, (_QUERY, _PUT, _DELETE), [registry])
        stacks = self._place.arn("cloudformation", "stack/*")
        _allow(stages, ["cloudformation:DescribeStacks"], [stacks])
        acknowledge_wildcard(self, stacks, "Any stack may have activities; it is described before it loses one.")

    def _grant_reconciliation(self, topics: str, plugin_functions: Sequence[str] | None) -> None:
        function = self.of(Handler.RECONCILE)
        registry = self._stores.registry.table_arn
        _allow(function, (_GET, _QUERY, _PUT, _UPDATE, _DELETE), [registry])
        _allow(function, (_QUERY,), [f"{registry}/index/{REGISTRY_BY_FUNCTION}"])
        # Reading a subscription needs permission on the topic's ARN; that of a subscription begins with it.
        _allow(
            function,
            ["sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes"],
            [topics],
        )
        path = self._place.arn("ssm", f"parameter{self._deployment.activities_path.rstrip('/')}")
        _allow(function, ["ssm:GetParametersByPath"], [path, f"{path}/*"])
        self._acknowledge_prefix(f"{path}/*", "activities")
        if isinstance(plugin_functions, str):
            raise ValueError(f"plugin_functions is {plugin_functions!r}: give a list of ARNs, [{plugin_functions!r}]")
        functions = (
            [self._place.arn("lambda", "*", resource="function")] if plugin_functions is None else plugin_functions
        )
        # A function and its versions and aliases are resources of their own.
        resources = [arn for given in functions for arn in ([given] if given.endswith("*") else [given, f"{given}:*"])]
        if resources:
            _allow(
                function, ["lambda:InvokeFunction", "lambda:GetFunctionConfiguration", "lambda:GetPolicy"], resources
            )
        for resource in resources:
            acknowledge_wildcard(
                self,
                resource,
                "A function that subscribes to a stage is invoked once to describe its plugin, and is not known "
                "before; the prop plugin_functions narrows it down.",
            )

    def _consume_results(self) -> None:
        function = self.of(Handler.RECORD_RESULT)
        _allow(function, LAMBDA_CONSUMES, [self._stores.results.queue_arn])
        reserved = self._options.reserved_concurrency.get(Handler.RECORD_RESULT)
        source = function.add_event_source_mapping(
            "Results",
            event_source_arn=self._stores.results.queue_arn,
            batch_size=_REPORTS_A_BATCH,
            report_batch_item_failures=True,
            # Beyond what is reserved, reports would be fetched only to be refused, and end as dead letters.
            max_concurrency=None if reserved is None else min(reserved, _MOST_CONCURRENT_BATCHES),
        )
        acknowledge_queue_source(source)

    def _acknowledge_prefix(self, resource: str, what: str) -> None:
        acknowledge_wildcard(
            self, resource, f"The {what} of a deployment are defined later, in other stacks and apps, by this prefix."
        )


def _allow(function: lambda_.Function, actions: Sequence[str], resources: Sequence[str]) -> None:
    function.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
