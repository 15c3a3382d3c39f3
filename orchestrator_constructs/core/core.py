"""The core: tables, queue and functions that every activity and workflow of a deployment shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.core.base import CoreBase
from orchestrator_constructs.core.dead_letters import CoreDeadLetters
from orchestrator_constructs.core.deadline_checks import DeadlineChecks
from orchestrator_constructs.core.events import ReconciliationEvents
from orchestrator_constructs.core.found_elsewhere import FoundElsewhere
from orchestrator_constructs.core.function import FunctionOptions, checked_concurrency
from orchestrator_constructs.core.functions import CoreFunctions
from orchestrator_constructs.core.network import define_network
from orchestrator_constructs.core.outputs import publish_core
from orchestrator_constructs.core.parts import CoreParts
from orchestrator_constructs.core.run_events import RunEvents
from orchestrator_constructs.core.stores import define_stores
from orchestrator_constructs.encryption import let_services_use
from orchestrator_constructs.grants import allow_read_status, policy_scope
from orchestrator_constructs.other_accounts import DEFAULT_PROTOCOLS, OtherAccounts
from orchestrator_constructs.placement import arn_for, published_value, share_a_stack
from orchestrator_constructs.runtime_code import runtime_code
from orchestrator_constructs.runtime_layer import RuntimeLayer
from orchestrator_constructs.stack_stages import StackStages
from orchestrator_constructs.validation import check_count, checked_deployment, claim_prefix, whole_days, whole_minutes
from orchestrator_runtime.contract import DEFAULT_RETENTION_DAYS, MAX_PLUGINS_PER_STAGE, DeadLetters, Handler
from orchestrator_runtime.deployment import CoreOutput

_HOURLY: Final = Duration.hours(1)
_IMPORTED_KEY: Final = "KeyOfCore"
_LEAST_MINUTES_BETWEEN_RECONCILIATIONS: Final = 5


class OrchestratorCore(FoundElsewhere, CoreBase):
    """Defines the core of a deployment: what all its activities, workflows and plugins share.

    ::

        state machines ──► begin-run, open-activity, end-run ──► status table, control table
                                     │                                ▲
                                     ▼ publishes                      │ publish, too
                           topics of the stages                       │
                                     │                                │
                                     ▼ plugins report                 │
                               results queue ──► record-result ───────┤
        a schedule, each minute ──► check-deadlines ──────────────────┘
        deployments of plugins ──► register-plugin ──► registry
        deployments of activities ──► register-stages ───┤
        a schedule, CloudTrail ──► reconcile ────────────┘
        a schedule, Step Functions ──► sweep-runs ──► status table;  people ──► cancel-run

    Resources: three DynamoDB tables, on demand and with point-in-time recovery;
    the results queue ``{system}-{stage}-results``; ten functions with a role and a
    log group each; the runtime layer; EventBridge rules that invoke ``reconcile``,
    ``sweep-runs`` and ``check-deadlines``; four dead-letter queues, each with an
    alarm ``{system}-{stage}-dead-…``; SSM parameters below
    ``/{system}/{stage}/core/`` and, unless turned off, plain exports
    ``{system}-{stage}-status-name`` and so on.

    Failures: a report that cannot be recorded is tried fifty times and then kept
    in the dead-letter queue; the plugin ends with a named error when its deadline
    has passed. ``check-deadlines`` enforces deadlines within about a minute, and
    repeats what a lost invocation left undone. The rules on CloudTrail fire only
    where a trail logs management events; without one, the next scheduled
    reconciliation finds a subscription that no construct made.

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
        tracing: bool = True,
        layer: lambda_.ILayerVersion | None = None,
        architecture: lambda_.Architecture | None = None,
        runtime: lambda_.Runtime | None = None,
        plugins_per_stage: int = MAX_PLUGINS_PER_STAGE,
        reconcile_every: Duration | None = _HOURLY,
        plugin_functions: Sequence[str] | None = None,
        plugin_accounts: Sequence[str] = (),
        organization_id: str | None = None,
        plugin_protocols: Sequence[str] = DEFAULT_PROTOCOLS,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        permissions_boundary: iam.IManagedPolicy | None = None,
        reserved_concurrency: Mapping[Handler, int] | None = None,
        plugin_metrics: bool = True,
        encryption_key: kms.IKey | None = None,
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
            tracing: Trace runs with X-Ray: the functions here, and the topics of activities and the workflows that
                this app defines for this core. X-Ray's sampling rules select the runs. Default: yes.
            layer: The packages that the functions import. Default: a ``RuntimeLayer``.
            architecture: The functions' processor. Default: arm64.
            runtime: The functions' Python. Default: Python 3.13.
            plugins_per_stage: How many plugins may register to one stage. Each takes a filter policy, of which
                SNS allows 200 on a topic unless AWS raises that quota. A plain subscription is registered only while
                the stage has fewer registrations. Default: 200.
            reconcile_every: Time between two scheduled reconciliations, in whole minutes, 5 or more; ``None``:
                none are scheduled. Default: one hour.
            plugin_functions: ARNs, with wildcards if need be, of functions that the core may invoke with
                ``{"initialize": true}`` and look at when they subscribe to a stage by themselves; a ``Plugin``
                construct needs no such invocation. The core invokes one only if its resource policy lets the stage's
                topic invoke it; of a function of another account it cannot read the policy, and trusts this list.
                Default: all functions of this account and region.
            plugin_accounts: Other accounts that may deploy plugins: subscribe to stages, register, report.
                Default: none.
            organization_id: The AWS organization all of whose accounts may deploy plugins. Roles of the core's own
                account need rights of their own. Default: none.
            plugin_protocols: The protocols of SNS that other accounts may subscribe with. ``lambda``, ``sqs``,
                ``firehose`` and ``application`` take endpoints of the subscribing account, in this region;
                ``https``, ``http``, ``email``, ``email-json`` and ``sms`` deliver the metadata of runs to any
                address. Default: ``lambda`` and ``sqs``.
            vpc: The network that the functions run in. It has to lead to DynamoDB, SNS, SQS, Step Functions,
                Systems Manager, Lambda, CloudFormation, CloudWatch Logs, X-Ray, and to S3, where CloudFormation
                takes the responses to registrations. Default: Lambda's own network.
            vpc_subnets: Which of the network's subnets. Default: private ones.
            security_groups: What the functions may talk to. Default: one group for all, open outwards.
            permissions_boundary: The permissions boundary of all roles here and in the workflows that this app
                defines for this core. Default: none.
            reserved_concurrency: Reserved concurrency of functions. For ``Handler.RECORD_RESULT`` it is also the
                maximum concurrency of the results queue, 2 or more. Default: none is reserved.
            plugin_metrics: Publish metrics for each plugin: up to four, for each of which CloudWatch charges $0.30 a
                month. Without them, the logs alone have what plugins did. Default: yes.
            encryption_key: A customer managed key that encrypts the tables, the results queue and the dead-letter
                queues here, the topics of activities, the queues of plugins and the topic of alerts that this app
                defines for this core. Its policy lets principals of the account use it through DynamoDB, SNS and
                SQS, which check what each may do, and SNS, EventBridge and CloudWatch deliver. A key that was
                imported needs these statements in its policy: see ``docs/operations.md``. It does not encrypt
                logs, nor executions of state machines. Default: AWS manages the keys.

        Raises:
            ValueError: A prop is not allowed, or the app defines this core already, or one whose name continues
                this one's, or is continued by it, as ``claims-dev-2`` continues ``claims-dev``.
        """
        super().__init__(scope, id, deployment=checked_deployment(system, stage))
        claim_prefix(self, self._deployment.prefix)
        check_count("plugins_per_stage", plugins_per_stage)
        if reconcile_every is not None:
            whole_minutes("reconcile_every", reconcile_every, at_least=_LEAST_MINUTES_BETWEEN_RECONCILIATIONS)
        self._exports = exports
        self._tracing = tracing
        self._other_accounts = OtherAccounts.checked(self, plugin_accounts, organization_id, plugin_protocols)
        self._permissions_boundary = permissions_boundary
        if permissions_boundary is not None:
            iam.PermissionsBoundary.of(self).apply(permissions_boundary)
        retention_days = whole_days("retention", retention or Duration.days(DEFAULT_RETENTION_DAYS))
        architecture = architecture or lambda_.Architecture.ARM_64
        runtime = runtime or lambda_.Runtime.PYTHON_3_13
        self._encryption_key = encryption_key
        if encryption_key is not None:
            let_services_use(encryption_key, self, self.topic_arn_pattern(consumer=self), others=self._other_accounts)
        self._dead_letters = CoreDeadLetters(
            self, "DeadLetters", deployment=self._deployment, removal_policy=removal_policy, key=encryption_key
        )
        self._stores = define_stores(
            self,
            deployment=self._deployment,
            removal_policy=removal_policy,
            dead_results=self._dead_letters.of(DeadLetters.RESULTS),
            key=encryption_key,
        )
        options = FunctionOptions(
            code=runtime_code(),
            layer=layer or RuntimeLayer(self, "Layer", architecture=architecture, runtime=runtime),
            architecture=architecture,
            runtime=runtime,
            log_retention=log_retention,
            removal_policy=removal_policy,
            tracing=tracing,
            network=define_network(self, vpc=vpc, subnets=vpc_subnets, security_groups=security_groups),
            reserved_concurrency=checked_concurrency(reserved_concurrency or {}),
            plugin_metrics=plugin_metrics,
        )
        self._functions = CoreFunctions(
            self,
            "Functions",
            deployment=self._deployment,
            stores=self._stores,
            dead_letters=self._dead_letters,
            retention_days=retention_days,
            plugins_per_stage=plugins_per_stage,
            plugin_functions=plugin_functions,
            options=options,
        )
        self._parts = CoreParts(self._stores, self._functions, self._dead_letters, options)
        ReconciliationEvents(
            self,
            "Reconciliation",
            deployment=self._deployment,
            reconcile=self._functions.of(Handler.RECONCILE),
            dead_letters=self._dead_letters.of(DeadLetters.RECONCILIATIONS),
            every=reconcile_every,
        )
        RunEvents(
            self,
            "RunEvents",
            deployment=self._deployment,
            workflow_arn_prefix=self._functions.workflow_arn_prefix,
            sweep_runs=self._functions.of(Handler.SWEEP_RUNS),
            dead_letters=self._dead_letters.of(DeadLetters.SWEEPS),
        )
        DeadlineChecks(
            self,
            "DeadlineChecks",
            deployment=self._deployment,
            check_deadlines=self._functions.of(Handler.CHECK_DEADLINES),
        )
        self._other_accounts.open_queue(self._stores.results)
        self._other_accounts.open_function(self._functions.of(Handler.REGISTER_PLUGIN))
        publish_core(
            self,
            deployment=self._deployment,
            exports=exports,
            stores=self._stores,
            functions=self._functions,
            dead_letters=self._dead_letters,
            encryption_key=encryption_key,
        )
        StackStages.of(self, self).deploy_after(self)

    @property
    def exports(self) -> bool:
        """The default of the prop ``exports`` of activities."""
        return self._exports

    @property
    def tracing(self) -> bool:
        """The default of the prop ``tracing`` of activities and workflows."""
        return self._tracing

    @property
    def other_accounts(self) -> OtherAccounts:
        """The accounts that may subscribe plugins, unless an activity names others."""
        return self._other_accounts

    @property
    def permissions_boundary(self) -> iam.IManagedPolicy | None:
        """The default of the prop ``permissions_boundary`` of workflows."""
        return self._permissions_boundary

    @property
    def parts(self) -> CoreParts:
        """The parts that ``WorkflowMonitoring`` watches, and those that its own function shares."""
        return self._parts

    @property
    def status_table(self) -> dynamodb.ITable:
        """The table that people and tools read; streamed."""
        return self._stores.status

    @property
    def registry_table(self) -> dynamodb.ITable:
        """The table of the plugins registered to each stage, and of its settings."""
        return self._stores.registry

    @property
    def dead_letter_alarms(self) -> list[cloudwatch.Alarm]:
        """One for each dead-letter queue of the core: it contains a message.

        ``WorkflowMonitoring`` has them publish to its topic. Without it, add an action to each:
        ``alarm.add_alarm_action(SnsAction(topic))``.
        """
        return self._dead_letters.alarms

    @property
    def results_queue(self) -> sqs.IQueue:
        """The queue that plugins report to."""
        return self._stores.results

    def encryption_key_for(self, consumer: Construct) -> kms.IKey | None:
        """The core's key, for what is defined in ``consumer``; ``None`` if it has none."""
        if self._encryption_key is None or share_a_stack(self, consumer):
            return self._encryption_key
        imported = consumer.node.try_find_child(_IMPORTED_KEY)
        if imported is None:
            parameter = self._deployment.core_parameter(CoreOutput.ENCRYPTION_KEY_ARN)
            arn = published_value(parameter, consumer=consumer, producer=self)
            return kms.Key.from_key_arn(consumer, _IMPORTED_KEY, arn)
        return cast("kms.IKey", imported)

    def function_arn(self, handler: Handler, *, consumer: Construct) -> str:
        """The ARN of a function of the core for the stack of ``consumer``."""
        own, name = self._functions.of(handler).function_arn, self._deployment.function(handler)
        return arn_for(consumer, own, producer=self, service="lambda", resource="function", name=name)

    def results_queue_arn(self, *, consumer: Construct) -> str:
        """The ARN of the results queue for the stack of ``consumer``."""
        own, name = self._stores.results.queue_arn, self._deployment.results_queue
        return arn_for(consumer, own, producer=self, service="sqs", name=name)

    def grant_read_status(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a tool read the status of runs."""
        consumer = policy_scope(grantee, self)
        if share_a_stack(self, consumer):
            return allow_read_status(grantee, self._stores.status.table_arn)
        parameter = self._deployment.core_parameter(CoreOutput.STATUS_TABLE_ARN)
        return allow_read_status(grantee, published_value(parameter, consumer=consumer, producer=self))
