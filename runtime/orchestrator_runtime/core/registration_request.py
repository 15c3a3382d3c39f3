"""Reads the custom resource that registers a plugin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.contract import (
    DEFAULT_ORDER,
    MAX_DEADLINE_SECONDS,
    MAX_DESCRIPTION_BYTES,
    MAX_NESTING,
    MAX_ORDER,
    MAX_OUTPUT_BYTES,
    PLUGINS_ATTRIBUTE,
    PluginKind,
    Stage,
)
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.custom_resources import RegistrationProperty
from orchestrator_runtime.filter_policy import MAX_POLICY_BYTES, MESSAGE_ATTRIBUTES, problems
from orchestrator_runtime.foreign_text import shown
from orchestrator_runtime.json_text import compact_json, is_too_deep
from orchestrator_runtime.names import COMPONENT_NAME, PLUGIN_NAME, problem_with_name, problem_with_text

Properties = Mapping[str, Any]
"""Properties of the custom resource, as CloudFormation brings them: each of ours is text."""
_MOST_BYTES: Final[Mapping[RegistrationProperty, int]] = {
    RegistrationProperty.FILTER_POLICY: MAX_POLICY_BYTES,
    RegistrationProperty.DESCRIPTION: MAX_DESCRIPTION_BYTES,
    RegistrationProperty.SENDER_ROLE_IDS: 1_024,
}
_MOST_BYTES_OF_OTHERS: Final = 512
"""Names, ARNs and words. Some of them become keys, and every stage that opens reads all of its registrations."""
_WHOLE: Final = re.compile(r"-?[0-9]{1,100}")


class RegistrationRefusedError(Exception):
    """A plugin or a stage may not be registered as requested. The deployment that fails shows the sentence."""


def text_property(properties: Properties, name: RegistrationProperty) -> str | None:
    """A property, or ``None`` if it is not there, no text, or none that a registration may have."""
    value = properties.get(name) if isinstance(properties, Mapping) else None
    return value if isinstance(value, str) and _problem_with_text(name, value) is None else None


def flag_property(properties: Properties, name: str, *, default: bool) -> bool:
    """A property that is ``true`` or ``false``.

    Raises:
        RegistrationRefusedError: It is something else.
    """
    text = properties.get(name) or str(default).lower()
    if text not in {"true", "false"}:
        raise RegistrationRefusedError(f"{name} must be true or false, got {shown(repr(text))}")
    return text == "true"


def seconds_property(properties: Properties, name: str) -> int | None:
    """A property that is a duration in seconds; ``None`` if it is absent.

    Raises:
        RegistrationRefusedError: It is something else.
    """
    if name not in properties:
        return None
    seconds = _whole(properties, name, 0)
    if not 0 < seconds <= MAX_DEADLINE_SECONDS:
        raise RegistrationRefusedError(f"{name} must be from 1 to {MAX_DEADLINE_SECONDS} seconds, got {seconds}")
    return seconds


def output_bytes_property(properties: Properties, name: str, *, default: int) -> int:
    """A property that is the size of one output in bytes.

    Raises:
        RegistrationRefusedError: It is something else.
    """
    size = _whole(properties, name, default)
    if not 0 <= size <= MAX_OUTPUT_BYTES:
        raise RegistrationRefusedError(f"{name} must be from 0 to {MAX_OUTPUT_BYTES} bytes, got {size}")
    return size


def parse_registration(properties: Properties, *, owner: str, seen_at: datetime) -> Registration:
    """Read the custom resource's properties.

    Endpoint and protocol of the result are empty: they are read from SNS.

    Args:
        properties: The properties.
        owner: The stack that is being deployed.
        seen_at: The time of the request.

    Raises:
        RegistrationRefusedError: One of them is missing or not allowed.
    """
    if not isinstance(properties, Mapping):
        raise RegistrationRefusedError("the registration has no properties: let the Plugin construct make it")
    for known in RegistrationProperty:
        text = properties.get(known, "")
        if not isinstance(text, str):
            # CloudFormation turns numbers and booleans inside of objects into text, which then match nothing.
            raise RegistrationRefusedError(f"{known} must be text: write lists and objects as JSON in a string")
        if problem := _problem_with_text(known, text):
            raise RegistrationRefusedError(problem)
    activity = _required(properties, RegistrationProperty.ACTIVITY)
    stage = _required(properties, RegistrationProperty.STAGE)
    name = _required(properties, RegistrationProperty.NAME)
    scope = properties.get(RegistrationProperty.FILTER_POLICY_SCOPE) or MESSAGE_ATTRIBUTES
    policy = _policy(properties)
    found = [
        problem_with_name("activity", activity, COMPONENT_NAME),
        problem_with_name("plugin", name, PLUGIN_NAME),
        *problems(policy, scope, reserved={PLUGINS_ATTRIBUTE}, for_core=True),
    ]
    if stage not in set(Stage):
        found.append(f"there is no stage {stage!r}: use one of {', '.join(Stage)}")
    kind = properties.get(RegistrationProperty.KIND) or PluginKind.FUNCTION
    if kind not in set(PluginKind):
        found.append(f"there is no kind of plugin {shown(repr(kind))}: use one of {', '.join(PluginKind)}")
    if wrong := [problem for problem in found if problem]:
        raise RegistrationRefusedError(f"plugin {name!r} of {activity}/{stage}: {'; '.join(wrong)}")
    return Registration(
        activity=activity,
        stage=Stage(stage),
        name=name,
        subscription_arn=_required(properties, RegistrationProperty.SUBSCRIPTION_ARN),
        endpoint="",
        protocol="",
        kind=kind,
        reports_start=flag_property(properties, RegistrationProperty.REPORTS_START, default=True),
        owner=owner,
        filter_policy=policy,
        filter_policy_scope=scope,
        mandatory=flag_property(properties, RegistrationProperty.MANDATORY, default=True),
        order=_order(properties),
        always_run=flag_property(properties, RegistrationProperty.ALWAYS_RUN, default=False),
        timeout_seconds=seconds_property(properties, RegistrationProperty.TIMEOUT_SECONDS),
        start_within_seconds=seconds_property(properties, RegistrationProperty.START_WITHIN_SECONDS),
        sender_role_ids=tuple(filter(None, properties.get(RegistrationProperty.SENDER_ROLE_IDS, "").split(","))),
        description=properties.get(RegistrationProperty.DESCRIPTION) or None,
        seen_at=seen_at,
    )


def _problem_with_text(name: RegistrationProperty, text: str) -> str | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"{name} holds half a character, which is no text: leave it out"
    if size > (most := _MOST_BYTES.get(name, _MOST_BYTES_OF_OTHERS)):
        return f"{name} is {size:,} bytes, a registration takes {most:,}: shorten it"
    return problem_with_text(name, text)


def _required(properties: Properties, name: RegistrationProperty) -> str:
    value: str | None = properties.get(name)
    if not value:
        raise RegistrationRefusedError(f"the registration has no {name}: let the Plugin construct make it")
    return value


def _policy(properties: Properties) -> dict[str, object]:
    text = properties.get(RegistrationProperty.FILTER_POLICY) or "{}"
    try:
        policy = json.loads(text)
        compact_json(policy)
    except (ValueError, RecursionError):
        policy = None
    if not isinstance(policy, dict) or is_too_deep(policy):
        raise RegistrationRefusedError(
            f"the filter policy must be a JSON object of at most {MAX_NESTING} levels, got {shown(repr(text))}"
        )
    return policy


def _whole(properties: Properties, name: str, default: int) -> int:
    text = properties.get(name)
    if text is None:
        return default
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise RegistrationRefusedError(f"{name} must be a whole number, got {shown(repr(text))}")
    return int(text)


def _order(properties: Properties) -> int:
    order = _whole(properties, RegistrationProperty.ORDER, DEFAULT_ORDER)
    if not 0 <= order <= MAX_ORDER:
        raise RegistrationRefusedError(f"{RegistrationProperty.ORDER} must be from 0 to {MAX_ORDER}, got {order}")
    return order
