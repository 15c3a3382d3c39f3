"""Brings the registry in line with the subscriptions of SNS, and lists the problems that people have to solve.

Nothing but SNS, Lambda and the registry itself is believed. Each subscription goes the same
way, whether a schedule, a person or an event led to it::

    read the registration ──► read the subscription, the function, the function's answer
            ▲                                      │ decide
            └──── somebody else wrote meanwhile ◄── write, if the registration is what was read

So the last to write has looked at the world after everybody whose work he replaces, and events
may come twice, late, in any order and together with deployments. What was removed while it
was being looked at may come back by that; the next reconciliation removes it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.core.findings import (
    OF_ANOTHER_ACCOUNT,
    Findings,
    Problem,
    Repair,
    not_confirmed,
    problems_of,
    problems_of_stage,
    repair_of,
    too_many,
    too_many_new,
    unreadable,
)
from orchestrator_runtime.core.reconcile import (
    Action,
    Remove,
    Sight,
    Write,
    decide,
    has_to_ask,
    why_not_asked,
    why_not_registered,
)
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import (
    LAMBDA,
    Function,
    Listed,
    NoAnswer,
    StageTopic,
    Subscription,
    Unseen,
    stage_topic,
    topic_of,
)
from orchestrator_runtime.core.trail_event import Change, FunctionChanged, Subscribed, SubscriptionChanged
from orchestrator_runtime.protocol.seen_functions import SeenFunctions
from orchestrator_runtime.registry_port import Registry
from orchestrator_runtime.subscription_ports import Functions, RepairLog, Stages, Subscriptions

_TRIES: Final = 5
"""How often a subscription is looked at again because somebody else wrote its registration meanwhile."""
_MOST_NEW: Final = 1_000
"""How many subscriptions of a stage that are not registered one reconciliation looks at. SNS answers 30 calls a second
for a whole account, so that with more of them one team could keep the other stages from being looked at."""
_ASKING: Final = timedelta(minutes=5)
"""How long one reconciliation waits for functions: each may take 15 seconds to answer, and all have 15 minutes."""
_LATER: Final = NoAnswer(
    "the function was not asked to initialize yet, since others took all the time that a reconciliation has for that",
    passing=True,
    called=False,
)
_UPDATING: Final = NoAnswer("the function was being updated when it was to be asked", passing=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePorts:
    """What reconciling needs of the world.

    Attributes:
        registry: The registry.
        stages: The stages that are deployed.
        subscriptions: Subscriptions.
        functions: Functions.
        log: Takes note of repairs.
        topic_arn_prefix: What the ARNs of the deployment's topics start with.
        plugins_per_stage: How many registrations a stage may have before no plain subscription is added to them.
        clock: Tells the time.
    """

    registry: Registry
    stages: Stages
    subscriptions: Subscriptions
    functions: Functions
    log: RepairLog
    topic_arn_prefix: str
    plugins_per_stage: int
    clock: Callable[[], datetime]


class BeingUpdatedError(Exception):
    """A function that was to be asked is being updated: the same event may be followed in a minute."""


class KeepsChangingError(Exception):
    """A registration was written by others again and again while it was looked at."""


def reconcile(ports: ReconcilePorts, *, repair: bool = True, activity: str | None = None) -> Findings:
    """Look at every subscription to the stages, and repair the registry.

    Args:
        ports: The world.
        repair: Whether to repair; otherwise nothing is written and no function is called.
        activity: Look at the stages of this activity only. Default: at all.
    """
    work = _Work(ports, repair=repair)
    for topic in ports.stages.published():
        if activity in {None, topic.activity}:
            work.stage(topic)
    return work.findings


def follow(change: Change, ports: ReconcilePorts) -> Findings:
    """Reads what may have changed according to an event, and repairs the registry.

    Raises:
        BeingUpdatedError: A function could not be asked yet; everything else is done.
    """
    work = _Work(ports)
    match change:
        case SubscriptionChanged(arn):
            if topic := _known_stage(topic_of(arn), arn, ports):
                work.subscription(topic, arn)
        case Subscribed(topic_arn, endpoint):
            if topic := _known_stage(topic_arn, None, ports):
                work.subscribed(topic, endpoint)
        case FunctionChanged(arn):
            for registered in ports.registry.of_function(arn):
                topic = StageTopic(registered.activity, registered.stage, topic_of(registered.subscription_arn))
                work.subscription(topic, registered.subscription_arn)
    if work.updating:
        raise BeingUpdatedError(f"being updated: {', '.join(work.updating)}")
    return work.findings


def _known_stage(topic_arn: str, subscription_arn: str | None, ports: ReconcilePorts) -> StageTopic | None:
    """Find the stage of a topic, if it is of this deployment."""
    topic = stage_topic(topic_arn, ports.topic_arn_prefix)
    if topic is None:
        return None
    if subscription_arn and ports.registry.get(topic.activity, topic.stage, subscription_arn):
        return topic
    # The topics of a deployment "claims-dev-two" begin as those of "claims-dev" do.
    return topic if topic in ports.stages.published() else None


@dataclass
class _Work:
    """One reconciliation under way."""

    ports: ReconcilePorts
    repair: bool = True
    repairs: list[Repair] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    checked: int = 0
    updating: list[str] = field(default_factory=list)
    asking: timedelta = timedelta()
    registered: dict[StageTopic, int] = field(default_factory=dict)
    functions: SeenFunctions = field(init=False)

    def __post_init__(self) -> None:
        self.functions = SeenFunctions(self.ports.functions)

    @property
    def findings(self) -> Findings:
        return Findings(self.repairs, self.problems, self.checked)

    def stage(self, topic: StageTopic) -> None:
        """Look at all subscriptions of a stage. Trouble with one of them must not keep the others from it."""
        try:
            # Read first: what is registered from here on must not be taken for gone because it is not listed.
            registered = {r.subscription_arn: r for r in self.ports.registry.registrations(topic.activity, topic.stage)}
            listed = self.ports.subscriptions.of_topic(topic.arn)
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this stage alone
            self._failed(error, topic)
            return
        self.registered[topic] = len(registered)
        unlisted = registered.keys() - {found.arn for found in listed}
        standing: list[Registration] = []
        # A subscription that is not listed is gone only if SNS does not find it by its ARN.
        known = [*(one for one in listed if one.arn in registered), *(Listed(arn, "", "") for arn in sorted(unlisted))]
        for found in [*known, *self._new(topic, [one for one in listed if one.arn not in registered])]:
            try:
                if stands := self.listed(topic, found, registered.get(found.arn or "")):
                    standing.append(stands)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(error, topic, found.arn or "")
        self.problems.extend(problems_of_stage(topic, standing))

    def subscribed(self, topic: StageTopic, endpoint: str | None) -> None:
        """Look for a new subscription of an endpoint; one that is hidden can be any that is not registered."""
        listed = self.ports.subscriptions.of_topic(topic.arn)
        found: Iterable[Listed] = [one for one in listed if one.endpoint == endpoint]
        if not found:
            registered = self.ports.registry.registrations(topic.activity, topic.stage)
            known = {registration.subscription_arn for registration in registered}
            found = self._new(topic, [one for one in listed if one.arn not in known])
        for one in found:
            self.listed(topic, one)

    def _new(self, topic: StageTopic, listed: Sequence[Listed]) -> Iterable[Listed]:
        """Choose which subscriptions that are not registered are looked at: others each time, if they are too many."""
        if len(listed) <= _MOST_NEW:
            return listed
        self.problems.append(too_many_new(topic, len(listed), looked_at=_MOST_NEW))
        begin = int(self.ports.clock().timestamp() * 1000) % len(listed)
        return [*listed[begin:], *listed[:begin]][:_MOST_NEW]

    def listed(self, topic: StageTopic, found: Listed, registered: Registration | None = None) -> Registration | None:
        """Look at a subscription that may not be confirmed yet."""
        if found.arn is not None:
            return self.subscription(topic, found.arn, registered)
        self.checked += 1
        self.problems.append(not_confirmed(topic, found))
        return None

    def subscription(self, topic: StageTopic, arn: str, registered: Registration | None = None) -> Registration | None:
        """Look at a subscription and do what has to be done.

        Args:
            topic: The stage's topic.
            arn: The subscription.
            registered: Its registration, if it was read already.

        Returns:
            Its registration as it stands afterwards.
        """
        self.checked += 1
        for _ in range(_TRIES):
            registered = registered or self.ports.registry.get(topic.activity, topic.stage, arn)
            sight = self._look(topic, arn, registered)
            action = decide(sight)
            if isinstance(action, Write) and sight.registered is None and self._is_full(topic):
                self.problems.append(too_many(action.registration, self.ports.plugins_per_stage))
                return None
            if action is None or not self.repair or self._perform(topic, action, registered):
                return self._tell(sight, action, arn)
            registered = None
        raise KeepsChangingError(f"others wrote the registration of {arn} {_TRIES} times while it was looked at")

    def _look(self, topic: StageTopic, arn: str, registered: Registration | None) -> Sight:
        ports = self.ports
        sight = Sight(
            topic=topic, registered=registered, seen_at=ports.clock(), subscription=ports.subscriptions.get(arn)
        )
        subscription = sight.subscription
        if not isinstance(subscription, Subscription) or subscription.protocol != LAMBDA or why_not_registered(sight):
            return sight
        endpoint, functions = subscription.endpoint, self.functions
        remembered = replace(
            sight, function=functions.remembered(endpoint), policy=functions.remembered_policy(endpoint)
        )
        if remembered.function is not None and not self._has_to_act(remembered):
            return remembered
        sight = replace(sight, function=functions.get(endpoint))
        sight = replace(sight, policy=functions.policy(endpoint))
        if not self.repair or not has_to_ask(sight) or (registered is None and self._is_full(topic)):
            return sight
        if refused := why_not_asked(sight):
            return replace(sight, answer=refused)
        if self.asking >= _ASKING:
            return replace(sight, answer=_LATER)
        begun = self.ports.clock()
        try:
            return self._ask(sight, subscription)
        finally:
            self.asking += self.ports.clock() - begun

    def _has_to_act(self, sight: Sight) -> bool:
        return self.repair and ((sight.registered is not None and bool(why_not_registered(sight))) or has_to_ask(sight))

    def _is_full(self, topic: StageTopic) -> bool:
        if topic not in self.registered:
            self.registered[topic] = len(self.ports.registry.registrations(topic.activity, topic.stage))
        return self.registered[topic] >= self.ports.plugins_per_stage

    def _ask(self, sight: Sight, subscription: Subscription) -> Sight:
        functions, endpoint = self.functions, subscription.endpoint
        if endpoint in self.updating:
            return replace(sight, answer=_UPDATING)
        if isinstance(sight.function, Function) and sight.function.updating:
            # What answers now is what will not be there any more in a moment.
            sight = replace(sight, function=functions.updated(endpoint))
            if sight.function is Unseen.GONE:
                return sight
            if isinstance(sight.function, Function) and sight.function.updating:
                self.updating.append(endpoint)
                return replace(sight, answer=_UPDATING)
        return replace(sight, answer=functions.initialize(endpoint, subscription.arn))

    def _perform(self, topic: StageTopic, action: Write | Remove, registered: Registration | None) -> bool:
        match action:
            case Write(registration):
                done, more = self.ports.registry.put(registration, replacing=registered), int(registered is None)
            case Remove(registration):
                done, more = self.ports.registry.remove(registration), -1
        if done and topic in self.registered:
            self.registered[topic] += more
        return done

    def _tell(self, sight: Sight, action: Action, arn: str) -> Registration | None:
        """Note what was done, or would be, and what is wrong; return the registration that stands."""
        stands = sight.registered
        if action is not None:
            if repair := repair_of(action, sight.registered):
                self.repairs.append(repair)
                if self.repair:
                    self.ports.log.repaired(repair)
            if self.repair:
                stands = action.registration if isinstance(action, Write) else None
        if sight.subscription is Unseen.UNREADABLE and not sight.managed:
            self.problems.append(unreadable(sight.topic, arn, OF_ANOTHER_ACCOUNT))
        self.problems.extend(problems_of(sight, action, stands))
        return stands

    def _failed(self, error: Exception, topic: StageTopic, arn: str = "") -> None:
        self.ports.log.failed(error, stage=topic.key, subscription_arn=arn)
        self.problems.append(
            unreadable(topic, arn, f"it could not be looked at ({type(error).__name__}): see the log of reconcile")
        )
