"""What is seen of a subscription from outside: by SNS, and by Lambda of the function that it calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from orchestrator_runtime.contract import MAX_NESTING, Stage
from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES
from orchestrator_runtime.json_text import compact_json, is_too_deep

LAMBDA = "lambda"
"""The protocol by which SNS calls functions."""
MAX_PLAIN_POLICY_BYTES: Final = 8_192
"""Of the filter policy of a subscription that no construct made: each stage that opens reads all of them."""
_ACCOUNT_IN_ARN: Final = 4


@dataclass(frozen=True, slots=True)
class StageTopic:
    """The topic of a stage."""

    activity: str
    stage: Stage
    arn: str

    @property
    def key(self) -> str:
        """The stage's name in the registry."""
        return f"{self.activity}/{self.stage}"


class Unseen(StrEnum):
    """Why something was not seen."""

    GONE = "gone"
    """It does not exist, or not any more."""
    UNREADABLE = "unreadable"
    """It may exist, but belongs to another account, which does not let the core look."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A subscription as the list of its topic's subscriptions has it.

    Attributes:
        arn: Its ARN; ``None`` while its endpoint has not confirmed it.
        protocol: How SNS delivers.
        endpoint: Where SNS delivers to.
        account: The account that subscribed; empty if it is not known.
    """

    arn: str | None
    protocol: str
    endpoint: str
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription with its attributes.

    Attributes:
        arn: Its ARN.
        protocol: How SNS delivers.
        endpoint: Where SNS delivers to.
        account: As in ``Listed``.
        filter_policy: Its filter policy; empty if there is none, or a problem with it.
        filter_policy_scope: ``MessageAttributes`` or ``MessageBody``.
        confirmed: Whether its endpoint has confirmed it.
        filter_problem: Why its filter policy is not read, for people.
    """

    arn: str
    protocol: str
    endpoint: str
    account: str = ""
    filter_policy: Mapping[str, Any] = field(default_factory=dict)
    filter_policy_scope: str = MESSAGE_ATTRIBUTES
    confirmed: bool = True
    filter_problem: str | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function that exists.

    Attributes:
        revision: Another one after each change of its code or configuration, or of what an alias means. Moved
            back, an alias may have that of before.
        updating: Whether a change is under way: calls still reach what was before.
        version: The version that calls reach; ``None`` if it is not known.
    """

    revision: str
    updating: bool = False
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function answered to ``initialize``.

    Attributes:
        document: Its answer, decoded.
        version: The version that was called; ``None`` if it is not known.
    """

    document: object
    version: str | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """A function did not answer to ``initialize``.

    Attributes:
        reason: Why, for people; without any payload.
        passing: Whether it is likely to answer another time: it was throttled, say.
        called: Whether it was called. One that was not may be asked again without doing anything twice.
        version: The version that was called; ``None`` if it is not known.
    """

    reason: str
    passing: bool = False
    called: bool = True
    version: str | None = None


def stage_topic(topic_arn: str, prefix: str) -> StageTopic | None:
    """Read from its ARN of which stage a topic is.

    Args:
        topic_arn: The ARN.
        prefix: What the ARNs of a deployment's topics start with.

    Returns:
        The stage's topic, or ``None`` if the ARN is not built as those are. A deployment whose name is
        longer than this one's by a part may own it nevertheless.
    """
    if not topic_arn.startswith(prefix):
        return None
    activity, _, stage = topic_arn.removeprefix(prefix).rpartition("-")
    return StageTopic(activity, Stage(stage), topic_arn) if activity and stage in set(Stage) else None


def topic_of(subscription_arn: str) -> str:
    """The ARN of the topic that a subscription is to."""
    return subscription_arn.rpartition(":")[0]


def account_of(arn: str) -> str:
    """The account in an ARN; empty if it has none."""
    parts = arn.split(":")
    return parts[_ACCOUNT_IN_ARN] if len(parts) > _ACCOUNT_IN_ARN else ""


def read_filter_policy(text: str | None) -> tuple[Mapping[str, Any], str | None]:
    """Reads the filter policy of a subscription.

    Args:
        text: What SNS has; ``None`` or empty if there is no filter policy.

    Returns:
        The filter policy, and why it is not read, for people; empty if it is not.
    """
    if not text:
        return {}, None
    size = len(text.encode(errors="replace"))
    if size > MAX_PLAIN_POLICY_BYTES:
        return {}, f"its filter policy is {size:,} bytes, and {MAX_PLAIN_POLICY_BYTES:,} are read: shorten it"
    try:
        policy = json.loads(text)
        compact_json(policy)
    except (ValueError, RecursionError):
        policy = None
    if isinstance(policy, dict) and not is_too_deep(policy):
        return policy, None
    return {}, f"its filter policy is no JSON object of at most {MAX_NESTING} levels: correct it"
