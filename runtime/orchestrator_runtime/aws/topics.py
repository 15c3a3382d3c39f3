"""Publishing to the topics of stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.attributes import to_sns
from orchestrator_runtime.core.message import Message

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class SnsPublisher:
    """Implements ``ports.Publisher``.

    Args:
        client: The SNS client.
        topic_arn_prefix: What a stage's topic ARN starts with; ``{activity}-{stage}`` follows.
    """

    def __init__(self, client: SNSClient, topic_arn_prefix: str) -> None:
        self._client = client
        self._topic_arn_prefix = topic_arn_prefix

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        """See ``ports.Publisher``."""
        attributes: Any = to_sns(message.attributes)
        self._client.publish(
            TopicArn=f"{self._topic_arn_prefix}{activity}-{stage}",
            Message=message.body,
            MessageAttributes=attributes,
        )
