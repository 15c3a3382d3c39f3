"""What an execution environment remembers from one batch of reports to the next.

It saves work and decides no state: an environment that remembers nothing records what one that remembers does, and some
progress more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import PROGRESS_EVERY_SECONDS, Stage
from orchestrator_runtime.core.records import StageRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.protocol.recent import Recent
from orchestrator_runtime.registry_port import Registry

PROGRESS_EVERY: Final = timedelta(seconds=PROGRESS_EVERY_SECONDS)
MOST_AT_ONCE: Final = 5
"""Reports of progress that may come at once: what was sent a second apart is received in less, or all together."""
PLAIN_READ_EVERY: Final = timedelta(minutes=1)


class ReportMemory:
    """Remembers how much progress each plugin has reported, and the plain subscriptions of each stage."""

    MOST_PLUGINS: Final = 4096
    MOST_STAGES: Final = 64

    def __init__(self) -> None:
        self._used_up_until: Recent[tuple[StageRef, str], datetime] = Recent(self.MOST_PLUGINS)
        self._plain: Recent[tuple[str, Stage], tuple[datetime, Sequence[Registration]]] = Recent(self.MOST_STAGES)

    def takes_progress(self, ref: StageRef, plugin: str, now: datetime) -> bool:
        """Whether progress of a plugin is to be recorded: once in ``PROGRESS_EVERY``, and ``MOST_AT_ONCE`` at once.

        Args:
            ref: The stage; each run counts for itself.
            plugin: The plugin.
            now: When the report was read.
        """
        key = (ref, plugin)
        until = max(self._used_up_until.get(key, now), now) + PROGRESS_EVERY
        if until > now + MOST_AT_ONCE * PROGRESS_EVERY:
            return False
        self._used_up_until.remember(key, until)
        return True

    def plain_registrations(self, ref: StageRef, registry: Registry, now: datetime) -> Sequence[Registration]:
        """The registrations of a stage that no construct made, as they were up to ``PLAIN_READ_EVERY`` ago.

        Only their subscriptions are keys in the registry. To find them by name, all of the stage has to be read, which
        whoever may send a report could otherwise cause with each message.
        """
        stage = (ref.activity, ref.stage)
        read_at, found = self._plain.get(stage, (None, ()))
        if read_at is None or not read_at <= now < read_at + PLAIN_READ_EVERY:
            everything = registry.registrations(ref.activity, ref.stage)
            # Filter policies are large, and nobody needs them here.
            found = [replace(each, filter_policy={}) for each in everything if not each.managed]
            self._plain.remember(stage, (now, found))
        return found
