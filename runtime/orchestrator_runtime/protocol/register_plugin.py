"""Registers a plugin that is being deployed, or refuses it while the deployment can still be rolled back."""

from __future__ import annotations

import json
from collections.abc import Mapping

from orchestrator_runtime.contract import DEFAULT_ORDER, PluginKind, RegistrationProperty, Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.filter_policy import problems
from orchestrator_runtime.names import COMPONENT_NAME, PLUGIN_NAME, problem_with_name
from orchestrator_runtime.ports import Registry

Properties = Mapping[str, str]
"""Properties of the custom resource, as CloudFormation brings them: every value is text."""


class RegistrationRefusedError(Exception):
    """The plugin may not be registered; the sentence is shown by the deployment that fails."""


def register_plugin(properties: Properties, registry: Registry) -> Registration:
    """Write a plugin's registration; the same one again changes nothing.

    Raises:
        RegistrationRefusedError: The registration is not well formed, or another owner holds the name.
    """
    registration = parse(properties)
    for other in registry.registrations(registration.activity, registration.stage):
        # One owner may hold the name twice for a moment: CloudFormation replaces by creating first.
        if other.name == registration.name and other.owner != registration.owner:
            raise RegistrationRefusedError(
                f"a plugin named {registration.name!r} is registered to {registration.key} already, by "
                f"{other.owner or other.endpoint}: names are unique within a stage, choose another"
            )
    registry.put(registration)
    return registration


def unregister_plugin(properties: Properties, registry: Registry) -> None:
    """Delete the registration of this subscription, and of no other."""
    activity = properties.get(RegistrationProperty.ACTIVITY)
    stage = properties.get(RegistrationProperty.STAGE)
    subscription_arn = properties.get(RegistrationProperty.SUBSCRIPTION_ARN)
    # What was refused for lack of one of these is taken back, too: there is nothing to delete then.
    if activity and stage in set(Stage) and subscription_arn:
        registry.delete(activity, Stage(stage), subscription_arn)


def parse(properties: Properties) -> Registration:
    """Read the custom resource's properties.

    Raises:
        RegistrationRefusedError: One of them is missing or not allowed.
    """
    activity = _required(properties, RegistrationProperty.ACTIVITY)
    stage = _required(properties, RegistrationProperty.STAGE)
    name = _required(properties, RegistrationProperty.NAME)
    scope = properties.get(RegistrationProperty.FILTER_POLICY_SCOPE) or "MessageAttributes"
    policy = _policy(properties)
    found = [
        problem_with_name("activity", activity, COMPONENT_NAME),
        problem_with_name("plugin", name, PLUGIN_NAME),
        *problems(policy, scope),
    ]
    if stage not in set(Stage):
        found.append(f"there is no stage {stage!r}: use one of {', '.join(Stage)}")
    told = [problem for problem in found if problem]
    if told:
        raise RegistrationRefusedError(f"plugin {name!r} of {activity}/{stage}: {'; '.join(told)}")
    start_within = _seconds(properties, RegistrationProperty.START_WITHIN_SECONDS)
    return Registration(
        activity=activity,
        stage=Stage(stage),
        name=name,
        subscription_arn=_required(properties, RegistrationProperty.SUBSCRIPTION_ARN),
        endpoint=_required(properties, RegistrationProperty.ENDPOINT),
        protocol=properties.get(RegistrationProperty.PROTOCOL) or "lambda",
        kind=properties.get(RegistrationProperty.KIND) or PluginKind.FUNCTION,
        reports_start=properties.get(RegistrationProperty.REPORTS_START) != "false",
        owner=properties.get(RegistrationProperty.OWNER, ""),
        filter_policy=policy,
        filter_policy_scope=scope,
        mandatory=properties.get(RegistrationProperty.MANDATORY, "true") != "false",
        order=_whole(properties, RegistrationProperty.ORDER, DEFAULT_ORDER),
        always_run=properties.get(RegistrationProperty.ALWAYS_RUN) == "true",
        timeout_seconds=_seconds(properties, RegistrationProperty.TIMEOUT_SECONDS),
        start_within_seconds=start_within,
        sender_role_ids=tuple(filter(None, properties.get(RegistrationProperty.SENDER_ROLE_IDS, "").split(","))),
        description=properties.get(RegistrationProperty.DESCRIPTION),
    )


def _required(properties: Properties, name: RegistrationProperty) -> str:
    value = properties.get(name)
    if not value:
        raise RegistrationRefusedError(f"the registration has no {name}: let the Plugin construct make it")
    return value


def _policy(properties: Properties) -> dict[str, object]:
    text = properties.get(RegistrationProperty.FILTER_POLICY) or "{}"
    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise RegistrationRefusedError(f"the filter policy is no JSON object: {text[:200]!r}")
    return policy


def _whole(properties: Properties, name: RegistrationProperty, default: int) -> int:
    text = properties.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError:
        raise RegistrationRefusedError(f"{name} must be a whole number, got {text!r}") from None


def _seconds(properties: Properties, name: RegistrationProperty) -> int | None:
    if name not in properties:
        return None
    seconds = _whole(properties, name, 0)
    if seconds <= 0:
        raise RegistrationRefusedError(f"{name} must be more than 0 seconds, got {seconds}")
    return seconds
