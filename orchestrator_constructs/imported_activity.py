"""An activity and its stages that another app deploys, found by what they publish in SSM."""

from __future__ import annotations

from functools import cached_property

from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs.activity_definition import RULES
from orchestrator_constructs.interfaces import IActivityStage, IOrchestratorCore
from orchestrator_constructs.placement import published_value
from orchestrator_runtime.contract import ReleaseRule, Stage


class ImportedStage(Construct):
    """Looks up the topic in the stack that asks."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        core: IOrchestratorCore,
        activity_name: str,
        position: Stage,
    ) -> None:
        super().__init__(scope, id)
        self._core = core
        self._activity_name = activity_name
        self._position = position

    @property
    def core(self) -> IOrchestratorCore:
        """The core that the activity belongs to."""
        return self._core

    @property
    def activity_name(self) -> str:
        """The activity's name."""
        return self._activity_name

    @property
    def position(self) -> Stage:
        """``pre``, ``parallel`` or ``post``."""
        return self._position

    @property
    def rule(self) -> ReleaseRule:
        """How the stage releases its plugins."""
        return RULES[self._position]

    @cached_property
    def topic(self) -> sns.ITopic:
        """The topic that releases are published to."""
        return sns.Topic.from_topic_arn(self, "Topic", self.topic_arn(consumer=self))

    def topic_arn(self, *, consumer: Construct) -> str:
        """Look up the topic for the stack of ``consumer``."""
        parameter = self._core.deployment.topic_parameter(self._activity_name, self._position)
        return published_value(parameter, consumer=consumer)


class ImportedActivity(Construct):
    """Looks up, in the stack that asks, only what is asked for."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        core: IOrchestratorCore,
        activity_name: str,
    ) -> None:
        super().__init__(scope, id)
        self._core = core
        self._activity_name = activity_name
        self._stages = {
            position: ImportedStage(
                self, position.capitalize(), core=core, activity_name=activity_name, position=position
            )
            for position in Stage
        }

    @property
    def core(self) -> IOrchestratorCore:
        """The core that the activity belongs to."""
        return self._core

    @property
    def activity_name(self) -> str:
        """The activity's name, unique in its core."""
        return self._activity_name

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
        """Look up the activity's state machine for the stack of ``consumer``."""
        return published_value(self._core.deployment.activity_parameter(self._activity_name), consumer=consumer)
