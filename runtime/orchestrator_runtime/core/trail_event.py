"""What an API call that CloudTrail tells of may have changed.

An event is only a hint of where to look: it says nothing of its own that would be
believed, so that it may come late, twice, or before another that it follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from orchestrator_runtime.core.subscription import topic_of


@dataclass(frozen=True, slots=True)
class SubscriptionChanged:
    """Look at this subscription."""

    subscription_arn: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Look for a new subscription to this topic, whose ARN the event does not tell.

    Attributes:
        topic_arn: The topic.
        endpoint: What was subscribed, if it is told: CloudTrail hides some.
    """

    topic_arn: str
    endpoint: str | None


@dataclass(frozen=True, slots=True)
class FunctionChanged:
    """Look at all subscriptions of this function; its ARN has no version and no alias."""

    function_arn: str


Change: TypeAlias = SubscriptionChanged | Subscribed | FunctionChanged

_SUBSCRIBES: Final = frozenset({"Subscribe", "ConfirmSubscription"})
_CHANGES_SUBSCRIPTION: Final = frozenset({"SetSubscriptionAttributes", "Unsubscribe"})
# Not DeleteFunctionConcurrency and its like: only the version of Lambda's API may follow.
_CHANGES_FUNCTION: Final = re.compile(
    r"(UpdateFunctionCode|UpdateFunctionConfiguration|UpdateAlias|DeleteFunction)(\d{8})?(v\d+)?",
)
_FUNCTION: Final = re.compile(
    r"(?:arn:(?P<partition>[\w-]{1,64}):lambda:(?P<region>[\w-]{1,64}):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[\w-]{1,140})(?::[\w$-]{1,140})?",
    re.ASCII,
)
_ARN: Final = re.compile(r"[\w:-]{1,512}", re.ASCII)
"""Of a topic or of a subscription. What has another shape names nothing that there is, and is no key of a table."""


def read_trail_event(event_detail: object, topic_arn_prefix: str) -> Change | None:
    """Read the ``detail`` of an event "AWS API Call via CloudTrail".

    Args:
        event_detail: The event's detail.
        topic_arn_prefix: What the ARNs of the deployment's topics start with.

    Returns:
        Where to look; ``None`` if the call failed, or is none that matters here.
    """
    detail = _mapping(event_detail)
    name = str(detail.get("eventName"))
    if detail.get("errorCode"):
        return None
    asked = _mapping(detail.get("requestParameters"))
    if name in _SUBSCRIBES:
        return _subscribed(asked, _mapping(detail.get("responseElements")), topic_arn_prefix)
    if name in _CHANGES_SUBSCRIPTION:
        arn = str(asked.get("subscriptionArn"))
        return SubscriptionChanged(arn) if _is_below(arn, topic_arn_prefix) else None
    if _CHANGES_FUNCTION.fullmatch(name):
        function = _function_arn(detail, str(asked.get("functionName")), partition=topic_arn_prefix.split(":")[1])
        return FunctionChanged(function) if function else None
    return None


def _subscribed(asked: Mapping[str, Any], answered: Mapping[str, Any], topic_arn_prefix: str) -> Change | None:
    topic_arn = str(asked.get("topicArn"))
    if not _is_below(topic_arn, topic_arn_prefix):
        return None
    # The answer may be missing, or say "pending confirmation" where an ARN belongs.
    arn = str(answered.get("subscriptionArn"))
    if topic_of(arn) == topic_arn and _ARN.fullmatch(arn):
        return SubscriptionChanged(arn)
    endpoint = asked.get("endpoint")
    return Subscribed(topic_arn, endpoint if isinstance(endpoint, str) else None)


def _function_arn(detail: Mapping[str, Any], name: str, *, partition: str) -> str | None:
    """Build the function's ARN: callers may name it by name, by part of its ARN or by all of it."""
    found = _FUNCTION.fullmatch(name)
    if found is None:
        return None
    region = found["region"] or detail.get("awsRegion")
    account = found["account"] or detail.get("recipientAccountId")
    arn = f"arn:{found['partition'] or partition}:lambda:{region}:{account}:function:{found['name']}"
    return arn if _ARN.fullmatch(arn) else None


def _is_below(arn: str, topic_arn_prefix: str) -> bool:
    return arn.startswith(topic_arn_prefix) and _ARN.fullmatch(arn) is not None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
