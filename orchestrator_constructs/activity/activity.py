"""An activity: three stages that plugins subscribe to."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_kms as kms
from constructs import Construct

from orchestrator_constructs.activity.base import ActivityBase
from orchestrator_constructs.activity.imported import ImportedActivity
from orchestrator_constructs.activity.stage import ParallelStage, SequentialStage, StageProps
from orchestrator_constructs.activity.stage_options import StageOptions
from orchestrator_constructs.core.imported import ImportedCore
from orchestrator_constructs.interfaces import IActivity, IOrchestratorCore
from orchestrator_constructs.placement import deploy_after
from orchestrator_constructs.validation import check_name, checked_deployment
from orchestrator_runtime.contract import Stage


class Activity(ActivityBase):
    """Defines an activity of workflows. It is not ``aws_stepfunctions.Activity``, which polls for work.

    ::

        pre (one plugin at a time) ──► parallel (all at once) ──► post (one at a time)

    An activity belongs to no workflow: any number of them name it as a step, in
    this app or others. Its work is done by the plugins that subscribe to its
    stages, now or later, from this app or others. In a run's state machine it is
    one state, however many stages have plugins; with none, it passes at once.

    Resources: a ``SequentialStage``, a ``ParallelStage`` and a ``SequentialStage``,
    each with its topic, an SSM parameter and, unless turned off, plain exports
    ``{system}-{stage}-{name}-pre-processing`` and so on; a custom resource that
    writes the settings of the stages to the registry.

    Failures: an error of a mandatory plugin, including a passed deadline, fails the
    activity and the run; started again, the run resumes. The core checks deadlines
    each minute, at any age of the stage. A deployment that would remove the
    activity, or its whole stack, while plugins of other stacks are registered to it
    is refused, with their names.

    Limits: ``plugins_per_stage`` of the core for each stage.
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
        exports: bool | None = None,
        tracing: bool | None = None,
        plugin_accounts: Sequence[str] | None = None,
        organization_id: str | None = None,
        plugin_protocols: Sequence[str] | None = None,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        """Define the activity.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            core: The core that it belongs to, defined or imported.
            name: The activity's name, unique in its core. Default: ``id``.
            pre: The settings of the first stage. Default: ``StageOptions()``.
            parallel: The settings of the second stage. Default: ``StageOptions()``.
            post: The settings of the last stage. Default: ``StageOptions()``.
            exports: Publish plain exports too. Default: the core's prop ``exports``.
            tracing: Trace messages of its topics with X-Ray. Default: the core's prop ``tracing`` if this app defines
                the core; else yes.
            plugin_accounts: Other accounts that may subscribe plugins to the stages. Default: the core's prop
                ``plugin_accounts`` if this app defines the core; else none.
            organization_id: The AWS organization all of whose accounts may. Default: the core's, likewise.
            plugin_protocols: The protocols that other accounts may subscribe with, as for ``OrchestratorCore``.
                Default: the core's if this app defines the core; else ``lambda`` and ``sqs``.
            encryption_key: The customer managed key that encrypts the topics. Default: the core's, if this app
                defines the core; else ``alias/aws/sns``.

        Raises:
            ValueError: A name, an account or a duration is not allowed, or the app defines this activity already.
        """
        name = id if name is None else name
        super().__init__(scope, id, core=core, activity_name=name)
        check_name("activity", name)
        shared = StageProps(
            core=core,
            activity_name=name,
            exports=exports,
            tracing=tracing,
            plugin_accounts=plugin_accounts,
            organization_id=organization_id,
            plugin_protocols=plugin_protocols,
            encryption_key=encryption_key,
        )
        self._pre = SequentialStage(self, "Pre", position=Stage.PRE, options=pre, **shared)
        self._parallel = ParallelStage(self, "Parallel", options=parallel, **shared)
        self._post = SequentialStage(self, "Post", position=Stage.POST, options=post, **shared)

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
        """Find an activity that another app deploys, by its name.

        A workflow needs nothing else of it: a run fails with ``UnknownActivity`` if there is no such activity. A
        plugin looks up the topic of its stage in SSM: its deployment fails at its start if there is none.

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
                topics are named by convention.
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

    def deploy_before(self, consumer: Construct) -> None:
        """Have the stack of ``consumer`` deployed after the activity, if it is another stack."""
        deploy_after(consumer, self)
