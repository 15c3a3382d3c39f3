"""An activity: three stages and the state machine that takes a run through them."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs.activity.base import ActivityBase
from orchestrator_constructs.activity.definition import activity_definition
from orchestrator_constructs.activity.imported import ImportedActivity
from orchestrator_constructs.activity.ladder import SHORTEST_CHECK, ladder
from orchestrator_constructs.activity.stage import ParallelStage, SequentialStage, StageProps
from orchestrator_constructs.activity.stage_options import StageOptions
from orchestrator_constructs.core.imported import ImportedCore
from orchestrator_constructs.interfaces import IActivity, IOrchestratorCore
from orchestrator_constructs.placement import arn_for
from orchestrator_constructs.published import Published
from orchestrator_constructs.stack_stages import StackStages
from orchestrator_constructs.state_machine import apply_boundary, define_state_machine
from orchestrator_constructs.validation import (
    check_known,
    check_machine_name,
    check_name,
    checked_deployment,
    claim_name,
    whole_seconds,
)
from orchestrator_runtime.contract import Handler, Stage
from orchestrator_runtime.deployment import WORKFLOW_EXPORT_SUFFIX


class Activity(ActivityBase):
    """Defines an activity of workflows. It is not ``aws_stepfunctions.Activity``, which polls for work.

    ::

        pre (one plugin at a time) ──► parallel (all at once) ──► post (one at a time)

    An activity belongs to no workflow: any number of them name it as a step.
    What it does is up to the plugins that subscribe to its stages, now or later,
    from this app or others; with none, it passes at once.

    Resources: a ``SequentialStage``, a ``ParallelStage`` and a ``SequentialStage``,
    each with its topic; a state machine ``{system}-{stage}-activity-{name}`` with
    its role and its log of errors; SSM parameters and, unless turned off, plain
    exports ``{system}-{stage}-{name}-pre-processing`` and so on.

    Failures: an error of a mandatory plugin, also one that is over its deadline,
    fails the activity and the run; started again, the run resumes. Each wait is
    bounded: a stage wakes up every ``check_every`` at first, every six hours after
    ten days, recounts its plugins and enforces their deadlines. A deployment that
    would remove the activity, or its whole stack, while plugins of other stacks are
    registered to it is refused, with their names.

    Limits: an execution takes at most a year, the name of its state machine has
    at most 80 characters.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        core: IOrchestratorCore,
        name: str | None = None,
        pre: StageOptions | None = None,
        parallel: StageOptions | None = None,
        post: StageOptions | None = None,
        check_every: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        exports: bool | None = None,
        tracing: bool | None = None,
        plugin_accounts: Sequence[str] | None = None,
        organization_id: str | None = None,
        permissions_boundary: iam.IManagedPolicy | None = None,
    ) -> None:
        """Define the activity.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            core: The core that it belongs to, defined or imported.
            name: The activity's name, unique in its core. Default: ``id``.
            pre: What the first stage says about its plugins. Default: ``StageOptions()``.
            parallel: What the second stage says about its plugins. Default: ``StageOptions()``.
            post: What the last stage says about its plugins. Default: ``StageOptions()``.
            check_every: How often a stage that waits looks for plugins over their deadline in its first
                hour; later less often. At least 20 seconds. Default: one minute.
            log_retention: How long the log of errors is kept. Default: one month.
            exports: Publish plain exports too. Default: as the core does.
            tracing: Trace runs through it with X-Ray. Default: as the core does, if this app defines it; else yes.
            plugin_accounts: Other accounts that may subscribe plugins to the stages. Default: those that the
                core was given, if this app defines it; else none.
            organization_id: The AWS organization all of whose accounts may. Default: the core's, likewise.
            permissions_boundary: The most that the state machine's role may do. Default: the core's, likewise.

        Raises:
            ValueError: A name, an account or a duration is not allowed, or the app defines this activity already.
        """
        name = id if name is None else name
        super().__init__(scope, id, core=core, activity_name=name)
        check_name("activity", name)
        deployment = core.deployment
        apply_boundary(self, permissions_boundary or core.permissions_boundary)
        machine_name = deployment.activity(name)
        check_machine_name("activity", machine_name)
        claim_name(self, machine_name, f"activity {name!r}")
        what = f"activity {name!r}"
        check_every = check_every or Duration.minutes(1)
        check_known(f"check_every of {what}", check_every)
        rungs = ladder(whole_seconds(f"check_every of {what}", check_every, at_least=SHORTEST_CHECK))
        options = {Stage.PRE: pre, Stage.PARALLEL: parallel, Stage.POST: post}
        settings = {
            stage: (chosen or StageOptions()).settings(f"stage {stage} of {what}") for stage, chosen in options.items()
        }
        shared = StageProps(
            core=core,
            activity_name=name,
            exports=exports,
            tracing=tracing,
            plugin_accounts=plugin_accounts,
            organization_id=organization_id,
        )
        self._pre = SequentialStage(self, "Pre", position=Stage.PRE, **shared)
        self._parallel = ParallelStage(self, "Parallel", **shared)
        self._post = SequentialStage(self, "Post", position=Stage.POST, **shared)
        advance_stage_arn = core.function_arn(Handler.ADVANCE_STAGE, consumer=self)
        self._state_machine = define_state_machine(
            self,
            name=machine_name,
            definition=activity_definition(
                activity=name,
                partition=Stack.of(self).partition,
                advance_stage_arn=advance_stage_arn,
                settings=settings,
                rungs=rungs,
            ),
            statements=[iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[advance_stage_arn])],
            log_retention=log_retention,
            tracing=core.tracing if tracing is None else tracing,
        )
        arn = self._state_machine.state_machine_arn
        published = Published(self, "Published", exports=core.exports if exports is None else exports)
        published.parameter("state-machine-arn", deployment.activity_parameter(name), arn)
        published.export(WORKFLOW_EXPORT_SUFFIX, f"{deployment.prefix}-{name}-{WORKFLOW_EXPORT_SUFFIX}", arn)
        StackStages.of(self, core).ask_before_deleting(self)

    @classmethod
    def from_system(
        cls,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        system: str,
        stage: str,
        name: str | None = None,
    ) -> IActivity:
        """Find an activity that another app deploys, by what it publishes in SSM.

        A deployment that uses it fails at its start if there is no such activity.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            system: The system's name, as the core was given it.
            stage: The deployment's stage, as the core was given it.
            name: The activity's name. Default: ``id``.

        Raises:
            ValueError: A name is not allowed.
        """
        name = id if name is None else name
        check_name("activity", name)
        core = ImportedCore.shared(scope, checked_deployment(system, stage))
        return ImportedActivity(scope, id, core=core, activity_name=name)

    @classmethod
    def from_attributes(
        cls,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        core: IOrchestratorCore,
        name: str | None = None,
    ) -> IActivity:
        """Find an activity in the way that its core was found, such as one in another account.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            core: The core that it belongs to; of one from ``OrchestratorCore.from_attributes``, the activity's
                topics and state machine are named by convention.
            name: The activity's name. Default: ``id``.

        Raises:
            ValueError: The name is not allowed.
        """
        name = id if name is None else name
        check_name("activity", name)
        return ImportedActivity(scope, id, core=core, activity_name=name)

    @property
    def pre(self) -> SequentialStage:
        """The first stage, one plugin at a time."""
        return self._pre

    @property
    def parallel(self) -> ParallelStage:
        """The second stage, all plugins at once."""
        return self._parallel

    @property
    def post(self) -> SequentialStage:
        """The last stage, one plugin at a time."""
        return self._post

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The activity's state machine; workflows start it."""
        return self._state_machine

    def state_machine_arn(self, *, consumer: Construct) -> str:
        """Name the activity's state machine for the stack of ``consumer``."""
        return arn_for(
            consumer,
            self._state_machine.state_machine_arn,
            producer=self,
            service="states",
            resource="stateMachine",
            name=self._core.deployment.activity(self._activity_name),
        )
