"""Registers a plugin that is being deployed, or refuses it while the deployment can still be rolled back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.registration_request import (
    Properties,
    RegistrationRefusedError,
    parse_registration,
    text_property,
)
from orchestrator_runtime.core.subscription import topic_of
from orchestrator_runtime.custom_resources import RegistrationProperty
from orchestrator_runtime.registration_ports import Topics
from orchestrator_runtime.registry_port import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPorts:
    """What registering needs of the world.

    Attributes:
        registry: The registry.
        topics: The topics of stages.
        plugins_per_stage: How many filter policies SNS allows on a topic.
        clock: Tells the time.
    """

    registry: Registry
    topics: Topics
    plugins_per_stage: int
    clock: Callable[[], datetime]


def register_plugin(properties: Properties, ports: RegisterPorts, *, stack_id: str = "") -> Registration:
    """Write a plugin's registration; the same one again changes nothing.

    Args:
        properties: What CloudFormation brings.
        ports: The world.
        stack_id: The stack that is being deployed: the owner, if the properties name none.

    Raises:
        RegistrationRefusedError: The registration is not well formed, the stage does not exist or is full, or
            the name is taken.
    """
    # The construct's props are as of now: what reconciliation read before must not undo them.
    registration = parse_registration(properties, owner=stack_id, seen_at=ports.clock())
    _check_topic(registration, properties, ports.topics)
    # Between constructs the write settles whose a name is. One that reconciliation found keeps its name too,
    # but is only looked for: one that is found at this moment is registered twice, which is reported as a problem.
    _check_stage(registration, ports)
    holder = ports.registry.register(registration)
    if holder is not None:
        raise RegistrationRefusedError(_taken(registration, holder))
    return registration


def unregister_plugin(properties: Properties, ports: RegisterPorts, *, stack_id: str = "") -> None:
    """Delete the registration of this subscription if this owner made it.

    What was refused is taken back as well, whatever was wrong with it: there is nothing to delete then.
    """
    activity = text_property(properties, RegistrationProperty.ACTIVITY)
    stage = text_property(properties, RegistrationProperty.STAGE)
    subscription_arn = text_property(properties, RegistrationProperty.SUBSCRIPTION_ARN)
    owner = text_property(properties, RegistrationProperty.OWNER) or stack_id
    if activity and subscription_arn and owner and stage in set(Stage):
        ports.registry.unregister(activity, Stage(stage), subscription_arn, owner=owner)


def _check_topic(registration: Registration, properties: Properties, topics: Topics) -> None:
    arn = topics.arn(registration.activity, registration.stage)
    subscribed_to = text_property(properties, RegistrationProperty.TOPIC_ARN)
    if subscribed_to and subscribed_to != arn:
        raise RegistrationRefusedError(
            f"plugin {registration.name!r} is subscribed to {subscribed_to}, but {registration.key} of this core has "
            f"the topic {arn}: subscribe and register it to the same stage of the same deployment"
        )
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


def _check_stage(registration: Registration, ports: RegisterPorts) -> None:
    standing = ports.registry.registrations(registration.activity, registration.stage)
    others = [other for other in standing if other.subscription_arn != registration.subscription_arn]
    # A name that the stack holds already is its own, whoever subscribes under it since.
    holds = any((same.owner, same.name) == (registration.owner, registration.name) for same in standing)
    for other in others:
        # One owner may hold the name twice for a moment: CloudFormation replaces by creating first.
        if other.name == registration.name and other.owner != registration.owner and (other.managed or not holds):
            raise RegistrationRefusedError(_taken(registration, other.owner or _found(other)))
    for same in standing:
        if same not in others and same.managed and same.owner != registration.owner:
            raise RegistrationRefusedError(
                f"the subscription {same.subscription_arn} is registered to {same.key} already, as {same.name!r} by "
                f"{same.owner}: a function can be one plugin of a stage"
            )
    # Of plain subscriptions, SNS counts those that have a filter policy, and refuses this one's if they are too many.
    managed = sum(same.managed for same in standing)
    if len(others) == len(standing) and managed >= ports.plugins_per_stage:
        raise RegistrationRefusedError(
            f"{registration.key} has {managed} plugins, and SNS allows {ports.plugins_per_stage} filter policies "
            "on a topic: have AWS raise the quota 'Filter policies per topic' of SNS and tell OrchestratorCore by "
            "plugins_per_stage, or remove plugins"
        )


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
