"""What a reconciliation repaired, and the problems that people have to solve."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from orchestrator_runtime.contract import PLUGINS_ATTRIBUTE
from orchestrator_runtime.core.never_matches import why_never
from orchestrator_runtime.core.plain_registration import problem_with_endpoint
from orchestrator_runtime.core.plan import (
    HOW_TO_FIT,
    attribute_keys_needed,
    attribute_keys_of,
    holders,
    one_of_each_name,
)
from orchestrator_runtime.core.reconcile import Action, Remove, Sight, Write, is_of_core
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import Listed, StageTopic, Subscription, Unseen
from orchestrator_runtime.core.topic_permission import Permission
from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES, named_keys, problems
from orchestrator_runtime.foreign_text import quoted, shown
from orchestrator_runtime.json_text import compact_json

_MOST_DETAIL: Final = 4_096
"""Characters of a problem's sentence."""
_MOST_KEYS: Final = 10
"""Keys of a filter policy that a sentence names."""


class RepairAction(StrEnum):
    """What was done to a registration."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class ProblemKind(StrEnum):
    """Kinds of problems."""

    NOT_REGISTERED = "not-registered"
    NOT_CONFIRMED = "not-confirmed"
    NO_PERMISSION = "no-permission"
    CORE_FUNCTION = "core-function"
    NEVER_MATCHES = "never-matches"
    INVALID_FILTER = "invalid-filter"
    NAME_TWICE = "name-twice"
    NO_NAME_FILTER = "no-name-filter"
    NOT_INITIALIZED = "not-initialized"
    UNREADABLE = "unreadable"
    FUNCTION_GONE = "function-gone"
    SUBSCRIPTION_CHANGED = "subscription-changed"
    KEYS_DO_NOT_FIT = "keys-do-not-fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One thing that was repaired, or would be.

    Attributes:
        action: What was done.
        stage: ``{activity}/{stage}``.
        plugin: The plugin's name.
        subscription_arn: The subscription.
        detail: One sentence for people.
    """

    action: RepairAction
    stage: str
    plugin: str
    subscription_arn: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem that people have to solve.

    Attributes:
        kind: Its kind.
        stage: ``{activity}/{stage}``.
        plugin: The plugin's name; empty where it has none yet, or all plugins of the stage are meant.
        subscription_arn: The subscription; empty where there is none yet, or all are meant.
        detail: What is wrong and what to do, as a sentence: one line of at most 4,096 characters.
    """

    kind: ProblemKind
    stage: str
    plugin: str = ""
    subscription_arn: str = ""
    detail: str

    def __post_init__(self) -> None:
        # Filter policies, endpoints and answers of functions are other people's text, and sentences quote them.
        object.__setattr__(self, "detail", shown(self.detail, _MOST_DETAIL))


@dataclass(frozen=True, slots=True)
class Findings:
    """What a reconciliation found.

    Attributes:
        repairs: What was repaired, or would be.
        problems: What people have to put right.
        checked: How many subscriptions were looked at.
    """

    repairs: Sequence[Repair] = ()
    problems: Sequence[Problem] = ()
    checked: int = 0

    def as_document(self) -> dict[str, Any]:
        """The findings as JSON has them."""
        return {
            "repairs": [asdict(repair) for repair in self.repairs],
            "problems": [asdict(problem) for problem in self.problems],
            "checked": self.checked,
        }


def repair_of(action: Write | Remove, registered: Registration | None) -> Repair | None:
    """Returns the repair that an action is; ``None`` if it changes nothing but the time of the registration."""
    done, detail = RepairAction.REMOVED, ""
    match action:
        case Remove(reason=reason):
            detail = reason
        case Write() if registered is None:
            done, detail = RepairAction.ADDED, "it was subscribed, but not registered"
        case Write(changed=changed) if changed:
            done = RepairAction.CHANGED
            source = "SNS says" if registered and registered.managed else "SNS and the function say"
            detail = f"{', '.join(changed)}: now as {source}"
        case _:
            return None
    registration = action.registration
    return Repair(
        action=done,
        stage=registration.key,
        plugin=registration.name,
        subscription_arn=registration.subscription_arn,
        detail=detail,
    )


def not_confirmed(topic: StageTopic, listed: Listed) -> Problem:
    """Returns the problem of a subscription that its endpoint has not confirmed; it has no ARN yet."""
    return Problem(kind=ProblemKind.NOT_CONFIRMED, stage=topic.key, detail=_not_confirmed(listed))


def _not_confirmed(subscribed: Listed | Subscription) -> str:
    return (
        f"the {subscribed.protocol} subscription of {quoted(subscribed.endpoint)} is not confirmed, so SNS sends "
        "nothing to it: confirm it with the link that SNS sent there, or subscribe again"
    )


def problems_of(sight: Sight, action: Action, standing: Registration | None) -> list[Problem]:
    """Finds the problems of one subscription.

    Args:
        sight: What was seen of it.
        action: What was decided.
        standing: Its registration as it is now; of one that was only looked at, as it was.
    """
    subscription = sight.subscription
    if not isinstance(subscription, Subscription):
        return []
    name = standing.name if standing else action.registration.name if action else ""
    return [
        Problem(kind=kind, stage=sight.topic.key, plugin=name, subscription_arn=subscription.arn, detail=detail)
        for kind, detail in _problems(sight, subscription, action, standing)
    ]


def _problems(
    sight: Sight, subscription: Subscription, action: Action, standing: Registration | None
) -> Iterator[tuple[ProblemKind, str]]:
    if not subscription.confirmed:
        yield ProblemKind.NOT_CONFIRMED, _not_confirmed(subscription)
        return
    if sight.function is Unseen.GONE:
        yield (
            ProblemKind.FUNCTION_GONE,
            f"the function {subscription.endpoint} does not exist, so what SNS sends to it is lost: "
            "delete the subscription, or deploy the function again",
        )
        return
    if not sight.managed:
        if problem := problem_with_endpoint(subscription.endpoint) or subscription.filter_problem:
            yield ProblemKind.NOT_REGISTERED, f"it is not registered, so no run waits for it: {problem}"
            return
        if is_of_core(sight):
            yield (
                ProblemKind.CORE_FUNCTION,
                f"{subscription.endpoint} is a function of the core and no plugin, so it is neither asked to "
                "initialize nor registered: delete the subscription",
            )
            return
    if sight.function is not None and sight.permission is Permission.REFUSED:
        yield ProblemKind.NO_PERMISSION, _no_permission(sight, subscription)
    if standing is None:
        if isinstance(action, Write):
            yield ProblemKind.NOT_REGISTERED, "it is subscribed, but not registered, so no run waits for it: reconcile"
        return
    yield from _problems_with_filter(standing)
    if standing.managed:
        yield from _problems_with_subscription(standing, subscription)
    if standing.problem and not standing.managed:
        yield (
            ProblemKind.NOT_INITIALIZED,
            f"{standing.problem} (let the function answer {{'initialize': true}}, or use the Plugin construct)",
        )


def _no_permission(sight: Sight, subscription: Subscription) -> str:
    effect = "SNS does not invoke the plugin" if sight.managed else "it is not registered, and no run waits for it"
    return (
        f"the resource policy of {subscription.endpoint} does not let {sight.topic.arn} invoke it, so {effect}: add a "
        "permission for the principal sns.amazonaws.com with the topic, or all topics of the core, as source ARN, and "
        "reconcile"
    )


def _problems_with_filter(registration: Registration) -> Iterator[tuple[ProblemKind, str]]:
    policy = dict(registration.filter_policy)
    if found := problems(policy, registration.filter_policy_scope):
        yield (
            ProblemKind.INVALID_FILTER,
            f"its filter policy cannot be evaluated, so no run waits for it: {'; '.join(found)}",
        )
        return
    if reason := why_never(registration):
        yield ProblemKind.NEVER_MATCHES, f"its filter policy never matches: {reason}"
    if registration.stage.is_sequential and not registration.managed and PLUGINS_ATTRIBUTE not in named_keys(policy):
        yield (
            ProblemKind.NO_NAME_FILTER,
            "the stage invokes one plugin at a time, and without its name in the filter policy SNS invokes this one "
            f"whenever it is another one's turn: add {{'{PLUGINS_ATTRIBUTE}': ['{registration.name}']}} to it",
        )


def _problems_with_subscription(
    registration: Registration, subscription: Subscription
) -> Iterator[tuple[ProblemKind, str]]:
    """A construct's subscription filters by the plugin's name: with another filter SNS and the core disagree."""
    expected = {PLUGINS_ATTRIBUTE: [registration.name]}
    found = subscription.filter_policy
    if found == expected and subscription.filter_policy_scope == MESSAGE_ATTRIBUTES:
        return
    current = f"{shown(compact_json(found))} with the scope {subscription.filter_policy_scope}" if found else "absent"
    if subscription.filter_problem:
        current = f"not read ({subscription.filter_problem})"
    yield (
        ProblemKind.SUBSCRIPTION_CHANGED,
        f"the filter policy of its subscription is {current}: SNS may not invoke the plugin although a run waits for "
        f"it, or invoke it for another one; set it to {compact_json(expected)} with the scope {MESSAGE_ATTRIBUTES}, "
        "and change the plugin's own filter policy in the construct",
    )


def problems_of_stage(topic: StageTopic, registrations: Sequence[Registration]) -> Iterator[Problem]:
    """Finds the problems that registrations of a stage have with one another."""
    held = holders(registrations)
    yield from _problems_with_names(topic, registrations, held)
    travelling = attribute_keys_of(held)
    for registration in held:
        left_out = [key for key in attribute_keys_needed(registration) if key not in travelling]
        if left_out:
            yield Problem(
                kind=ProblemKind.KEYS_DO_NOT_FIT,
                stage=topic.key,
                plugin=registration.name,
                subscription_arn=registration.subscription_arn,
                detail="its filter policy names metadata keys for which there is no room among the message attributes "
                f"of the stage: {_keys(left_out)}. A run whose metadata has them does not invoke it; "
                f"{HOW_TO_FIT}",
            )


def _keys(keys: Sequence[str]) -> str:
    named = ", ".join(quoted(key) for key in keys[:_MOST_KEYS])
    return named if len(keys) <= _MOST_KEYS else f"{named} and {len(keys) - _MOST_KEYS:,} more"


def _problems_with_names(
    topic: StageTopic, registrations: Sequence[Registration], held: Sequence[Registration]
) -> Iterator[Problem]:
    counting = {registration.name: registration for registration in one_of_each_name(registrations)}
    holding = {registration.subscription_arn for registration in held}
    times = Counter(registration.name for registration in held)
    for registration in registrations:
        name, counts = registration.name, counting[registration.name]
        if registration.subscription_arn not in holding:
            holder = f"stack {counts.stack}" if counts.managed else f"the subscription {counts.subscription_arn}"
            detail = (
                f"the name {quoted(name)} is held by {holder}, so no run waits for this subscription: let its function "
                f"answer another pluginName, or put another name under '{PLUGINS_ATTRIBUTE}' in its filter policy"
            )
        elif times[name] > 1:
            detail = (
                f"stack {counts.stack} has registered {times[name]} subscriptions of the stage as {quoted(name)}, and "
                "a run waits for one only: rename all but one, unless a deployment that replaces it is under way"
            )
        else:
            continue
        yield Problem(
            kind=ProblemKind.NAME_TWICE,
            stage=topic.key,
            plugin=name,
            subscription_arn=registration.subscription_arn,
            detail=detail,
        )


def too_many(registration: Registration, most: int) -> Problem:
    """Returns the problem of a subscription that is not registered because its stage is full."""
    return Problem(
        kind=ProblemKind.NOT_REGISTERED,
        stage=registration.key,
        plugin=registration.name,
        subscription_arn=registration.subscription_arn,
        detail=f"it is not registered, so no run waits for it: the stage has {most:,} registrations, as many as the "
        "core's plugins_per_stage allows; remove some, or raise it",
    )


def too_many_new(topic: StageTopic, number: int, *, looked_at: int) -> Problem:
    """Returns the problem of a stage that has more subscriptions that are not registered than are looked at."""
    return Problem(
        kind=ProblemKind.NOT_REGISTERED,
        stage=topic.key,
        detail=f"{number:,} subscriptions of the stage are not registered, and one reconciliation looks at "
        f"{looked_at:,} of them: delete those that are no plugins, and take sns:Subscribe from who made them",
    )


def unreadable(topic: StageTopic, subscription_arn: str, detail: str) -> Problem:
    """Returns the problem of a subscription that cannot be read."""
    return Problem(kind=ProblemKind.UNREADABLE, stage=topic.key, subscription_arn=subscription_arn, detail=detail)


OF_ANOTHER_ACCOUNT: Final = (
    "the subscription belongs to another account, and its filter cannot be read: "
    "register it with the Plugin construct, whose props tell it"
)
