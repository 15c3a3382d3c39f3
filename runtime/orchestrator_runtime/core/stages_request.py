"""Reads the custom resource with the stages of a stack, and decides whether stages may leave the stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.custom_resource_request import CREATE, DELETE, UPDATE, CustomResourceRequest
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.core.registration_request import (
    RegistrationRefusedError,
    flag_property,
    output_bytes_property,
    seconds_property,
)
from orchestrator_runtime.custom_resources import STAGES_PROPERTY, StageProperty
from orchestrator_runtime.foreign_text import shown
from orchestrator_runtime.names import COMPONENT_NAME

StageKey = tuple[str, Stage]
"""An activity and one of its stages."""

_HOLDS: Final = frozenset({(UPDATE, "UPDATE_IN_PROGRESS"), (DELETE, "DELETE_IN_PROGRESS")})
"""Requests that CloudFormation undoes or stops if they are refused, each with the status of the stack."""
_NAMED: Final = 5
"""Activities, and plugins, that a refusal names; an answer to CloudFormation may have a kilobyte."""


@dataclass(frozen=True, slots=True)
class StagesRequest:
    """CloudFormation's request about the stages of a stack.

    Attributes:
        kind: ``Create``, ``Update`` or ``Delete``.
        stack_id: The stack.
        stages: The stages that the stack has from now on, with their settings.
        removed: The stages that the stack is about to lose, in order.
    """

    kind: str
    stack_id: str
    stages: Mapping[StageKey, StageSettings] = field(default_factory=dict)
    removed: tuple[StageKey, ...] = ()

    @classmethod
    def read(cls, request: CustomResourceRequest) -> StagesRequest:
        """Reads a request for the custom resource.

        What is malformed in properties of before is ignored: CloudFormation also takes back what was refused.

        Raises:
            RegistrationRefusedError: A stage that the stack is to have is malformed.
        """
        kind, now, before = request.kind, request.properties, request.before
        stages = dict(map(_parse, _listed(now))) if kind in {CREATE, UPDATE} else {}
        _check_twice(stages, now)
        losing = {UPDATE: before, DELETE: now}.get(kind)
        removed = _readable(losing) - stages.keys()
        return cls(kind, request.stack_id, stages, tuple(sorted(removed)))

    def may_be_refused(self, stack_status: str) -> bool:
        """Whether a refusal keeps the stages.

        In the clean-up after an update CloudFormation continues whatever the answer is. A rollback removes stages that
        were added a moment ago; refused, it leaves the stack stuck.

        Args:
            stack_status: The status of the stack.
        """
        return (self.kind, stack_status) in _HOLDS

    def in_use(self, registrations: Iterable[Registration]) -> list[Registration]:
        """Returns the registrations to a removed stage that would lose it.

        Those of this very stack go with it: CloudFormation deletes them after this request.
        """
        return [each for each in registrations if each.owner != self.stack_id]


def refusal(in_use: Sequence[Registration]) -> str:
    """Returns why stages may not be removed, and what to do, as a sentence.

    Args:
        in_use: The registrations that would lose their stage, one or more.
    """
    activities = sorted({each.activity for each in in_use})
    kind = "activity" if len(activities) == 1 else "activities"
    plugins = [f"{each.name!r} of {each.key} ({_whose(each)})" for each in in_use]
    return (
        f"stages of {kind} {_some([repr(name) for name in activities])} cannot be removed while plugins are registered "
        "to them: remove these plugins first, or run 'orchestrator plugins reconcile' if they are gone already: "
        f"{_some(plugins)}"
    )


def _some(things: Sequence[str]) -> str:
    more = [f"and {len(things) - _NAMED} more"] if len(things) > _NAMED else []
    return ", ".join([*things[:_NAMED], *more])


def _whose(registration: Registration) -> str:
    if registration.managed:
        return f"stack {registration.stack}"
    return f"subscription {registration.subscription_arn}, which no construct made"


def _listed(properties: object) -> list[object]:
    listed = properties.get(STAGES_PROPERTY, []) if isinstance(properties, Mapping) else []
    if not isinstance(listed, list):
        raise RegistrationRefusedError(f"{STAGES_PROPERTY} must be a list of objects, got {shown(repr(listed))}")
    return listed


def _parse(listed: object) -> tuple[StageKey, StageSettings]:
    """One stage of the list, with its settings; what is absent is as by default."""
    key = _key(listed)
    if key is None or not isinstance(listed, Mapping):
        raise RegistrationRefusedError(
            f"each of {STAGES_PROPERTY} must be an object with a {StageProperty.STAGE} such as 'Rate/parallel', got "
            f"{shown(repr(listed))}: let the Activity construct make it"
        )
    defaults = StageSettings()
    try:
        return key, StageSettings(
            timeout_seconds=seconds_property(listed, StageProperty.TIMEOUT_SECONDS) or defaults.timeout_seconds,
            start_within_seconds=seconds_property(listed, StageProperty.START_WITHIN_SECONDS)
            or defaults.start_within_seconds,
            fail_on_optional_error=flag_property(
                listed, StageProperty.FAIL_ON_OPTIONAL_ERROR, default=defaults.fail_on_optional_error
            ),
            max_output_bytes=output_bytes_property(
                listed, StageProperty.MAX_OUTPUT_BYTES, default=defaults.max_output_bytes
            ),
        )
    except RegistrationRefusedError as refusal:
        raise RegistrationRefusedError(f"stage {key[0]}/{key[1]}: {refusal}") from None


def _check_twice(stages: Mapping[StageKey, StageSettings], properties: object) -> None:
    if stages and len(stages) != len(_listed(properties)):
        raise RegistrationRefusedError(f"{STAGES_PROPERTY} names a stage twice: list each stage once")


def _readable(properties: object) -> set[StageKey]:
    try:
        return {key for key in map(_key, _listed(properties)) if key is not None}
    except RegistrationRefusedError:
        return set()


def _key(listed: object) -> StageKey | None:
    name = listed.get(StageProperty.STAGE) if isinstance(listed, Mapping) else None
    if not isinstance(name, str):
        return None
    activity, _, stage = name.rpartition("/")
    return (activity, Stage(stage)) if COMPONENT_NAME.fullmatch(activity) and stage in set(Stage) else None
