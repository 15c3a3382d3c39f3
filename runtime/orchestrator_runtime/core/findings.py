"""What reconciliation repaired, and what is wrong that only people can put right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from orchestrator_runtime.contract import MAX_MESSAGE_ATTRIBUTES, PLUGINS_ATTRIBUTE, RESERVED_ATTRIBUTES, Stage
from orchestrator_runtime.core.never_matches import why_never
from orchestrator_runtime.core.plan import keys_to_send
from orchestrator_runtime.core.reconcile import Action, Remove, Sight, Write
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import Listed, StageTopic, Subscription, Unseen
from orchestrator_runtime.core.topic_permission import may_call
from orchestrator_runtime.filter_policy import named_keys, problems

_FREE_ATTRIBUTES: Final = MAX_MESSAGE_ATTRIBUTES - len(RESERVED_ATTRIBUTES)


class RepairAction(StrEnum):
    """What was done to a registration."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class ProblemKind(StrEnum):
    """What is wrong."""

    NOT_REGISTERED = "not-registered"
    NOT_CONFIRMED = "not-confirmed"
    NO_PERMISSION = "no-permission"
    NEVER_MATCHES = "never-matches"
    INVALID_FILTER = "invalid-filter"
    NAME_TWICE = "name-twice"
    NO_NAME_FILTER = "no-name-filter"
    NOT_INITIALIZED = "not-initialized"
    UNREADABLE = "unreadable"
    FUNCTION_GONE = "function-gone"
    TOO_MANY_FILTER_KEYS = "too-many-filter-keys"


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
    """One thing that is wrong.

    Attributes:
        kind: What.
        stage: ``{activity}/{stage}``.
        plugin: The plugin's name; empty where it has none yet, or all plugins of the stage are meant.
        subscription_arn: The subscription; empty where there is none yet, or all are meant.
        detail: One sentence for people, which says what to do.
    """

    kind: ProblemKind
    stage: str
    plugin: str = ""
    subscription_arn: str = ""
    detail: str


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
    """Tell of an action; ``None`` if it changes nothing that anybody would notice."""
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
    """Tell of a subscription that its endpoint has not confirmed; it has no ARN yet."""
    return Problem(kind=ProblemKind.NOT_CONFIRMED, stage=topic.key, detail=_not_confirmed(listed))


def _not_confirmed(subscribed: Listed | Subscription) -> str:
    return (
        f"the {subscribed.protocol} subscription of {subscribed.endpoint} is not confirmed, so SNS sends nothing to "
        "it: confirm it with the link that SNS sent there, or subscribe again"
    )


def problems_of(
    sight: Sight,
    action: Action,
    standing: Registration | None,
    policy: Mapping[str, Any] | Unseen | None,
) -> list[Problem]:
    """Say what is wrong with one subscription.

    Args:
        sight: What was seen of it.
        action: What was decided.
        standing: Its registration as it is now; of one that was only looked at, as it was.
        policy: The resource policy of its function; ``UNREADABLE`` also where it was not looked at.
    """
    subscription = sight.subscription
    if not isinstance(subscription, Subscription):
        return []
    name = standing.name if standing else action.registration.name if action else ""
    return [
        Problem(kind=kind, stage=sight.topic.key, plugin=name, subscription_arn=subscription.arn, detail=detail)
        for kind, detail in _problems(sight, subscription, action, standing, policy)
    ]


def _problems(
    sight: Sight,
    subscription: Subscription,
    action: Action,
    standing: Registration | None,
    policy: Mapping[str, Any] | Unseen | None,
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
    if sight.function is not None and not isinstance(policy, Unseen) and not may_call(policy, sight.topic.arn):
        yield (
            ProblemKind.NO_PERMISSION,
            f"no statement in the resource policy of {subscription.endpoint} lets {sight.topic.arn} call it: add a "
            "permission for the principal sns.amazonaws.com with the topic, or all topics of the core, as source ARN",
        )
    if standing is None:
        if action is not None:
            yield ProblemKind.NOT_REGISTERED, "it is subscribed, but not registered, so no run waits for it: reconcile"
        return
    yield from _problems_with_filter(standing)
    if standing.problem and not standing.managed:
        yield (
            ProblemKind.NOT_INITIALIZED,
            f"{standing.problem} (let the function answer {{'initialize': true}}, or use the Plugin construct)",
        )


def _problems_with_filter(registration: Registration) -> Iterator[tuple[ProblemKind, str]]:
    policy = dict(registration.filter_policy)
    if found := problems(policy, registration.filter_policy_scope):
        yield (
            ProblemKind.INVALID_FILTER,
            f"whom its filter lets through cannot be told, so no run waits for it: {'; '.join(found)}",
        )
        return
    if reason := why_never(registration):
        yield ProblemKind.NEVER_MATCHES, f"its filter can never match: {reason}"
    one_at_a_time = registration.stage is not Stage.PARALLEL
    if one_at_a_time and not registration.managed and PLUGINS_ATTRIBUTE not in named_keys(policy):
        yield (
            ProblemKind.NO_NAME_FILTER,
            "the stage releases one plugin at a time, and without its name in the filter this one is called whenever "
            f"another is released: add {{'{PLUGINS_ATTRIBUTE}': ['{registration.name}']}} to the filter policy",
        )


def problems_of_stage(topic: StageTopic, registrations: Sequence[Registration]) -> Iterator[Problem]:
    """Say what is wrong with the registrations of a stage together."""
    times = Counter(registration.name for registration in registrations)
    for registration in registrations:
        if times[registration.name] > 1:
            yield Problem(
                kind=ProblemKind.NAME_TWICE,
                stage=topic.key,
                plugin=registration.name,
                subscription_arn=registration.subscription_arn,
                detail=f"{times[registration.name]} subscriptions of the stage are registered as "
                f"{registration.name!r}, and a run waits for one only: rename all but one, unless a deployment that "
                "replaces it is under way",
            )
    keys = keys_to_send(registrations)
    if len(keys) > _FREE_ATTRIBUTES:
        yield Problem(
            kind=ProblemKind.TOO_MANY_FILTER_KEYS,
            stage=topic.key,
            detail=f"the filters of the stage name {len(keys)} keys of the metadata, of which "
            f"{_FREE_ATTRIBUTES} travel as attributes; these do not: {', '.join(keys[_FREE_ATTRIBUTES:])}. "
            "Filter by fewer keys, or with the scope MessageBody",
        )


def unreadable(topic: StageTopic, subscription_arn: str, detail: str) -> Problem:
    """Tell of a subscription of which nothing can be told."""
    return Problem(kind=ProblemKind.UNREADABLE, stage=topic.key, subscription_arn=subscription_arn, detail=detail)


OF_ANOTHER_ACCOUNT: Final = (
    "the subscription belongs to another account, and its filter cannot be read: "
    "register it with the Plugin construct, whose props tell it"
)
