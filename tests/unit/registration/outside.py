"""Topics, subscriptions, functions and stacks of teams, in memory; and the events of their changes.

Everything that the flows read of it goes through ``Outside.before``, where a test lets other
things happen meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.findings import Findings, Repair
from orchestrator_runtime.core.plain_registration import of_subscription, plain_registration
from orchestrator_runtime.core.reconcile import Sight, why_not_asked, why_not_registered
from orchestrator_runtime.core.registration import Registration, unqualified
from orchestrator_runtime.core.registration_request import RegistrationRefusedError, parse_registration
from orchestrator_runtime.core.subscription import (
    Answer,
    Function,
    Listed,
    NoAnswer,
    StageTopic,
    Subscription,
    Unseen,
    topic_of,
)
from orchestrator_runtime.core.trail_event import read_trail_event
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from orchestrator_runtime.protocol.reconcile import ReconcilePorts, follow, reconcile
from orchestrator_runtime.protocol.register_plugin import RegisterPorts, register_plugin, unregister_plugin
from tests.rules.memory_registry import MemoryRegistry

PREFIX = "arn:aws:sns:eu-west-1:123456789012:claims-dev-"
FUNCTIONS = "arn:aws:lambda:eu-west-1:123456789012:function:"
ACCOUNT = "123456789012"
PRE = StageTopic("Rate", Stage.PRE, f"{PREFIX}Rate-pre")
PARALLEL = StageTopic("Rate", Stage.PARALLEL, f"{PREFIX}Rate-parallel")
OPEN_TO_SNS: Mapping[str, Any] = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:InvokeFunction"}]
}
OF_ANOTHER_ACCOUNT = "arn:aws:lambda:eu-west-1:999999999999:function:"
THROTTLED = NoAnswer("Lambda did not call the function: TooManyRequestsException", passing=True)
Event = Mapping[str, Any]


@dataclass
class Code:
    """A version of a function that a team deployed."""

    answer: Answer | NoAnswer
    revision: str
    updating: bool = False
    throttled: bool = False
    policy: Mapping[str, Any] | Unseen | None = field(default_factory=lambda: OPEN_TO_SNS)
    foreign: bool = False


class Outside:
    """The world outside of the core. Its methods are what teams do; ``events`` is what CloudTrail tells of it."""

    def __init__(self) -> None:
        self.before: Callable[[str], None] = lambda _name: None
        self.registry = MemoryRegistry(self._before_call)
        self.topics = [PRE, PARALLEL]
        self.subscribed: dict[str, Subscription] = {}
        self.pending: dict[str, list[Listed]] = {}
        self.unreadable: set[str] = set()
        self.code: dict[str, Code] = {}
        self.versions: dict[str, list[Code]] = {}
        self.aliases: dict[str, Code] = {}
        self.constructs: dict[str, dict[str, str]] = {}
        self.owners: dict[str, str] = {}
        self.deploying: set[str] = set()
        self.plugins_per_stage = 200
        self.waits: Callable[[], object] = lambda: None
        self.events: list[Event] = []
        self.asked: list[str] = []
        self.looked_at: list[str] = []
        self.logged: list[Repair] = []
        self.errors: list[Exception] = []
        self._now = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
        self._numbers = 0
        self._revisions = count(1)

    # What teams do

    def deploy(self, name: str, answer: object = None, *, foreign: bool = False) -> str:
        """Deploy a function, or other code for it; a foreign one is of another account, and cannot be looked at."""
        arn = f"{OF_ANOTHER_ACCOUNT if foreign else FUNCTIONS}{name}"
        made = answer if isinstance(answer, Answer | NoAnswer) else Answer(answer)
        known = self.code.get(arn)
        self.code[arn] = Code(made, f"r{next(self._revisions)}", foreign=foreign)
        if foreign:
            self.code[arn].policy = Unseen.UNREADABLE
        elif known:
            self.code[arn].policy = known.policy
        self.versions.setdefault(arn, []).append(self.code[arn])
        if known:
            self._tell("UpdateFunctionCode20150331v2", {"functionName": name})
        return arn

    def destroy(self, function: str) -> None:
        del self.code[function], self.versions[function]
        self.aliases.pop(f"{function}:live", None)
        self._tell("DeleteFunction20150331", {"functionName": function})

    def point(self, function: str, version: int) -> str:
        """Let the alias ``live`` mean a version, which it does from then on; before, it is the last one."""
        alias = f"{function}:live"
        self.aliases[alias] = self.versions[function][version]
        self._tell("UpdateAlias20150331", {"functionName": function.rpartition(":")[2], "name": "live"})
        return alias

    def code_of(self, endpoint: str) -> Code | None:
        """What calls of a function or an alias reach."""
        return self.aliases.get(endpoint) or self.code.get(unqualified(endpoint))

    def calm(self) -> None:
        """Let all trouble with functions be over."""
        for versions in self.versions.values():
            for code in versions:
                code.throttled = code.updating = False

    def subscribe(
        self, topic: StageTopic, endpoint: str, policy: Mapping[str, Any] | None = None, protocol: str = "lambda"
    ) -> str:
        """Subscribe; an endpoint that is subscribed already gets no second subscription."""
        for standing in self.subscribed.values():
            if (topic_of(standing.arn), standing.endpoint) == (topic.arn, endpoint):
                return standing.arn
        self._numbers += 1
        arn = f"{topic.arn}:{self._numbers:04d}"
        self.subscribed[arn] = Subscription(
            arn=arn, protocol=protocol, endpoint=endpoint, account=ACCOUNT, filter_policy=policy or {}
        )
        # CloudTrail tells the ARN of some, and of others nothing.
        answer = {"subscriptionArn": arn} if self._numbers % 2 else None
        self._tell("Subscribe", {"topicArn": topic.arn, "endpoint": endpoint}, answer)
        return arn

    def set_filter(self, arn: str, policy: Mapping[str, Any]) -> None:
        if arn not in self.subscribed:
            return
        self.subscribed[arn] = replace(self.subscribed[arn], filter_policy=policy)
        self._tell("SetSubscriptionAttributes", {"subscriptionArn": arn})

    def unsubscribe(self, arn: str) -> None:
        if self.subscribed.pop(arn, None) is None:
            return
        self._tell("Unsubscribe", {"subscriptionArn": arn})

    def create(self, topic: StageTopic, function: str, *, owner: str, name: str, **other: str) -> str | None:
        """Deploy a plugin construct; returns its subscription, or ``None`` if it was refused and rolled back."""
        policy = {"plugins": [name]}
        arn = self.subscribe(topic, function, policy)
        properties = {
            P.ACTIVITY: topic.activity,
            P.STAGE: str(topic.stage),
            P.NAME: name,
            P.SUBSCRIPTION_ARN: arn,
            **other,
        }
        before = self.owners.get(arn)
        self.owners[arn] = owner
        if self._register(arn, properties):
            return arn
        self._unregister(arn, properties)
        if before is not None:
            self.owners[arn] = before
        self.unsubscribe(arn)
        return None

    def update(self, arn: str, name: str, **other: str) -> bool:
        """Deploy other props of a construct; what is refused is rolled back."""
        before = self.constructs[arn]
        self.set_filter(arn, {"plugins": [name]})
        if self._register(arn, {**before, P.NAME: name, **other}):
            return True
        self.set_filter(arn, {"plugins": [before[P.NAME]]})
        self._register(arn, before)
        return False

    def repeat(self, arn: str) -> None:
        """Let CloudFormation's last request come once more."""
        self._register(arn, self.constructs[arn])

    def delete(self, arn: str) -> None:
        """Delete a construct: its registration, then its subscription."""
        properties = self.constructs.pop(arn)
        self._unregister(arn, properties)
        self._unregister(arn, properties)
        self.unsubscribe(arn)

    @property
    def settled(self) -> set[str]:
        """The constructs that are not being deployed just now: CloudFormation does one thing with each at a time."""
        return self.constructs.keys() - self.deploying

    def _register(self, arn: str, properties: dict[str, str]) -> bool:
        self.deploying.add(arn)
        try:
            register_plugin(properties, self.register_ports, stack_id=self.owners[arn])
        except RegistrationRefusedError:
            return False
        finally:
            self.deploying.discard(arn)
        self.constructs[arn] = properties
        return True

    def _unregister(self, arn: str, properties: dict[str, str]) -> None:
        unregister_plugin(properties, self.register_ports, stack_id=self.owners[arn])

    def _tell(self, name: str, asked: Mapping[str, Any], answered: Mapping[str, Any] | None = None) -> None:
        self.events.append(
            {
                "eventName": name,
                "awsRegion": "eu-west-1",
                "recipientAccountId": "123456789012",
                "requestParameters": asked,
                "responseElements": answered,
            }
        )

    def _before_call(self, name: str) -> None:
        self.before(name)

    # What the core does

    def hear(self, event: Event) -> Findings:
        change = read_trail_event(event, PREFIX)
        assert change is not None
        return follow(change, self.reconcile_ports)

    def reconcile(self, *, repair: bool = True, activity: str | None = None) -> Findings:
        return reconcile(self.reconcile_ports, repair=repair, activity=activity)

    # What is right

    def right(self) -> dict[str, Registration]:
        """The registry that follows from the world alone, by subscription."""
        registrations = (self._right(subscription) for subscription in self.subscribed.values())
        return {r.subscription_arn: _timeless(r) for r in registrations if r}

    def _right(self, subscription: Subscription) -> Registration | None:
        code = self.code_of(subscription.endpoint)
        if subscription.protocol == "lambda" and code is None:
            return None
        if properties := self.constructs.get(subscription.arn):
            told = parse_registration(properties, owner=self.owners[subscription.arn], seen_at=self._now)
            return replace(told, **of_subscription(subscription, told, seen_at=self._now))
        (topic,) = (topic for topic in self.topics if topic.arn == topic_of(subscription.arn))
        sight = Sight(topic=topic, registered=None, seen_at=self._now, subscription=subscription)
        if code is None:
            return (
                None if why_not_registered(sight) else plain_registration(topic, subscription, None, seen_at=self._now)
            )
        sight = replace(sight, policy=code.policy)
        if why_not_registered(sight):
            return None
        answer = why_not_asked(sight) or code.answer
        return plain_registration(topic, subscription, answer, seen_at=self._now, revision=code.revision)

    @property
    def registered(self) -> dict[str, Registration]:
        return {arn: _timeless(r) for arn, r in self.registry.all.items()}

    # The ports

    @property
    def register_ports(self) -> RegisterPorts:
        return RegisterPorts(
            registry=self.registry,
            topics=_Topics(self),
            subscriptions=_Subscriptions(self),
            plugins_per_stage=self.plugins_per_stage,
            clock=self.clock,
            pause=lambda: self.before("pause"),
        )

    @property
    def reconcile_ports(self) -> ReconcilePorts:
        return ReconcilePorts(
            registry=self.registry,
            stages=_Stages(self),
            subscriptions=_Subscriptions(self),
            functions=_Functions(self),
            log=_Log(self),
            topic_arn_prefix=PREFIX,
            plugins_per_stage=self.plugins_per_stage,
            clock=self.clock,
        )

    def wait(self, span: timedelta) -> None:
        """Let time pass."""
        self._now += span

    def clock(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now


def _timeless(registration: Registration) -> Registration:
    """A registration without what depends on when it was read."""
    return replace(registration, seen_at=None, filter_keys_since=None, named_since=None)


@dataclass
class _Topics:
    outside: Outside

    def arn(self, activity: str, stage: Stage) -> str:
        return f"{PREFIX}{activity}-{stage}"

    def exists(self, topic_arn: str) -> bool:
        return any(topic.arn == topic_arn for topic in self.outside.topics)


@dataclass
class _Stages:
    outside: Outside

    def published(self) -> Sequence[StageTopic]:
        return self.outside.topics


@dataclass
class _Subscriptions:
    outside: Outside

    def of_topic(self, topic_arn: str) -> Sequence[Listed]:
        self.outside.before("subscriptions.of_topic")
        standing = [s for s in self.outside.subscribed.values() if topic_of(s.arn) == topic_arn]
        return [Listed(s.arn, s.protocol, s.endpoint, s.account) for s in standing] + self.outside.pending.get(
            topic_arn, []
        )

    def get(self, subscription_arn: str) -> Subscription | Unseen:
        self.outside.before("subscriptions.get")
        if subscription_arn in self.outside.unreadable:
            return Unseen.UNREADABLE
        return self.outside.subscribed.get(subscription_arn, Unseen.GONE)


@dataclass
class _Functions:
    outside: Outside

    def get(self, function_arn: str) -> Function | Unseen:
        self.outside.before("functions.get")
        self.outside.looked_at.append(function_arn)
        code = self.outside.code_of(function_arn)
        if code is None:
            return Unseen.GONE
        return Unseen.UNREADABLE if code.foreign else Function(code.revision, code.updating, code.revision)

    def updated(self, function_arn: str) -> Function | Unseen:
        self.outside.waits()
        return self.get(function_arn)

    def policy(self, function_arn: str) -> Mapping[str, Any] | Unseen | None:
        self.outside.looked_at.append(f"policy of {function_arn}")
        code = self.outside.code_of(function_arn)
        return code.policy if code else None

    def initialize(self, function_arn: str, subscription_arn: str) -> Answer | NoAnswer:
        self.outside.before("functions.initialize")
        self.outside.asked.append(function_arn)
        code = self.outside.code_of(function_arn)
        if code is None:
            return NoAnswer("Lambda did not call the function: ResourceNotFoundException", called=False)
        if code.throttled:
            return THROTTLED
        answer = replace(code.answer, version=code.revision)
        self.outside.before("functions.initialize: answered")
        return answer


@dataclass
class _Log:
    outside: Outside

    def repaired(self, repair: Repair) -> None:
        self.outside.logged.append(repair)

    def failed(self, error: Exception, **about: str) -> None:
        self.outside.errors.append(error)
