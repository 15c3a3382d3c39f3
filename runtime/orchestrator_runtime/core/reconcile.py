"""Decides what the registration of a subscription has to become, given all that was read of it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Final, TypeAlias

from orchestrator_runtime.core.plain_registration import is_plugin, of_subscription, plain_registration
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import (
    LAMBDA,
    Answer,
    Function,
    NoAnswer,
    StageTopic,
    Subscription,
    Unseen,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was read of one subscription, in the order in which it has to be read.

    Attributes:
        topic: The stage's topic.
        registered: Its registration, read before everything else.
        seen_at: The time before everything else was read.
        subscription: The subscription as SNS has it.
        function: The subscribed function as Lambda has it; ``None`` if no function is subscribed.
        answer: The function's answer to ``initialize``; ``None`` if it was not asked.
    """

    topic: StageTopic
    registered: Registration | None
    seen_at: datetime
    subscription: Subscription | Unseen
    function: Function | Unseen | None = None
    answer: Answer | NoAnswer | None = None

    @property
    def managed(self) -> bool:
        """Whether a construct registered it."""
        return self.registered is not None and self.registered.managed


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

_NOT_COMPARED: Final = frozenset({"filter_keys_since", "revision", "seen_at"})
_COMPARED: Final = tuple(field.name for field in fields(Registration) if field.name not in _NOT_COMPARED)


def has_to_ask(sight: Sight) -> bool:
    """Whether the function has to be asked to initialize.

    A function is asked when its subscription is new or was changed, and when it was changed itself
    since it was asked; also if it could not be called, or did not answer for a reason that passes. One
    that does not know the question would take it for work each time. A construct's function is never
    asked: the construct's props are the registration.
    """
    subscription, registered = sight.subscription, sight.registered
    if isinstance(subscription, Unseen) or subscription.protocol != LAMBDA or not subscription.confirmed:
        return False
    if sight.function is Unseen.GONE or sight.managed:
        return False
    return (
        registered is None
        or registered.revision is None
        or _as_subscribed(registered, subscription, sight) != registered
        or (isinstance(sight.function, Function) and sight.function.revision != registered.revision)
    )


def decide(sight: Sight) -> Action:
    """Decides what the registration has to become.

    The same sight always leads to the same registration, whatever event caused it. That makes events that come twice,
    late or in another order harmless.
    """
    subscription, registered = sight.subscription, sight.registered
    if why := _why_not(sight):
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


def _why_not(sight: Sight) -> str | None:
    """Why what is subscribed cannot be registered, for people; ``None`` if it can, or nothing is known."""
    subscription = sight.subscription
    if subscription is Unseen.GONE:
        return "its subscription is gone"
    if isinstance(subscription, Unseen) or not subscription.confirmed:
        return None
    if sight.function is Unseen.GONE:
        return f"its function {subscription.endpoint} is gone"
    if not sight.managed and not is_plugin(subscription):
        return "it cannot report, and its filter has no 'plugins'"
    return None


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
