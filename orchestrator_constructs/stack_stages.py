"""What registers the stages of a stack, and keeps it from losing one that plugins are registered to."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import CfnResource, CustomResource, Stack
from constructs import Construct

from orchestrator_constructs.custom_resource import RESOURCE_TIMEOUT
from orchestrator_constructs.interfaces import IActivityStage, IOrchestratorCore
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.custom_resources import STAGES_PROPERTY, STAGES_RESOURCE_TYPE, StageProperty


class StackStages(Construct):
    """Defines a custom resource that lists a core's stages in one stack, with their settings.

    Its creation and each of its changes write the settings to the registry.

    CloudFormation deletes what left a template after everything else is done, and
    continues whatever the result. Therefore the update of this resource asks the
    core, while CloudFormation can still roll back, whether plugins are registered
    to a stage that leaves the template. Where the whole stack is deleted, the
    deletion of this resource asks, which comes first: a refusal leaves the core,
    activities and workflows of the stack as they are.

    A core has one in its own stack, with or without stages, any other stack once
    it has a stage. There the last stage takes the resource along and nothing asks,
    unless the whole stack is deleted.
    """

    @classmethod
    def of(cls, scope: Construct, core: IOrchestratorCore) -> StackStages:
        """Find the one of the stack that ``scope`` belongs to, or define it.

        Args:
            scope: The core, or a stage.
            core: The core that the stages belong to.
        """
        return cls.find(scope, core) or cls(Stack.of(scope), _id(core), core=core)

    @classmethod
    def find(cls, scope: Construct, core: IOrchestratorCore) -> StackStages | None:
        """Find the one of the stack that ``scope`` belongs to, if it has stages of the core, or the core itself."""
        existing = Stack.of(scope).node.try_find_child(_id(core))
        return existing if isinstance(existing, cls) else None

    def __init__(self, scope: Construct, id: str, *, core: IOrchestratorCore) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._stages: dict[str, dict[str, str]] = {}
        self._resource = CustomResource(
            self,
            "Resource",
            service_token=core.function_arn(Handler.REGISTER_STAGES, consumer=self),
            service_timeout=RESOURCE_TIMEOUT,
            resource_type=STAGES_RESOURCE_TYPE,
        )

    def add(self, stage: IActivityStage, settings: Mapping[StageProperty, str]) -> None:
        """List a stage of the stack.

        Args:
            stage: The stage.
            settings: Its settings, as the custom resource has them.
        """
        key = f"{stage.activity_name}/{stage.position}"
        self._stages[key] = {
            StageProperty.STAGE.value: key,
            **{name.value: value for name, value in settings.items()},
        }
        resource = self._resource.node.default_child
        assert isinstance(resource, CfnResource)  # noqa: S101 - what a custom resource consists of
        resource.add_property_override(STAGES_PROPERTY, [self._stages[key] for key in sorted(self._stages)])

    def deploy_after(self, construct: Construct) -> None:
        """Deploy the resource after this construct of the stack, and delete it before, if the stack is deleted."""
        self._resource.node.add_dependency(construct)


def _id(core: IOrchestratorCore) -> str:
    return f"OrchestratorStages-{core.deployment.prefix}"
