"""The interfaces of the constructs, whether defined in this app or imported.

These are Protocols that nothing inherits: a class cannot be both a construct
and a Protocol. mypy proves that the constructs and their imports satisfy them.

A method that takes a ``consumer`` returns an ARN for that construct's stack. In
the stack of the resource it is a plain reference. In another stack of the same
app it is built by naming convention, or read from SSM, and the consumer's stack
is deployed later; neither locks the producing stack, as an export would.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from orchestrator_constructs.metric_interfaces import IExecutionMetrics, IRunMetrics, IStageMetrics
from orchestrator_constructs.metrics import MetricProps
from orchestrator_constructs.other_accounts import OtherAccounts
from orchestrator_constructs.run_status import FINISHED, RunStatus
from orchestrator_runtime.contract import Handler, Stage
from orchestrator_runtime.deployment import Deployment


class IOrchestratorCore(IRunMetrics, Protocol):
    """A core: defined in this app, or imported by system and stage."""

    @property
    def deployment(self) -> Deployment:
        """System and stage, and all names that derive from them."""
        ...

    @property
    def exports(self) -> bool:
        """The default of the prop ``exports`` of activities."""
        ...

    @property
    def tracing(self) -> bool:
        """The default of the prop ``tracing`` of activities and workflows."""
        ...

    @property
    def other_accounts(self) -> OtherAccounts:
        """The accounts that may subscribe plugins, unless an activity names others."""
        ...

    @property
    def permissions_boundary(self) -> iam.IManagedPolicy | None:
        """The default of the prop ``permissions_boundary`` of workflows."""
        ...

    @property
    def status_table(self) -> dynamodb.ITable:
        """The table that people and tools read."""
        ...

    @property
    def results_queue(self) -> sqs.IQueue:
        """The queue that plugins report to."""
        ...

    def encryption_key_for(self, consumer: Construct) -> kms.IKey | None:
        """The core's key, for what is defined in ``consumer``; ``None`` if there is none, or it is not known here."""
        ...

    @property
    def reporting_key_arn(self) -> str | None:
        """The key that a role needs rights on to report, because it is in another account than the core."""
        ...

    def function_arn(self, handler: Handler, *, consumer: Construct) -> str:
        """The ARN of a function of the core. An imported core has those that it publishes in SSM."""
        ...

    def results_queue_arn(self, *, consumer: Construct) -> str:
        """The ARN of the results queue."""
        ...

    def topic_arn_pattern(self, *, consumer: Construct) -> str:
        """The ARN, ending in ``*``, that all topics of the core have, and no other: for policies."""
        ...

    def topic_arn(self, activity_name: str, position: Stage, *, consumer: Construct) -> str:
        """The ARN of a stage's topic; this app need not define the activity."""
        ...

    def grant_report(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a plugin report: send to the results queue, nothing else."""
        ...

    def grant_read_status(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a tool read the status of runs."""
        ...

    def grant_cancel(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a tool cancel runs."""
        ...

    def metric_refused_reports(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many reports were refused."""
        ...

    def metric_registration_problems(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many problems a reconciliation could not repair."""
        ...

    def metric_refused_requests(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many events for custom resources did not come from CloudFormation."""
        ...

    def begin_run_task(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        workflow: str,
        activities: Sequence[IActivity | Sequence[IActivity]],
        timeout: Duration | None = None,
        expected_duration: Duration | None = None,
    ) -> tasks.LambdaInvoke:
        """The state that begins a run, for a state machine of a team's own."""
        ...

    def end_run_task(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        workflow: str,
        failed: bool = False,
    ) -> tasks.LambdaInvoke:
        """The state that writes how a run ended, for a state machine of a team's own."""
        ...


class IActivityStage(IStageMetrics, Protocol):
    """One stage of an activity: where plugins subscribe."""

    @property
    def core(self) -> IOrchestratorCore:
        """The core that the activity belongs to."""
        ...

    @property
    def activity_name(self) -> str:
        """The activity's name."""
        ...

    @property
    def position(self) -> Stage:
        """``pre``, ``parallel`` or ``post``."""
        ...

    @property
    def topic(self) -> sns.ITopic:
        """The topic that the stage publishes to."""
        ...

    def topic_arn(self, *, consumer: Construct) -> str:
        """The topic's ARN."""
        ...


class IActivity(Protocol):
    """An activity: three stages that plugins subscribe to."""

    @property
    def core(self) -> IOrchestratorCore:
        """The core that the activity belongs to."""
        ...

    @property
    def activity_name(self) -> str:
        """The activity's name, unique in its core."""
        ...

    @property
    def pre(self) -> IActivityStage:
        """The first stage, one plugin at a time."""
        ...

    @property
    def parallel(self) -> IActivityStage:
        """The second stage, all plugins at once."""
        ...

    @property
    def post(self) -> IActivityStage:
        """The last stage, one plugin at a time."""
        ...

    def deploy_before(self, consumer: Construct) -> None:
        """Have the stack of ``consumer`` deployed after the activity, if this app defines it in another stack."""
        ...

    def task(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        reenter_after: Duration | None = None,
    ) -> tasks.LambdaInvoke:
        """The state that takes a run through the activity, for a state machine of a team's own."""
        ...


class IWorkflow(IRunMetrics, IExecutionMetrics, Protocol):
    """A workflow: an application starts its runs."""

    @property
    def workflow_name(self) -> str:
        """The workflow's name, unique in its core."""
        ...

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The workflow's state machine: an execution of it is an attempt at a run."""
        ...

    def state_machine_arn(self, *, consumer: Construct) -> str:
        """The ARN of the workflow's state machine."""
        ...

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an application start and resume runs."""
        ...

    def on_finished(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        target: events.IRuleTarget | None = None,
        statuses: Sequence[RunStatus] = FINISHED,
    ) -> events.Rule:
        """A rule that matches the ends of the workflow's runs."""
        ...
