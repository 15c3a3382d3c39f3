"""Reports as the queue delivered them, and which of them counts where several came together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.records import RunRef, StageRef
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

    A call of a plugin tells of its start once, by the time at which it began, or by a report of nothing else.

    Attributes:
        shown: Whether one of them shows it at work.
        said: How many tell of a start and of nothing else, not even when.
        began: When calls began, by the plugin's clock.
    """

    shown: bool = False
    said: int = 0
    began: frozenset[datetime] = frozenset()

    @property
    def told(self) -> bool:
        """Whether one of them tells of a start."""
        return bool(self.said or self.began)

    def after(self, report: Report) -> Starts:
        """What they tell with one more report."""
        shows = report.state is State.IN_PROGRESS
        starts = replace(self, shown=self.shown or shows)
        if report.started_at is not None:
            return replace(starts, began=self.began | {report.started_at})
        says_so = shows and report.progress is None and report.message is None
        return replace(starts, said=self.said + says_so)

    def started_at(self, now: datetime, *, ended: bool, released_at: datetime | None) -> datetime | None:
        """When the plugin started, for its row.

        Of a plugin at work it is the time at which that was read: its deadline runs from there, and by the core's
        clock alone. Of one that has ended it is what its own clock says, as far as that can be.

        Args:
            now: When the reports were read.
            ended: Whether the plugin has ended by them.
            released_at: When it was released, if that is known.
        """
        if ended and self.began:
            return min(max(min(self.began), released_at or now), now)
        return now if self.shown else None

    def again(self, noted: datetime | None, *, here: datetime | None) -> int:
        """How many of the calls that they tell of are not the plugin's first in the attempt.

        Args:
            noted: The plugin's start by its row, as it is with these reports.
            here: Its start as these reports tell it; the row may have noted one before.
        """
        if noted is None:
            return 0
        if here is not None and abs(noted - here) < _CLOCK_TICK:
            return max(0, self.said - 1, len(self.began) - 1)
        # The start that is noted may be that of a call whose own time comes only now: it is not later than the note.
        return max(self.said, sum(began - noted >= _CLOCK_TICK for began in self.began))


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
