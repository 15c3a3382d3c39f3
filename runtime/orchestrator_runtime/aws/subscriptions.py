"""Reading the subscriptions to the topics of stages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from orchestrator_runtime.aws.topics import NOT_FOUND
from orchestrator_runtime.core.subscription import Listed, Subscription, Unseen
from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_NOT_ALLOWED: Final = frozenset({"AuthorizationError", "AuthorizationErrorException"})
_DELETED: Final = "Deleted"
"""What stands for the ARN of a subscription that SNS will forget in a while."""


class SnsSubscriptions:
    """Implements ``subscription_ports.Subscriptions``.

    Args:
        client: The SNS client; one that slows down by itself when it is throttled, since
            SNS lists 30 pages a second for a whole account.
    """

    def __init__(self, client: SNSClient) -> None:
        self._client = client

    def of_topic(self, topic_arn: str) -> Sequence[Listed]:
        """See ``subscription_ports.Subscriptions``."""
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        try:
            return [
                Listed(
                    # "PendingConfirmation" stands there for an ARN that is not given yet.
                    arn=found["SubscriptionArn"] if found["SubscriptionArn"].startswith("arn:") else None,
                    protocol=found["Protocol"],
                    endpoint=found["Endpoint"],
                )
                for page in pages
                for found in page["Subscriptions"]
                if found["SubscriptionArn"] != _DELETED
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_FOUND:
                raise
            return []

    def get(self, subscription_arn: str) -> Subscription | Unseen:
        """See ``subscription_ports.Subscriptions``."""
        try:
            answer = self._client.get_subscription_attributes(SubscriptionArn=subscription_arn)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in NOT_FOUND:
                return Unseen.GONE
            if code in _NOT_ALLOWED:
                return Unseen.UNREADABLE
            raise
        attributes = answer["Attributes"]
        return Subscription(
            arn=subscription_arn,
            protocol=attributes["Protocol"],
            endpoint=attributes["Endpoint"],
            filter_policy=_policy(attributes.get("FilterPolicy")),
            filter_policy_scope=attributes.get("FilterPolicyScope") or MESSAGE_ATTRIBUTES,
            confirmed=attributes.get("PendingConfirmation", "false").lower() != "true",
        )


def _policy(text: str | None) -> Mapping[str, Any]:
    policy = json.loads(text) if text else {}
    return policy if isinstance(policy, dict) else {}
