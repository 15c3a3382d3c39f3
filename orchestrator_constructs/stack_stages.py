"""What keeps a stack from losing a stage that plugins are registered to."""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnResource, CustomResource, Duration, Stack
from constructs import Construct

from orchestrator_constructs.interfaces import IActivityStage, IOrchestratorCore
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.custom_resources import STAGES_PROPERTY, STAGES_RESOURCE_TYPE

_TIMEOUT: Final = Duration.minutes(2)


class StackStages(Construct):
    """Defines a custom resource with the names of a core's stages in one stack.

    CloudFormation deletes what left a template after all else is done, and goes on
    whatever comes of it. So it is the change of this resource that asks the core,
    while the update can still be rolled back, whether anybody is registered to a
    stage that goes. Where the whole stack is deleted, it is its deletion, which
    comes first: a refusal leaves the core, activities and workflows of the stack
    as they are.

    A core has one in its own stack, with or without stages, any other stack once
    it has a stage. There the last stage takes the resource along and is not asked
    for, unless the whole stack is deleted.
    """

    @classmethod
    def of(cls, scope: Construct, core: IOrchestratorCore) -> StackStages:
        """Find the one of the stack that ``scope`` belongs to, or define it.

        Args:
            scope: The core, or a stage.
            core: The core that is asked.
        """
        return cls.find(scope, core) or cls(Stack.of(scope), _id(core), core=core)

    @classmethod
    def find(cls, scope: Construct, core: IOrchestratorCore) -> StackStages | None:
        """Find the one of the stack that ``scope`` belongs to, if it has stages of the core, or the core itself."""
        existing = Stack.of(scope).node.try_find_child(_id(core))
        return existing if isinstance(existing, cls) else None

    def __init__(self, scope: Construct, id: str, *, core: IOrchestratorCore) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._stages: list[str] = []
        self._resource = CustomResource(
            self,
            "Resource",
            service_token=core.function_arn(Handler.REGISTER_PLUGIN, consumer=self),
            service_timeout=_TIMEOUT,
            resource_type=STAGES_RESOURCE_TYPE,
        )

    def add(self, stage: IActivityStage) -> None:
        """Ask before this stage of the stack is removed."""
        self._stages.append(f"{stage.activity_name}/{stage.position}")
        resource = self._resource.node.default_child
        assert isinstance(resource, CfnResource)  # noqa: S101 - what a custom resource consists of
        resource.add_property_override(STAGES_PROPERTY, sorted(self._stages))

    def ask_before_deleting(self, construct: Construct) -> None:
        """Ask before all that this construct of the stack defines is deleted along with the stack."""
        self._resource.node.add_dependency(construct)


def _id(core: IOrchestratorCore) -> str:
    return f"OrchestratorStages-{core.deployment.prefix}"
