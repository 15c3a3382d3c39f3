"""Reading the subscriptions to the topics of stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from orchestrator_runtime.aws.topics import NOT_FOUND
from orchestrator_runtime.core.subscription import (
    Listed,
    Subscription,
    Unseen,
    account_of,
    read_filter_policy,
    topic_of,
)
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
        return [
            Listed(
                # "PendingConfirmation" stands there for an ARN that is not given yet.
                arn=found["SubscriptionArn"] if found["SubscriptionArn"].startswith("arn:") else None,
                protocol=found["Protocol"],
                endpoint=found["Endpoint"],
                account=found.get("Owner", ""),
            )
            for found in self._list(topic_arn)
        ]

    def get(self, subscription_arn: str) -> Subscription | Unseen:
        """See ``subscription_ports.Subscriptions``."""
        try:
            answer = self._client.get_subscription_attributes(SubscriptionArn=subscription_arn)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _NOT_ALLOWED or (code in NOT_FOUND and self._is_another_s(subscription_arn)):
                return Unseen.UNREADABLE
            if code in NOT_FOUND:
                return Unseen.GONE
            raise
        attributes = answer["Attributes"]
        # These two are not among the attributes that are documented, though SNS gives them.
        known = attributes if {"Protocol", "Endpoint"} <= attributes.keys() else self._find(subscription_arn)
        if known is None:
            return Unseen.GONE
        filter_policy, filter_problem = read_filter_policy(attributes.get("FilterPolicy"))
        return Subscription(
            arn=subscription_arn,
            protocol=known["Protocol"],
            endpoint=known["Endpoint"],
            account=known.get("Owner", ""),
            filter_policy=filter_policy,
            filter_policy_scope=attributes.get("FilterPolicyScope") or MESSAGE_ATTRIBUTES,
            confirmed=attributes.get("PendingConfirmation", "false").lower() != "true",
            filter_problem=filter_problem,
        )

    def _is_another_s(self, subscription_arn: str) -> bool:
        """Whether a subscription that SNS does not show here belongs to another account than its topic."""
        found = self._find(subscription_arn)
        return found is not None and found["Owner"] != account_of(subscription_arn)

    def _find(self, subscription_arn: str) -> Mapping[str, str] | None:
        found = self._list(topic_of(subscription_arn))
        return next((each for each in found if each["SubscriptionArn"] == subscription_arn), None)

    def _list(self, topic_arn: str) -> Sequence[Mapping[str, str]]:
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
        try:
            found: list[Any] = [each for page in pages for each in page["Subscriptions"]]
        except ClientError as error:
            if error.response["Error"]["Code"] not in NOT_FOUND:
                raise
            return []
        return [each for each in found if each["SubscriptionArn"] != _DELETED]
