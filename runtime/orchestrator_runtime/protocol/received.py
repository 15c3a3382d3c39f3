"""Reports as the queue delivered them, and which of them counts where several came together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.records import RunRef, StageRef
from orchestrator_runtime.models import Report


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
    """What a plugin's reports in one batch tell of its start.

    Attributes:
        shown: Whether one of them shows that it started.
        said: How many say so, and nothing else: each is a call of the plugin.
    """

    shown: bool = False
    said: int = 0

    def after(self, report: Report) -> Starts:
        """What they tell with one more report."""
        if report.state is not State.IN_PROGRESS:
            return self
        says_so = report.progress is None and report.message is None
        return Starts(shown=True, said=self.said + says_so)


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
