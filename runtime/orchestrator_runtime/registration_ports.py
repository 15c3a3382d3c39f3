"""What registering plugins and losing stages needs of the world beside the registry."""

from __future__ import annotations

from typing import Protocol

from orchestrator_runtime.contract import Stage


class Topics(Protocol):
    """Knows the topics of stages."""

    def arn(self, activity: str, stage: Stage) -> str:
        """The ARN that a stage's topic has if there is such a stage."""
        ...

    def exists(self, topic_arn: str) -> bool:
        """Whether there is such a topic."""
        ...


class Stacks(Protocol):
    """Knows what CloudFormation is doing."""

    def status(self, stack_id: str) -> str:
        """The status of a stack, as CloudFormation spells it."""
        ...
