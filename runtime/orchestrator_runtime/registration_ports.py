"""What registering plugins and stages needs of the world beside the registry."""

from __future__ import annotations

from typing import Protocol

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.custom_resource_request import ResponseAddress


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


class Responses(Protocol):
    """The bucket in which CloudFormation waits for answers."""

    def accepts(self, address: ResponseAddress) -> bool:
        """Asks S3 whether it accepts the signature of an address, and stores nothing there.

        Raises:
            OSError: S3 cannot be reached, or says neither.
        """
        ...

    def send(self, address: ResponseAddress, body: bytes) -> None:
        """Sends the answer to a request.

        Raises:
            OSError: S3 cannot be reached, or does not accept the answer.
        """
        ...
