"""Registers a plugin that is being deployed, or refuses it while the deployment can still be rolled back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import PLUGINS_ATTRIBUTE, Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.registration_request import (
    Properties,
    RegistrationRefusedError,
    parse_registration,
    text_property,
)
from orchestrator_runtime.core.subscription import Listed, Subscription, Unseen, account_of, topic_of
from orchestrator_runtime.custom_resources import RegistrationProperty
from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.registration_ports import Topics
from orchestrator_runtime.registry_port import Registry
from orchestrator_runtime.subscription_ports import Subscriptions

_DEPLOYING: Final = timedelta(minutes=15)
"""How long a deployment may take from a subscription to its registration, with other resources in between."""
_LOOKS: Final = 3
"""How often a subscription is looked for: SNS may not show one that was created a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPorts:
    """What registering needs of the world.

    Attributes:
        registry: The registry.
        topics: The topics of stages.
        subscriptions: Their subscriptions.
        plugins_per_stage: How many filter policies SNS allows on a topic.
        clock: Tells the time.
        pause: Waits before a subscription is looked for again.
    """

    registry: Registry
    topics: Topics
    subscriptions: Subscriptions
    plugins_per_stage: int
    clock: Callable[[], datetime]
    pause: Callable[[], None]


def register_plugin(properties: Properties, ports: RegisterPorts, *, stack_id: str) -> Registration:
    """Write a plugin's registration; the same one again changes nothing.

    Args:
        properties: What the template's author wrote.
        ports: The world.
        stack_id: The stack that is being deployed, according to CloudFormation: the owner.

    Raises:
        RegistrationRefusedError: The registration is not well formed, the stage does not exist or is full, the
            subscription does not exist or is another's, or the name is taken.
    """
    # The construct's props are as of now: what reconciliation read before must not undo them.
    asked = parse_registration(properties, owner=stack_id, seen_at=ports.clock())
    _check_topic(asked, ports.topics)
    subscription = _subscription(asked, ports)
    registration = replace(asked, endpoint=subscription.endpoint, protocol=subscription.protocol)
    # Between constructs the write settles whose a name is. One that reconciliation found keeps its name too,
    # but is only looked for: one that is found at this moment is registered twice, which is reported as a problem.
    _check_stage(registration, subscription, ports)
    holder = ports.registry.register(registration)
    if holder is not None:
        raise RegistrationRefusedError(_taken(registration, holder))
    return registration


def unregister_plugin(properties: Properties, ports: RegisterPorts, *, stack_id: str) -> None:
    """Delete the registration of this subscription if this stack made it.

    What was refused is taken back as well, whatever was wrong with it: there is nothing to delete then.
    """
    activity = text_property(properties, RegistrationProperty.ACTIVITY)
    stage = text_property(properties, RegistrationProperty.STAGE)
    subscription_arn = text_property(properties, RegistrationProperty.SUBSCRIPTION_ARN)
    if activity and subscription_arn and stage in set(Stage):
        ports.registry.unregister(activity, Stage(stage), subscription_arn, owner=stack_id)


def _check_topic(registration: Registration, topics: Topics) -> None:
    arn = topics.arn(registration.activity, registration.stage)
    if not topics.exists(arn):
        raise RegistrationRefusedError(
            f"there is no stage {registration.key} in this deployment (no topic {arn}): deploy the activity "
            f"{registration.activity!r} first, or check its name"
        )
    if topic_of(registration.subscription_arn) != arn:
        raise RegistrationRefusedError(
            f"{registration.subscription_arn} is no subscription to the topic {arn} of {registration.key}: subscribe "
            f"plugin {registration.name!r} to that topic and register the subscription's ARN"
        )


def _subscription(asked: Registration, ports: RegisterPorts) -> Subscription | Listed:
    """Reads from SNS what is subscribed, and checks that the account of the stack subscribed it."""
    found = _find(asked.subscription_arn, ports)
    if found is None:
        raise RegistrationRefusedError(
            f"SNS has no subscription {asked.subscription_arn}: have the registration of plugin {asked.name!r} depend "
            "on its subscription"
        )
    if found.account != account_of(asked.owner):
        raise RegistrationRefusedError(
            f"the subscription {asked.subscription_arn} is of account {found.account or 'unknown'}, and this stack of "
            f"{account_of(asked.owner)}: a plugin is registered by the account that subscribes it"
        )
    return found


def _find(arn: str, ports: RegisterPorts) -> Subscription | Listed | None:
    for look in range(_LOOKS):
        if look:
            ports.pause()
        found = ports.subscriptions.get(arn)
        if isinstance(found, Subscription):
            return found
        if found is Unseen.UNREADABLE:
            # The attributes of another account's subscription are not for the core to read. The list of the topic's
            # subscriptions is: it has all but the filter policy.
            for listed in ports.subscriptions.of_topic(topic_of(arn)):
                if listed.arn == arn:
                    return listed
    return None


def _check_stage(registration: Registration, subscription: Subscription | Listed, ports: RegisterPorts) -> None:
    standing = ports.registry.registrations(registration.activity, registration.stage)
    own = [same for same in standing if same.subscription_arn == registration.subscription_arn]
    others = [other for other in standing if other.subscription_arn != registration.subscription_arn]
    # A name that the stack holds already is its own, whoever subscribes under it since.
    holds = any((same.owner, same.name) == (registration.owner, registration.name) for same in standing)
    for other in others:
        # One owner may hold the name twice for a moment: CloudFormation replaces by creating first.
        if other.name == registration.name and other.owner != registration.owner and (other.managed or not holds):
            raise RegistrationRefusedError(_taken(registration, other.owner or _found(other)))
    for same in own:
        if same.managed and same.owner != registration.owner:
            raise RegistrationRefusedError(
                f"the subscription {same.subscription_arn} is registered to {same.key} already, as {same.name!r} by "
                f"{same.owner}: a function can be one plugin of a stage"
            )
        if not same.managed and _stands(same, registration):
            raise RegistrationRefusedError(
                f"the subscription {same.subscription_arn} is registered to {same.key} already, as {same.name!r}, "
                "which no construct made: remove that subscription, and let the Plugin construct subscribe"
            )
    if not any(same.owner == registration.owner for same in own):
        _check_filter(registration, subscription)
    # Of plain subscriptions, SNS counts those that have a filter policy, and refuses this one's if they are too many.
    managed = sum(same.managed for same in standing)
    if not own and managed >= ports.plugins_per_stage:
        raise RegistrationRefusedError(
            f"{registration.key} has {managed} plugins, and SNS allows {ports.plugins_per_stage} filter policies "
            "on a topic: have AWS raise the quota 'Filter policies per topic' of SNS and tell OrchestratorCore by "
            "plugins_per_stage, or remove plugins"
        )


def _check_filter(registration: Registration, subscription: Subscription | Listed) -> None:
    """Checks that a subscription is made for this plugin, so that no stack takes over one that was made without it.

    One that this stack registered before may still have the filter of its former name: in a rollback, say.
    """
    wanted = {PLUGINS_ATTRIBUTE: [registration.name]}
    if isinstance(subscription, Subscription) and (
        subscription.filter_policy != wanted or subscription.filter_policy_scope != MESSAGE_ATTRIBUTES
    ):
        raise RegistrationRefusedError(
            f"the subscription {registration.subscription_arn} does not filter by the name of the plugin: let the "
            f"Plugin construct subscribe it, which sets the filter policy {compact_json(wanted)}"
        )


def _stands(plain: Registration, registration: Registration) -> bool:
    """Whether a subscription was found before the deployment that registers it can have made it.

    Else its own deployment made it, and reconciliation has seen it first.
    """
    found, now = plain.named_since, registration.seen_at
    return found is not None and now is not None and now - found > _DEPLOYING


def _taken(registration: Registration, holder: str) -> str:
    return (
        f"a plugin named {registration.name!r} is registered to {registration.key} already, by {holder}: "
        "names are unique within a stage, choose another"
    )


def _found(other: Registration) -> str:
    return (
        f"{other.endpoint}, whose subscription {other.subscription_arn} no construct made "
        "(if that was deleted just now, reconcile and deploy again)"
    )
