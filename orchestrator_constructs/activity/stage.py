"""The stages of an activity: topics that plugins subscribe to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from orchestrator_constructs.activity.imported import ImportedStage
from orchestrator_constructs.activity.stage_base import StageBase
from orchestrator_constructs.activity.stage_options import StageOptions
from orchestrator_constructs.core.imported import ImportedCore
from orchestrator_constructs.encryption import checked_key
from orchestrator_constructs.interfaces import IActivityStage, IOrchestratorCore
from orchestrator_constructs.placement import arn_for
from orchestrator_constructs.published import Published
from orchestrator_constructs.stack_stages import StackStages
from orchestrator_constructs.validation import check_name, checked_deployment, claim_name
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.deployment import STAGE_EXPORT_SUFFIX

_ENCRYPTION_KEY = "alias/aws/sns"


class StageProps(TypedDict):
    """What the stages of an activity have in common."""

    core: IOrchestratorCore
    activity_name: str
    exports: bool | None
    tracing: bool | None
    plugin_accounts: Sequence[str] | None
    organization_id: str | None
    plugin_protocols: Sequence[str] | None
    encryption_key: kms.IKey | None


class _StageTopic(StageBase):
    """The topic of a stage, published so that plugins in other apps find it."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        position: Stage,
        options: StageOptions | None,
        **props: Unpack[StageProps],
    ) -> None:
        core, activity_name, exports = props["core"], props["activity_name"], props["exports"]
        tracing = core.tracing if props["tracing"] is None else props["tracing"]
        super().__init__(scope, id, core=core, activity_name=activity_name, position=position)
        check_name("activity", activity_name)
        deployment = core.deployment
        what = f"stage {position} of activity {activity_name!r}"
        settings = (options or StageOptions()).properties(what)
        name = deployment.topic(activity_name, position)
        claim_name(self, name, what)
        self._topic = sns.Topic(
            self,
            "Topic",
            topic_name=name,
            display_name=f"{activity_name} {position}",
            master_key=checked_key(self, core, props["encryption_key"])
            or kms.Alias.from_alias_name(self, "Key", _ENCRYPTION_KEY),
            enforce_ssl=True,
            tracing_config=sns.TracingConfig.ACTIVE if tracing else None,
        )
        core.other_accounts.or_else(
            self, props["plugin_accounts"], props["organization_id"], props["plugin_protocols"]
        ).open_topic(self._topic)
        published = Published(self, "Published", exports=core.exports if exports is None else exports)
        suffix = STAGE_EXPORT_SUFFIX[position]
        published.parameter("topic-arn", deployment.topic_parameter(activity_name, position), self._topic.topic_arn)
        published.export(suffix, f"{deployment.prefix}-{activity_name}-{suffix}", self._topic.topic_arn)
        of_stack = StackStages.of(self, core)
        of_stack.add(self, settings)
        of_stack.deploy_after(self)

    @property
    def topic(self) -> sns.ITopic:
        """The topic that the stage publishes to."""
        return self._topic

    def topic_arn(self, *, consumer: Construct) -> str:
        """The topic's ARN for the stack of ``consumer``."""
        return arn_for(
            consumer,
            self._topic.topic_arn,
            producer=self,
            service="sns",
            name=self._core.deployment.topic(self._activity_name, self._position),
        )


class SequentialStage(_StageTopic):
    """Defines a stage that invokes its plugins one at a time, by ``order``, ties by name.

    The next plugin is invoked when the one before is done. A mandatory plugin's
    error stops the stage, and with it the activity and the run. An ``Activity``
    defines two of these, ``activity.pre`` and ``activity.post``.

    Resources: a topic ``{system}-{stage}-{activity}-{pre|post}``, encrypted and
    closed to anything but TLS, an SSM parameter with its ARN and, unless turned
    off, a plain export; its settings, in the registry.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        core: IOrchestratorCore,
        activity_name: str,
        position: Stage | str,
        options: StageOptions | None = None,
        exports: bool | None = None,
        tracing: bool | None = None,
        plugin_accounts: Sequence[str] | None = None,
        organization_id: str | None = None,
        plugin_protocols: Sequence[str] | None = None,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        """Define the stage.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            core: The core that the activity belongs to.
            activity_name: The activity's name.
            position: ``pre`` or ``post``.
            options: The settings of the stage. Default: ``StageOptions()``.
            exports: Publish a plain export too. Default: the core's prop ``exports``.
            tracing: Trace messages with X-Ray. Default: the core's prop ``tracing`` if this app defines the core;
                else yes.
            plugin_accounts: Other accounts that may subscribe plugins. Default: the core's prop ``plugin_accounts``
                if this app defines the core; else none.
            organization_id: The AWS organization all of whose accounts may. Default: the core's, likewise.
            plugin_protocols: The protocols that other accounts may subscribe with, as for ``OrchestratorCore``.
                Default: the core's if this app defines the core; else ``lambda`` and ``sqs``.
            encryption_key: The customer managed key that encrypts the topic. Default: the core's, if this app
                defines the core; else ``alias/aws/sns``.

        Raises:
            ValueError: A name, an account, a duration or the position is not allowed, or the app defines this
                stage already.
        """
        super().__init__(
            scope,
            id,
            position=_sequential(position),
            options=options,
            core=core,
            activity_name=activity_name,
            exports=exports,
            tracing=tracing,
            plugin_accounts=plugin_accounts,
            organization_id=organization_id,
            plugin_protocols=plugin_protocols,
            encryption_key=encryption_key,
        )

    @classmethod
    def from_system(
        cls,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        system: str,
        stage: str,
        activity_name: str,
        position: Stage | str,
    ) -> IActivityStage:
        """Find a stage that another app deploys, by what it publishes in SSM.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            system: The system's name, as the core was given it.
            stage: The deployment's stage, as the core was given it.
            activity_name: The activity's name.
            position: ``pre`` or ``post``.

        Raises:
            ValueError: A name or the position is not allowed.
        """
        core = ImportedCore.shared(scope, checked_deployment(system, stage))
        return _find(scope, id, core, activity_name, _sequential(position))


class ParallelStage(_StageTopic):
    """Defines a stage that invokes all its plugins at once and waits for all of them.

    A mandatory plugin's error fails the stage at once, and with it the activity
    and the run; an optional one's does not, unless ``fail_on_optional_error`` is
    set. An ``Activity`` defines one of these, ``activity.parallel``.

    Resources: a topic ``{system}-{stage}-{activity}-parallel``, encrypted and
    closed to anything but TLS, an SSM parameter with its ARN and, unless turned
    off, a plain export; its settings, in the registry.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        core: IOrchestratorCore,
        activity_name: str,
        options: StageOptions | None = None,
        exports: bool | None = None,
        tracing: bool | None = None,
        plugin_accounts: Sequence[str] | None = None,
        organization_id: str | None = None,
        plugin_protocols: Sequence[str] | None = None,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        """Define the stage.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            core: The core that the activity belongs to.
            activity_name: The activity's name.
            options: The settings of the stage. Default: ``StageOptions()``.
            exports: Publish a plain export too. Default: the core's prop ``exports``.
            tracing: Trace messages with X-Ray. Default: the core's prop ``tracing`` if this app defines the core;
                else yes.
            plugin_accounts: Other accounts that may subscribe plugins. Default: the core's prop ``plugin_accounts``
                if this app defines the core; else none.
            organization_id: The AWS organization all of whose accounts may. Default: the core's, likewise.
            plugin_protocols: The protocols that other accounts may subscribe with, as for ``OrchestratorCore``.
                Default: the core's if this app defines the core; else ``lambda`` and ``sqs``.
            encryption_key: The customer managed key that encrypts the topic. Default: the core's, if this app
                defines the core; else ``alias/aws/sns``.

        Raises:
            ValueError: A name, an account or a duration is not allowed, or the app defines this stage already.
        """
        super().__init__(
            scope,
            id,
            position=Stage.PARALLEL,
            options=options,
            core=core,
            activity_name=activity_name,
            exports=exports,
            tracing=tracing,
            plugin_accounts=plugin_accounts,
            organization_id=organization_id,
            plugin_protocols=plugin_protocols,
            encryption_key=encryption_key,
        )

    @classmethod
    def from_system(
        cls,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        system: str,
        stage: str,
        activity_name: str,
    ) -> IActivityStage:
        """Find a stage that another app deploys, by what it publishes in SSM.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            system: The system's name, as the core was given it.
            stage: The deployment's stage, as the core was given it.
            activity_name: The activity's name.

        Raises:
            ValueError: A name is not allowed.
        """
        core = ImportedCore.shared(scope, checked_deployment(system, stage))
        return _find(scope, id, core, activity_name, Stage.PARALLEL)


def _sequential(position: Stage | str) -> Stage:
    if position not in (Stage.PRE, Stage.POST):
        raise ValueError(
            f"position of a sequential stage is {str(position)!r}: use 'pre' or 'post', or a ParallelStage"
        )
    return Stage(position)


def _find(scope: Construct, id: str, core: ImportedCore, activity_name: str, position: Stage) -> IActivityStage:  # noqa: A002
    check_name("activity", activity_name)
    return ImportedStage(scope, id, core=core, activity_name=activity_name, position=position)
