"""An activity and its stages that another app deploys, found in the way that its core is."""

from __future__ import annotations

from functools import cached_property

from aws_cdk import aws_sns as sns
from constructs import Construct

from orchestrator_constructs.activity.base import ActivityBase
from orchestrator_constructs.activity.stage_base import StageBase
from orchestrator_constructs.interfaces import IActivityStage, IOrchestratorCore
from orchestrator_runtime.contract import Stage


class ImportedStage(StageBase):
    """Looks up the topic in the stack that uses it."""

    @cached_property
    def topic(self) -> sns.ITopic:
        """The topic that the stage publishes to."""
        return sns.Topic.from_topic_arn(self, "Topic", self.topic_arn(consumer=self))

    def topic_arn(self, *, consumer: Construct) -> str:
        """The topic's ARN for the stack of ``consumer``."""
        return self._core.topic_arn(self._activity_name, self._position, consumer=consumer)


class ImportedActivity(ActivityBase):
    """Looks up topics in the stack that uses them; a workflow needs the activity's name and nothing else."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        core: IOrchestratorCore,
        activity_name: str,
    ) -> None:
        super().__init__(scope, id, core=core, activity_name=activity_name)
        self._stages = {
            position: ImportedStage(
                self, position.capitalize(), core=core, activity_name=activity_name, position=position
            )
            for position in Stage
        }

    @property
    def pre(self) -> IActivityStage:
        """The first stage, one plugin at a time."""
        return self._stages[Stage.PRE]

    @property
    def parallel(self) -> IActivityStage:
        """The second stage, all plugins at once."""
        return self._stages[Stage.PARALLEL]

    @property
    def post(self) -> IActivityStage:
        """The last stage, one plugin at a time."""
        return self._stages[Stage.POST]

    def deploy_before(self, consumer: Construct) -> None:
        """Nothing: another app deploys the activity."""
