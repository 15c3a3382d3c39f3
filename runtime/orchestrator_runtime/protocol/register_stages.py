"""Registers the stages of a stack, and refuses to remove those that plugins are registered to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.registration_request import RegistrationRefusedError
from orchestrator_runtime.core.stages_request import StagesRequest, refusal
from orchestrator_runtime.registration_ports import Stacks
from orchestrator_runtime.registry_port import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class StagesPorts:
    """What registering stages needs of the world.

    Attributes:
        registry: The registry.
        stacks: CloudFormation's stacks.
        clock: Returns the time.
    """

    registry: Registry
    stacks: Stacks
    clock: Callable[[], datetime]


def register_stages(request: StagesRequest, ports: StagesPorts) -> Sequence[Registration]:
    """Writes the settings of the stages that the stack has, and deletes those of the stages that it loses.

    The registry keeps the settings of a stage for each stack that has written some, and the last ones count. A stack
    that takes a stage over, and then rolls back or is deleted, therefore leaves the settings of the other stack.

    Returns:
        The registrations that lose their stage, because it is too late to refuse; mostly none.

    Raises:
        RegistrationRefusedError: Plugins are registered to a removed stage, and the deployment can still be stopped.
    """
    in_use = [
        registration
        for activity, stage in request.removed
        for registration in request.in_use(ports.registry.registrations(activity, stage))
    ]
    # CloudFormation is only asked if somebody is registered: mostly nobody is.
    if in_use and request.may_be_refused(ports.stacks.status(request.stack_id)):
        raise RegistrationRefusedError(refusal(in_use))
    for (activity, stage), settings in request.stages.items():
        ports.registry.put_settings(activity, stage, settings, owner=request.stack_id, now=ports.clock())
    for activity, stage in request.removed:
        ports.registry.remove_settings(activity, stage, owner=request.stack_id)
    return in_use
