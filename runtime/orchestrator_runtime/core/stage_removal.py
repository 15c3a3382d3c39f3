"""Decides whether stages may leave a stack: not while plugins of anybody else are registered to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.custom_resources import STAGES_PROPERTY

_UPDATE: Final = "Update"
_DELETE: Final = "Delete"
_HOLDS: Final = frozenset({(_UPDATE, "UPDATE_IN_PROGRESS"), (_DELETE, "DELETE_IN_PROGRESS")})
"""Requests that CloudFormation undoes or stops if they are refused, each with what it is doing with the stack then."""
_NAMED: Final = 5
"""Activities, and plugins, that a refusal names; CloudFormation is told no more than a kilobyte."""


class RemovalRefusedError(Exception):
    """The stages may not be removed; the sentence is shown by the deployment that fails."""


@dataclass(frozen=True, slots=True)
class StagesRequest:
    """What CloudFormation asks of the stages of a stack.

    Attributes:
        kind: ``Create``, ``Update`` or ``Delete``.
        stack_id: The stack.
        removed: The stages that the stack is about to lose, by activity and position.
    """

    kind: str
    stack_id: str
    removed: tuple[tuple[str, Stage], ...]

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> StagesRequest:
        """Read a request for the custom resource."""
        kind = str(event.get("RequestType") or "")
        stages = _stages(event.get("ResourceProperties"))
        removed: frozenset[tuple[str, Stage]] = frozenset()
        if kind == _UPDATE:
            removed = _stages(event.get("OldResourceProperties")) - stages
        elif kind == _DELETE:
            removed = stages
        return cls(kind, str(event.get("StackId") or ""), tuple(sorted(removed)))

    def may_be_refused(self, stack_status: str) -> bool:
        """Whether a refusal keeps the stages.

        In the clean-up after an update CloudFormation goes on whatever is answered. A rollback takes back stages
        that were added a moment ago; refused, it leaves the stack stuck.

        Args:
            stack_status: What CloudFormation is doing with the stack.
        """
        return (self.kind, stack_status) in _HOLDS

    def in_use(self, registrations: Iterable[Registration]) -> list[Registration]:
        """Of the registrations to a stage that is removed, those that would lose it.

        Those that this very stack made go with it: CloudFormation deletes them after this request.
        """
        return [each for each in registrations if each.owner != self.stack_id]


def refusal(in_use: Sequence[Registration]) -> str:
    """Say why stages may not be removed, and what to do.

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


def _stages(properties: object) -> frozenset[tuple[str, Stage]]:
    listed = properties.get(STAGES_PROPERTY) if isinstance(properties, Mapping) else None
    keys = listed if isinstance(listed, list) else []
    parts = (key.rpartition("/") for key in keys if isinstance(key, str))
    return frozenset((activity, Stage(stage)) for activity, _, stage in parts if activity and stage in set(Stage))
