"""Makes the registration of a plain subscription: from SNS, the function's answer, and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator_runtime.contract import PLUGINS_ATTRIBUTE, PluginKind
from orchestrator_runtime.core.attributes import keys_filtered_by_sns
from orchestrator_runtime.core.registration import Registration, unqualified
from orchestrator_runtime.core.subscription import LAMBDA, Answer, NoAnswer, StageTopic, Subscription
from orchestrator_runtime.names import MAX_NAME, PLUGIN_NAME, problem_with_name
from orchestrator_runtime.plugin_info import PluginInfo, read_answer

MAX_ENDPOINT_BYTES: Final = 2_048
"""What a key of an index may have: functions are found by it."""
_KINDS: Final = {LAMBDA: PluginKind.FUNCTION, "sqs": PluginKind.QUEUE}
_LISTENERS: Final = frozenset({"application", "email", "email-json", "firehose", "sms"})
_NAMELESS: Final = "plugin"
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_NOT_AT_ITS_START: Final = re.compile(r"^[^A-Za-z0-9]+")
_OF_AN_ANSWER: Final = frozenset(
    PluginInfo(
        name=_NAMELESS,
        overrides={_NAMELESS: True},
        timeout_seconds=1,
        start_within_seconds=1,
        description=_NAMELESS,
        fifo_key=_NAMELESS,
    ).as_answer()
)
"""Every key of an answer; one that has none of them is that of a function that understood something else."""


def plain_registration(
    topic: StageTopic,
    subscription: Subscription,
    answer: Answer | NoAnswer | None,
    *,
    seen_at: datetime,
    registered: Registration | None = None,
    revision: str | None = None,
) -> Registration:
    """Makes the registration of a subscription from what SNS and its function say.

    A function that does not answer as the protocol demands is not expected to report its start: a deadline for a start
    that is never reported would fail plugins that do their work.

    Args:
        topic: The topic of the stage.
        subscription: The subscription.
        answer: The function's answer to ``initialize``; ``None`` if there is no function to ask.
        seen_at: When all this was read.
        registered: Its registration until now, if any.
        revision: Of the function, when it was asked; ``None`` if it is not known. It is kept unless the function
            has to be asked again: because it was not called, or did not answer for a passing reason.
    """
    info, problems, follows = _understand(answer)
    name = info.name or fallback_name(subscription)
    return Registration(
        activity=topic.activity,
        stage=topic.stage,
        name=name,
        named_since=registered.named_since if registered and registered.name == name else seen_at,
        subscription_arn=subscription.arn,
        kind=_KINDS.get(subscription.protocol, subscription.protocol),
        mandatory=info.mandatory_in(topic.activity),
        order=info.order,
        always_run=info.always_run,
        timeout_seconds=info.timeout_seconds,
        start_within_seconds=info.start_within_seconds,
        reports_start=follows,
        description=info.description,
        revision=revision if _was_asked(answer) else None,
        problem="; ".join(problems) or None,
        seen_at=seen_at,
        **of_subscription(subscription, registered, seen_at=seen_at),
    )


def _was_asked(answer: Answer | NoAnswer | None) -> bool:
    if isinstance(answer, NoAnswer):
        return answer.called and not answer.passing
    return answer is not None


def is_plugin(subscription: Subscription) -> bool:
    """Whether a subscription that no construct made is a plugin's.

    A mailbox, a phone or a stream of records cannot report, so that runs would wait for its deadline. It
    is taken for somebody who listens, unless its filter names it as a plugin.
    """
    return subscription.protocol not in _LISTENERS or PLUGINS_ATTRIBUTE in subscription.filter_policy


def problem_with_endpoint(endpoint: str) -> str | None:
    """Returns why what is subscribed cannot be registered, for people; ``None`` if it can."""
    if len(endpoint.encode(errors="replace")) > MAX_ENDPOINT_BYTES:
        return f"its endpoint is longer than {MAX_ENDPOINT_BYTES:,} bytes: subscribe a shorter one"
    if not endpoint.isprintable():
        return "its endpoint has characters that cannot be shown: subscribe one without them"
    return None


def _understand(answer: Answer | NoAnswer | None) -> tuple[PluginInfo, list[str], bool]:
    """A function's answer, the problems with it, and whether the function follows the protocol."""
    if answer is None:
        return PluginInfo(), [], False
    if isinstance(answer, NoAnswer):
        return PluginInfo(), [f"{answer.reason}: defaults are used"], False
    info, problems = read_answer(answer.document)
    if isinstance(answer.document, Mapping) and _OF_AN_ANSWER.isdisjoint(answer.document):
        problems = ["the answer to initialize has none of the keys of one, such as pluginName: defaults are used"]
    return info, problems, not problems


def fallback_name(subscription: Subscription) -> str:
    """Finds a name where the function answers none: the one in the filter policy, else that of the endpoint."""
    for_names = subscription.filter_policy.get(PLUGINS_ATTRIBUTE)
    if isinstance(for_names, list) and len(for_names) == 1:
        (name,) = for_names
        if isinstance(name, str) and problem_with_name("plugin", name, PLUGIN_NAME) is None:
            return name
    fitted = _NOT_AT_ITS_START.sub("", _NOT_IN_A_NAME.sub("-", _last_part(subscription)))
    return fitted[:MAX_NAME].rstrip("-") or _NAMELESS


def _last_part(subscription: Subscription) -> str:
    endpoint = subscription.endpoint
    if subscription.protocol == LAMBDA:
        return unqualified(endpoint).rpartition(":")[2]
    if subscription.protocol in {"http", "https"}:
        return _host(endpoint)
    if endpoint.startswith("arn:"):
        return re.split("[:/]", endpoint)[-1]
    return endpoint


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


def of_subscription(
    subscription: Subscription, registered: Registration | None, *, seen_at: datetime
) -> dict[str, Any]:
    """The attributes of a registration that are as SNS has them.

    A construct's subscription filters by the plugin's name only: its filter policy is not the plugin's.

    Args:
        subscription: The subscription.
        registered: Its registration until now, if any.
        seen_at: When the subscription was read.
    """
    found: dict[str, Any] = {"protocol": subscription.protocol, "endpoint": subscription.endpoint}
    if registered is not None and registered.managed:
        return found
    return {
        **found,
        "filter_policy": subscription.filter_policy,
        "filter_policy_scope": subscription.filter_policy_scope,
        "filter_keys_since": _keys_since(subscription, registered, seen_at),
    }


def _keys_since(subscription: Subscription, registered: Registration | None, seen_at: datetime) -> datetime | None:
    """Since when the subscription filters by its present keys; a change that adds no key keeps the time."""
    keys = keys_filtered_by_sns(subscription.filter_policy, subscription.filter_policy_scope)
    if registered is not None:
        before = keys_filtered_by_sns(registered.filter_policy, registered.filter_policy_scope)
        if set(keys) <= set(before):
            return registered.filter_keys_since
    return seen_at if keys else None
