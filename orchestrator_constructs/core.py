"""The core: tables, queue and functions that every activity and workflow of a deployment shares."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.core_functions import CoreFunctions, FunctionOptions
from orchestrator_constructs.core_stores import define_stores
from orchestrator_constructs.grants import allow_read_status, allow_report, policy_scope
from orchestrator_constructs.imported_core import ImportedCore
from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_constructs.placement import Place, conventional_arn, published_value, share_a_stack
from orchestrator_constructs.published import Published
from orchestrator_constructs.runtime_layer import RuntimeLayer
from orchestrator_constructs.validation import checked_deployment, claim_name, whole_days
from orchestrator_runtime.contract import DEFAULT_RETENTION_DAYS, Handler
from orchestrator_runtime.deployment import CORE_EXPORT_SUFFIX, CoreOutput, Deployment


class OrchestratorCore(Construct):
    """Defines the core of a deployment: what all its activities, workflows and plugins share.

    ::

        state machines ──► begin_run, advance_stage, end_run ──► status table, control table
                                     │                                   ▲
                                     ▼ publishes                         │
                           topics of the stages                          │
                                     │                                   │
                                     ▼ plugins report                    │
                               results queue ──► record_result ──────────┘
        deployments of plugins ──► register_plugin ──► registry

    Resources: three DynamoDB tables, on demand and with point-in-time recovery;
    the results queue ``{system}-{stage}-results`` and its dead letter queue; five
    functions with a role and a log group each; the runtime layer; SSM parameters
    below ``/{system}/{stage}/core/`` and, unless turned off, plain exports
    ``{system}-{stage}-status-name`` and so on.

    Failures: a report that cannot be recorded is tried fifty times and then kept
    in the dead letter queue; the stage that waits for it recounts by itself and
    ends with a named error when the plugin's deadline is over.

    Limits: ``{system}-{stage}`` has at most 48 characters. A deployment of the
    same system and stage exists once in an account and region.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        system: str,
        stage: str,
        retention: Duration | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        exports: bool = True,
        layer: lambda_.ILayerVersion | None = None,
        architecture: lambda_.Architecture | None = None,
        runtime: lambda_.Runtime | None = None,
    ) -> None:
        """Define the core.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            system: What the deployment is for, such as ``claims``.
            stage: Which deployment it is, such as ``dev``.
            retention: How long the status of a run is kept after its last possible end, in whole days.
                Default: 90 days.
            removal_policy: What becomes of tables, logs and dead letters when they leave the stack.
                Default: they are kept.
            log_retention: How long the functions' logs are kept. Default: one month.
            exports: Publish plain exports too, here and in activities. Default: yes.
            layer: The packages that the functions import. Default: a ``RuntimeLayer``.
            architecture: The functions' processor. Default: arm64.
            runtime: The functions' Python. Default: Python 3.13.

        Raises:
            ValueError: A name or a duration is not allowed, or the app defines this core already.
        """
        super().__init__(scope, id)
        self._deployment = checked_deployment(system, stage)
        claim_name(self, self._deployment.prefix, f"the core of {self._deployment.prefix!r}")
        self._exports = exports
        retention_days = whole_days("retention", retention or Duration.days(DEFAULT_RETENTION_DAYS))
        architecture = architecture or lambda_.Architecture.ARM_64
        runtime = runtime or lambda_.Runtime.PYTHON_3_13
        self._stores = define_stores(self, deployment=self._deployment, removal_policy=removal_policy)
        self._functions = CoreFunctions(
            self,
            "Functions",
            deployment=self._deployment,
            stores=self._stores,
            retention_days=retention_days,
            options=FunctionOptions(
                layer=layer or RuntimeLayer(self, "Layer", architecture=architecture, runtime=runtime),
                architecture=architecture,
                runtime=runtime,
                log_retention=log_retention,
                removal_policy=removal_policy,
            ),
        )
        self._publish()

    @classmethod
    def from_system(
        cls,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        system: str,
        stage: str,
    ) -> IOrchestratorCore:
        """Find a core that another app deploys, by what it publishes in SSM.

        A deployment that uses it fails at its start if there is no such core.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            system: The system's name, as the core was given it.
            stage: The deployment's stage, as the core was given it.

        Raises:
            ValueError: A name is not allowed.
        """
        return ImportedCore(scope, id, deployment=checked_deployment(system, stage))

    @property
    def deployment(self) -> Deployment:
        """System and stage, and all names that follow from them."""
        return self._deployment

    @property
    def exports(self) -> bool:
        """Whether activities publish plain exports unless they say otherwise."""
        return self._exports

    @property
    def status_table(self) -> dynamodb.ITable:
        """The table that people and tools read; streamed."""
        return self._stores.status

    @property
    def registry_table(self) -> dynamodb.ITable:
        """The table of who is registered to which stage."""
        return self._stores.registry

    @property
    def results_queue(self) -> sqs.IQueue:
        """The queue that plugins report to."""
        return self._stores.results

    def function_arn(self, handler: Handler, *, consumer: Construct) -> str:
        """Name a function of the core for the stack of ``consumer``."""
        if share_a_stack(self, consumer):
            return self._functions.of(handler).function_arn
        return conventional_arn(
            producer=self,
            consumer=consumer,
            service="lambda",
            resource="function",
            name=self._deployment.function(handler),
        )

    def results_queue_arn(self, *, consumer: Construct) -> str:
        """Name the results queue for the stack of ``consumer``."""
        if share_a_stack(self, consumer):
            return self._stores.results.queue_arn
        return conventional_arn(producer=self, consumer=consumer, service="sqs", name=self._deployment.results_queue)

    def topic_arn_pattern(self, *, consumer: Construct) -> str:  # noqa: ARG002 - others look it up
        """Write the ARN that all topics of the core have, for a policy in the stack of ``consumer``."""
        return Place.of(self).arn("sns", f"{self._deployment.prefix}-*")

    def grant_report(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a plugin report: send to the results queue, nothing else."""
        return allow_report(grantee, self.results_queue_arn(consumer=policy_scope(grantee, self)))

    def grant_read_status(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a tool read the status of runs."""
        consumer = policy_scope(grantee, self)
        if share_a_stack(self, consumer):
            return allow_read_status(grantee, self._stores.status.table_arn)
        parameter = self._deployment.core_parameter(CoreOutput.STATUS_TABLE_ARN)
        return allow_read_status(grantee, published_value(parameter, consumer=consumer, producer=self))

    def _publish(self) -> None:
        stores, functions = self._stores, self._functions
        stream_arn = stores.status.table_stream_arn
        assert stream_arn is not None  # noqa: S101 - the status table is defined with a stream
        outputs = {
            CoreOutput.STATUS_TABLE_NAME: stores.status.table_name,
            CoreOutput.STATUS_TABLE_ARN: stores.status.table_arn,
            CoreOutput.STATUS_STREAM_ARN: stream_arn,
            CoreOutput.REGISTRY_TABLE_NAME: stores.registry.table_name,
            CoreOutput.RESULTS_QUEUE_URL: stores.results.queue_url,
            CoreOutput.RESULTS_QUEUE_ARN: stores.results.queue_arn,
            CoreOutput.BEGIN_RUN_ARN: functions.of(Handler.BEGIN_RUN).function_arn,
            CoreOutput.ADVANCE_STAGE_ARN: functions.of(Handler.ADVANCE_STAGE).function_arn,
            CoreOutput.END_RUN_ARN: functions.of(Handler.END_RUN).function_arn,
            CoreOutput.REGISTER_PLUGIN_ARN: functions.of(Handler.REGISTER_PLUGIN).function_arn,
        }
        published = Published(self, "Published", exports=self._exports)
        for output, value in outputs.items():
            published.parameter(output.value, self._deployment.core_parameter(output), value)
        for output, suffix in CORE_EXPORT_SUFFIX.items():
            published.export(suffix, f"{self._deployment.prefix}-{suffix}", outputs[output])
