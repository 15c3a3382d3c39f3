"""Publishing to the alerts' topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator_runtime.core.alert import Alert
from orchestrator_runtime.json_text import compact_json

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class SnsAlerts:
    """Implements ``watch_ports.Alerts``.

    Mail shows the text, every other subscriber gets the document. Both can filter by the message attributes
    ``workflow`` and ``kind``.

    Args:
        client: The SNS client.
        topic_arn: The topic.
    """

    def __init__(self, client: SNSClient, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, alert: Alert) -> None:
        """See ``watch_ports.Alerts``."""
        attributes: Any = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in {"workflow": alert.workflow, "kind": alert.kind.value}.items()
        }
        self._client.publish(
            TopicArn=self._topic_arn,
            Subject=alert.subject,
            Message=compact_json({"default": compact_json(alert.document), "email": alert.text}),
            MessageStructure="json",
            MessageAttributes=attributes,
        )
