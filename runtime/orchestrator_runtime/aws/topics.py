"""Publishing to the topics of stages, and knowing whether there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.attributes import to_sns
from orchestrator_runtime.core.message import Message

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

NOT_FOUND: Final = frozenset({"NotFound", "NotFoundException"})
"""The code under which SNS says that a topic or subscription does not exist; it has been spelled both ways."""


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
            TopicArn=_topic_arn(self._topic_arn_prefix, activity, stage),
            Message=message.body,
            MessageAttributes=attributes,
        )


class SnsTopics:
    """Implements ``registration_ports.Topics``.

    Args:
        client: The SNS client.
        topic_arn_prefix: What a stage's topic ARN starts with; ``{activity}-{stage}`` follows.
    """

    def __init__(self, client: SNSClient, topic_arn_prefix: str) -> None:
        self._client = client
        self._topic_arn_prefix = topic_arn_prefix

    def arn(self, activity: str, stage: Stage) -> str:
        """See ``registration_ports.Topics``."""
        return _topic_arn(self._topic_arn_prefix, activity, stage)

    def exists(self, topic_arn: str) -> bool:
        """See ``registration_ports.Topics``."""
        try:
            self._client.get_topic_attributes(TopicArn=topic_arn)
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_FOUND:
                raise
            return False
        return True


def _topic_arn(prefix: str, activity: str, stage: Stage) -> str:
    return f"{prefix}{activity}-{stage}"
