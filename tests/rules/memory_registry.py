"""The registry in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration, StageRegistrations, StageSettings


def _nothing(_name: str) -> None:
    """Let every call happen."""


class MemoryRegistry:
    """Implements ``registry_port.Registry``.

    Args:
        before: Runs before each call, named as the call: what happens meanwhile.
        settings: The settings of every stage that has none of its own: all stages are deployed. Default: only stages
            whose settings were written are deployed.
    """

    def __init__(self, before: Callable[[str], None] = _nothing, *, settings: StageSettings | None = None) -> None:
        self.all: dict[str, Registration] = {}
        self.settings: dict[tuple[str, Stage], dict[str, tuple[datetime, StageSettings]]] = {}
        self.reads = 0
        self._default = settings
        self._before = before

    def stages(self, activity: str, stages: Sequence[Stage]) -> Mapping[Stage, StageRegistrations]:
        self._before("registry.stages")
        self.reads += 1
        found: dict[Stage, StageRegistrations] = {}
        for stage in stages:
            by_owner = self.settings.get((activity, stage))
            settings = max(by_owner.values(), key=lambda one: one[0])[1] if by_owner else self._default
            if settings is not None:
                found[stage] = StageRegistrations(settings, self._of_stage(activity, stage))
        return found

    def put_settings(self, activity: str, stage: Stage, settings: StageSettings, *, owner: str, now: datetime) -> None:
        self._before("registry.put_settings")
        self.settings.setdefault((activity, stage), {})[owner] = (now, settings)

    def remove_settings(self, activity: str, stage: Stage, *, owner: str) -> None:
        self._before("registry.remove_settings")
        self.settings.get((activity, stage), {}).pop(owner, None)

    def registrations(self, activity: str, stage: Stage) -> Sequence[Registration]:
        self._before("registry.registrations")
        self.reads += 1
        return self._of_stage(activity, stage)

    def _of_stage(self, activity: str, stage: Stage) -> list[Registration]:
        found = [r for r in self.all.values() if (r.activity, r.stage) == (activity, stage)]
        return sorted(found, key=lambda registration: registration.subscription_arn)

    def of_function(self, function_arn: str) -> Sequence[Registration]:
        self._before("registry.of_function")
        return [r for r in self.all.values() if r.function == function_arn]

    def get(self, activity: str, stage: Stage, subscription_arn: str) -> Registration | None:
        self._before("registry.get")
        found = self.all.get(subscription_arn)
        return found if found is not None and (found.activity, found.stage) == (activity, stage) else None

    def named(self, activity: str, stage: Stage, name: str) -> Sequence[Registration]:
        self._before("registry.named")
        return [each for each in self._of_stage(activity, stage) if each.managed and each.name == name]

    def put(self, registration: Registration, *, replacing: Registration | None = None) -> bool:
        self._before("registry.put")
        stands = self.all.get(registration.subscription_arn)
        if _version(stands) != _version(replacing):
            return False
        if stands is not None and stands.managed:
            assert (registration.name, registration.owner) == (stands.name, stands.owner)
        self.all[registration.subscription_arn] = registration
        return True

    def register(self, registration: Registration) -> str | None:
        self._before("registry.register")
        for other in self.all.values():
            same = other.subscription_arn == registration.subscription_arn
            same_name = (other.key, other.name) == (registration.key, registration.name)
            if (same or same_name) and other.managed and other.owner != registration.owner:
                return other.owner
        self.all[registration.subscription_arn] = registration
        return None

    def unregister(self, activity: str, stage: Stage, subscription_arn: str, *, owner: str) -> bool:
        self._before("registry.unregister")
        stands = self.all.get(subscription_arn)
        if stands is None or not stands.managed or stands.owner != owner:
            return False
        del self.all[subscription_arn]
        return True

    def remove(self, registration: Registration) -> bool:
        self._before("registry.remove")
        stands = self.all.get(registration.subscription_arn)
        if stands is not None and _version(stands) != _version(registration):
            return False
        self.all.pop(registration.subscription_arn, None)
        return True

    def change(self, registration: Registration) -> None:
        """Let a registration be so, as a test wants it."""
        self.all[registration.subscription_arn] = registration

    def delete(self, activity: str, stage: Stage, subscription_arn: str) -> None:
        """Take a registration away, as a test wants it."""
        self.all.pop(subscription_arn, None)


def _version(registration: Registration | None) -> object:
    """What says that a registration still is the one that was read: as little as the table asks for."""
    if registration is None or not registration.managed:
        return None if registration is None else (registration.seen_at, "")
    return registration.seen_at, registration.owner, registration.name
