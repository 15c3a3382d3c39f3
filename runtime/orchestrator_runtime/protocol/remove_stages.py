"""Refuses that stages are removed while plugins are registered to them, as long as that can be stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.stage_removal import RemovalRefusedError, StagesRequest, refusal
from orchestrator_runtime.ports import Registry
from orchestrator_runtime.registration_ports import Stacks


@dataclass(frozen=True, slots=True)
class RemovalPorts:
    """What a removal of stages needs of the world.

    Attributes:
        registry: The registry.
        stacks: CloudFormation's stacks.
    """

    registry: Registry
    stacks: Stacks


def check_removal(request: StagesRequest, ports: RemovalPorts) -> Sequence[Registration]:
    """Look who is registered to stages that a stack is about to lose.

    Returns:
        Those who lose their stage all the same, because it is too late to refuse; mostly nobody.

    Raises:
        RemovalRefusedError: Somebody is registered, and the deployment can still be stopped.
    """
    in_use = [
        registration
        for activity, stage in request.removed
        for registration in request.in_use(ports.registry.registrations(activity, stage))
    ]
    # Only then, so that the right to ask is needed seldom.
    if in_use and request.may_be_refused(ports.stacks.status(request.stack_id)):
        raise RemovalRefusedError(refusal(in_use))
    return in_use
