"""Decides what the registration of a subscription has to become, given all that was read of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.core.plain_registration import (
    is_plugin,
    of_subscription,
    plain_registration,
    problem_with_endpoint,
)
from orchestrator_runtime.core.registration import Registration, unqualified
from orchestrator_runtime.core.subscription import (
    LAMBDA,
    Answer,
    Function,
    NoAnswer,
    StageTopic,
    Subscription,
    Unseen,
    account_of,
)
from orchestrator_runtime.core.topic_permission import Permission, permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was read of one subscription, in the order in which it has to be read.

    Attributes:
        topic: The stage's topic.
        registered: Its registration, read before everything else.
        seen_at: The time before everything else was read.
        subscription: The subscription as SNS has it.
        function: The subscribed function as Lambda has it; ``None`` if no function is subscribed.
        policy: The function's resource policy; ``None`` if it has none, ``UNREADABLE`` also where it was not read.
        answer: The function's answer to ``initialize``; ``None`` if it was not asked.
    """

    topic: StageTopic
    registered: Registration | None
    seen_at: datetime
    subscription: Subscription | Unseen
    function: Function | Unseen | None = None
    policy: Mapping[str, Any] | Unseen | None = Unseen.UNREADABLE
    answer: Answer | NoAnswer | None = None

    @property
    def managed(self) -> bool:
        """Whether a construct registered it."""
        return self.registered is not None and self.registered.managed

    @property
    def permission(self) -> Permission:
        """Whether the function's resource policy lets SNS invoke it for the stage's topic."""
        if isinstance(self.policy, Unseen):
            return Permission.UNCLEAR
        return permission(self.policy, self.topic.arn)


@dataclass(frozen=True, slots=True)
class Write:
    """Write a registration.

    Attributes:
        registration: The registration.
        changed: What is different in it, for people; nothing where only the time is noted.
    """

    registration: Registration
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a registration, and why, for people."""

    registration: Registration
    reason: str


Action: TypeAlias = Write | Remove | None
"""``None``: leave everything as it is."""

_NOT_COMPARED: Final = frozenset({"filter_keys_since", "named_since", "revision", "seen_at"})
_COMPARED: Final = tuple(field.name for field in fields(Registration) if field.name not in _NOT_COMPARED)


def has_to_ask(sight: Sight) -> bool:
    """Whether the function has to be asked to initialize, if ``why_not_asked`` knows no reason against it.

    A function is asked when its subscription is new or was changed, and when it was changed itself
    since it was asked; also if it could not be called, or did not answer for a reason that passes. One
    that does not know the question would take it for work each time. A construct's function is never
    asked: the construct's props are the registration.
    """
    subscription, registered = sight.subscription, sight.registered
    if isinstance(subscription, Unseen) or subscription.protocol != LAMBDA or not subscription.confirmed:
        return False
    if sight.managed or why_not_registered(sight):
        return False
    return (
        registered is None
        or registered.revision is None
        or _as_subscribed(registered, subscription, sight) != registered
        or (isinstance(sight.function, Function) and sight.function.revision != registered.revision)
    )


def why_not_asked(sight: Sight) -> NoAnswer | None:
    """Returns why a function that should be asked may not be; ``None`` if it may.

    Anybody who may subscribe to the topic chooses which function the core invokes, so it invokes only what its owner
    lets this topic invoke anyway. A function of another account whose policy cannot be read is asked: for that Lambda
    itself demands that the function's policy lets the core's account invoke it, and the core's owner has named the
    function in ``plugin_functions``.
    """
    subscription = sight.subscription
    if isinstance(subscription, Unseen) or sight.permission is Permission.GRANTED:
        return None
    if not isinstance(sight.policy, Unseen):
        reason = (
            "the function was not asked to initialize, since its resource policy has conditions other than those on "
            "aws:SourceArn and aws:SourceAccount, by which it is not certain that the stage's topic may invoke it"
        )
    elif account_of(subscription.endpoint) == account_of(sight.topic.arn):
        reason = "the function was not asked to initialize, since the core cannot read its resource policy"
    else:
        return None
    return NoAnswer(reason, called=False)


def decide(sight: Sight) -> Action:
    """Decides what the registration has to become.

    The same sight always leads to the same registration, whatever event caused it. That makes events that come twice,
    late or in another order harmless.
    """
    subscription, registered = sight.subscription, sight.registered
    if why := why_not_registered(sight):
        return Remove(registered, why) if registered else None
    # A managed one of another account that cannot be read stays as it is; of a plain one nothing is known.
    if isinstance(subscription, Unseen) or not subscription.confirmed:
        return None
    wanted = _wanted(sight, subscription)
    if registered is None:
        return Write(wanted)
    changed = tuple(name for name in _COMPARED if getattr(wanted, name) != getattr(registered, name))
    if not changed and wanted.revision == registered.revision:
        return None
    return Write(replace(wanted, seen_at=sight.seen_at), changed)


def why_not_registered(sight: Sight) -> str | None:
    """Returns why what is subscribed cannot be registered, for people; ``None`` if it can, or nothing is known.

    What SNS cannot deliver to is not registered, or else each run would wait for it until its deadline. A construct's
    registration stays although its function refuses the topic: there the props are what its team wants, and a run that
    went on without the plugin would be wrong.
    """
    subscription = sight.subscription
    if subscription is Unseen.GONE:
        return "its subscription is gone"
    if isinstance(subscription, Unseen) or not subscription.confirmed:
        return None
    if sight.function is Unseen.GONE:
        return f"its function {subscription.endpoint} is gone"
    return None if sight.managed else _why_not_plain(sight, subscription)


def _why_not_plain(sight: Sight, subscription: Subscription) -> str | None:
    if problem := problem_with_endpoint(subscription.endpoint) or subscription.filter_problem:
        return problem
    if is_of_core(sight):
        return f"its function {subscription.endpoint} is one of the core itself"
    if sight.permission is Permission.REFUSED:
        return f"the resource policy of {subscription.endpoint} does not let the topic invoke it"
    if not is_plugin(subscription):
        return "it cannot report, and its filter has no 'plugins'"
    return None


def is_of_core(sight: Sight) -> bool:
    """Whether what is subscribed is a function of the core itself, by its name."""
    subscription = sight.subscription
    if isinstance(subscription, Unseen) or subscription.protocol != LAMBDA:
        return False
    # The names of the core's topics and of its functions begin alike: {system}-{stage}-.
    *_, region, account, name = sight.topic.arn.split(":")
    prefix = name.removesuffix(f"{sight.topic.activity}-{sight.topic.stage}")
    *place, function = unqualified(subscription.endpoint).split(":")
    return place[3:5] == [region, account] and function in {f"{prefix}{handler}" for handler in Handler}


def _wanted(sight: Sight, subscription: Subscription) -> Registration:
    registered, answer = sight.registered, sight.answer
    if registered is None:
        return _plain(sight, subscription)
    known = _as_subscribed(registered, subscription, sight)
    if registered.managed:
        return known
    if subscription.protocol == LAMBDA:
        if answer is None:
            return known
        if isinstance(answer, NoAnswer) and answer.passing:
            # Noted only where the answer might be another now. A function that was changed is asked again anyway.
            return known if known == registered else replace(known, problem=answer.reason, revision=None)
    return _plain(sight, subscription)


def _plain(sight: Sight, subscription: Subscription) -> Registration:
    return plain_registration(
        sight.topic,
        subscription,
        sight.answer,
        seen_at=sight.seen_at,
        registered=sight.registered,
        revision=_revision(sight.function, sight.answer),
    )


def _revision(function: Function | Unseen | None, answer: Answer | NoAnswer | None) -> str | None:
    """The revision of the function that gave the answer; ``None`` if it is not known."""
    if not isinstance(function, Function):
        # Changes in another account cause no event here. What is no function is not asked.
        return None if function is None else str(function)
    if answer and None not in {answer.version, function.version} and answer.version != function.version:
        # An alias was moved after the look at it, or shares its calls out among two versions.
        return None
    return function.revision


def _as_subscribed(registered: Registration, subscription: Subscription, sight: Sight) -> Registration:
    return replace(registered, **of_subscription(subscription, registered, seen_at=sight.seen_at))
