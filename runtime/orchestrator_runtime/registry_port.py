"""What the protocol needs of the registry: which plugins are registered to a stage, and how the stage is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration, StageRegistrations, StageSettings


class Registry(Protocol):
    """The registrations of plugins, and the settings of stages."""

    def stages(self, activity: str, stages: Sequence[Stage]) -> Mapping[Stage, StageRegistrations]:
        """Read settings and registrations of some stages of an activity, in one query.

        A stage that is not deployed is absent from the answer.

        Args:
            activity: The activity's name.
            stages: Consecutive stages, in order.
        """
        ...

    def registrations(self, activity: str, stage: Stage) -> Sequence[Registration]:
        """Read all registrations of a stage."""
        ...

    def put_settings(self, activity: str, stage: Stage, settings: StageSettings, *, owner: str, now: datetime) -> None:
        """Write a stack's settings of a stage: the stage is deployed as long as some stack has settings of it.

        If several stacks have, those that were written last count.
        """
        ...

    def remove_settings(self, activity: str, stage: Stage, *, owner: str) -> None:
        """Delete a stack's settings of a stage; those of another stack stay."""
        ...

    def of_function(self, function_arn: str) -> Sequence[Registration]:
        """Find the registrations of a function, whatever stage they are to; the one read that may lag behind.

        Args:
            function_arn: The function's ARN without version and alias.
        """
        ...

    def get(self, activity: str, stage: Stage, subscription_arn: str) -> Registration | None:
        """Read one registration."""
        ...

    def named(self, activity: str, stage: Stage, name: str) -> Sequence[Registration]:
        """Read the managed registrations that hold a name in a stage, and nothing else."""
        ...

    def put(self, registration: Registration, *, replacing: Registration | None = None) -> bool:
        """Write a registration if what stands there is what was read: so nobody undoes what he has not seen.

        Name and owner of a managed registration are not changed by this.

        Args:
            registration: What to write, with a ``seen_at`` of its own.
            replacing: What was read before anything else was looked at; ``None``: nothing was there.

        Returns:
            Whether it was written.
        """
        ...

    def register(self, registration: Registration) -> str | None:
        """Write a managed registration, and hold its name in the stage, both or none.

        Of managed registrations only one owner holds a name; it may do so for several subscriptions.
        A registration that was not managed is replaced.

        Returns:
            The other owner that holds the name or the subscription, or ``None`` if it was written.
        """
        ...

    def unregister(self, activity: str, stage: Stage, subscription_arn: str, *, owner: str) -> bool:
        """Delete a managed registration of this owner, and let its name go; return whether there was one."""
        ...

    def remove(self, registration: Registration) -> bool:
        """Delete a registration, managed or not, if it still is what was read, or gone; return whether."""
        ...
