"""Reports as the queue delivered them, and which of them counts where several came together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.records import PluginRow, RunRef, StageRef
from orchestrator_runtime.models import Report

_CLOCK_TICK: Final = timedelta(milliseconds=1)
"""What the status table tells times apart by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A report as the queue delivered it.

    Attributes:
        id: The queue's id of the message.
        report: The report.
        sender: Who sent it, as the queue says: ``role id:session`` of an assumed role.
        trace_header: The trace that it was sent in, if there is one.
    """

    id: str
    report: Report
    sender: str | None = None
    trace_header: str | None = None

    @property
    def ref(self) -> StageRef:
        """The stage that it reports on."""
        run = RunRef(self.report.uid, self.report.workflow, self.report.attempt)
        return run.stage(self.report.activity, self.report.stage)

    @property
    def role_id(self) -> str | None:
        """The unique id of the sending role, where the queue tells it."""
        role_id, separator, _ = (self.sender or "").partition(":")
        return role_id if separator and role_id.startswith("AROA") else None


@dataclass(frozen=True, slots=True)
class Starts:
    """What a plugin's reports in one batch tell of its starts.

    Attributes:
        shown: Whether one of them shows it at work.
        said: How many say that it started, and nothing else: each is a call of the plugin.
        calls: When the calls began that others of them end.
    """

    shown: bool = False
    said: int = 0
    calls: tuple[datetime, ...] = ()

    def after(self, report: Report) -> Starts:
        """What they tell with one more report."""
        in_progress = report.state is State.IN_PROGRESS
        ends_call = report.state.is_terminal or (report.progress is None and report.message is not None)
        says_so = in_progress and report.progress is None and report.message is None
        if report.started_at is None:
            return replace(self, shown=self.shown or in_progress, said=self.said + says_so)
        calls = (*self.calls, report.started_at) if ends_call else self.calls
        return replace(self, shown=self.shown or in_progress, calls=calls)

    def started_at(self, now: datetime, *, ended: bool, released_at: datetime | None) -> datetime | None:
        """When the plugin started, for its row.

        Of a plugin at work it is the time at which that was read: its deadline runs from there, and by the core's
        clock alone. Of one that has ended it is what its own clock says, as far as that can be.

        Args:
            now: When the reports were read.
            ended: Whether the plugin has ended by them.
            released_at: When it was released, if that is known.
        """
        if ended and self.calls:
            return min(max(min(self.calls), released_at or now), now)
        return now if self.shown else None

    def again(self, row: PluginRow, now: datetime) -> int:
        """How many of the calls are not the first, by the row as it is with these reports."""
        if row.started_at is None:
            return 0
        first_said = 0 if now - row.started_at >= _CLOCK_TICK else 1
        later = [began for began in self.calls if began - row.started_at >= _CLOCK_TICK]
        return max(0, self.said - first_said) + len(later)


def collapse(reports: Iterable[Received]) -> list[tuple[Received, Starts]]:
    """Keep one report a plugin and sender, and what all that it stands for tell of the plugin's start.

    The first terminal one is kept, else the last; what it does not say itself, message and
    progress, it takes from those before it, as the row would if they came one by one.
    """
    kept: dict[tuple[str, str | None], tuple[Received, Starts]] = {}
    for received in reports:
        key = (received.report.plugin, received.role_id)
        previous, starts = kept.get(key, (None, Starts()))
        starts = starts.after(received.report)
        if previous is None:
            kept[key] = (received, starts)
        elif previous.report.state.is_terminal:
            kept[key] = (previous, starts)
        else:
            said = previous.report.model_dump(include={"message", "progress"}, exclude_none=True)
            own = received.report.model_dump(include={"message", "progress"}, exclude_none=True)
            kept[key] = (replace(received, report=received.report.model_copy(update={**said, **own})), starts)
    return list(kept.values())
