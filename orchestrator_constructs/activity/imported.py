"""An activity and its stages that another app deploys, found in the way that its core is."""

from __future__ import annotations

from functools import cached_property

from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs.activity.base import ActivityBase
from orchestrator_constructs.activity.stage_base import StageBase
from orchestrator_constructs.interfaces import IActivityStage, IOrchestratorCore
from orchestrator_runtime.contract import Stage


class ImportedStage(StageBase):
    """Finds the topic for the stack that asks."""

    @cached_property
    def topic(self) -> sns.ITopic:
        """The topic that releases are published to."""
        return sns.Topic.from_topic_arn(self, "Topic", self.topic_arn(consumer=self))

    def topic_arn(self, *, consumer: Construct) -> str:
        """Find the topic for the stack of ``consumer``."""
        return self._core.topic_arn(self._activity_name, self._position, consumer=consumer)


class ImportedActivity(ActivityBase):
    """Finds, for the stack that asks, only what is asked for."""

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

    @cached_property
    def state_machine(self) -> sfn.IStateMachine:
        """The activity's state machine; workflows start it."""
        return sfn.StateMachine.from_state_machine_arn(self, "StateMachine", self.state_machine_arn(consumer=self))

    def state_machine_arn(self, *, consumer: Construct) -> str:
        """Find the activity's state machine for the stack of ``consumer``."""
        return self._core.activity_arn(self._activity_name, consumer=consumer)
