"""A report as the results queue delivered it: a plugin's own, or Lambda's invocation record read as one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.invocation_record import InvocationRecord
from orchestrator_runtime.core.records import RunRef, StageRef
from orchestrator_runtime.models import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReport:
    """A report as the results queue delivered it, or several of one plugin coalesced into one.

    Attributes:
        id: The queue's id of the message.
        ref: The stage that it reports on.
        plugin: The plugin's name; empty for an invocation record until the plugin is found by its subscription.
        state: The reported state.
        message: Text for people.
        progress: Percent.
        output: What the plugin returned.
        started_at: When the invocation began, by the plugin's clock.
        in_progress: Whether it, or one that was coalesced into it, says that the plugin is at work.
        tells_start: Whether it, or one that was coalesced into it, is an invocation's first report.
        sender: SQS's ``SenderId``: ``role id:session`` for an assumed role.
        trace_header: The X-Ray trace header that it was sent with.
        record: The invocation record that it was read from; ``None`` for a plugin's own report.
        count: How many reports it is, with those that were coalesced into it.
    """

    id: str
    ref: StageRef
    plugin: str
    state: State
    message: str | None = None
    progress: float | None = None
    output: Any = None
    started_at: datetime | None = None
    in_progress: bool = False
    tells_start: bool = False
    sender: str | None = None
    trace_header: str | None = None
    record: InvocationRecord | None = None
    count: int = 1

    @classmethod
    def of_report(
        cls,
        report: Report,
        *,
        id: str,  # noqa: A002
        sender: str | None = None,
        trace_header: str | None = None,
    ) -> IncomingReport:
        """Read a plugin's report."""
        in_progress = report.state is State.IN_PROGRESS
        says_nothing_else = report.progress is None and report.message is None
        return cls(
            id=id,
            ref=RunRef(report.uid, report.workflow, report.attempt).stage(report.activity, report.stage),
            plugin=report.plugin,
            state=report.state,
            message=report.message,
            progress=report.progress,
            output=report.output,
            started_at=report.started_at,
            in_progress=in_progress,
            tells_start=report.started_at is not None or (in_progress and says_nothing_else),
            sender=sender,
            trace_header=trace_header,
        )

    @classmethod
    def of_record(
        cls,
        record: InvocationRecord,
        *,
        id: str,  # noqa: A002
        sender: str | None = None,
        trace_header: str | None = None,
    ) -> IncomingReport:
        """Read an invocation record.

        A success is the plugin's ``Complete``, also if the plugin is registered as one that reports for itself: the
        constructs configure a destination for successes only where the function does not report.
        """
        return cls(
            id=id,
            ref=record.stage,
            plugin="",
            state=record.state,
            message=record.message,
            output=record.output,
            sender=sender,
            trace_header=trace_header,
            record=record,
        )

    def may_be_of(self, sender_role_ids: Collection[str]) -> bool:
        """Whether the report may be of a plugin whose sender is one of these roles, or unknown if there are none.

        SQS names an assumed role's session as ``role id:session``. Every other sender (a user, an account, a federated
        user, none) is another one than a known role.
        """
        role_id, separator, _ = (self.sender or "").partition(":")
        return not sender_role_ids or (bool(separator) and role_id in sender_role_ids)

    def start(self, now: datetime, *, dispatched_at: datetime | None) -> datetime | None:
        """When the plugin started, for its row.

        The start of a plugin at work is the time at which its report was read: its deadline counts from there, by the
        core's clock alone. The start of one that has ended is what its own clock says, within what is possible.

        Args:
            now: When the report was read.
            dispatched_at: When the plugin was dispatched, if that is known.
        """
        if self.state.is_terminal and self.started_at is not None:
            return min(max(self.started_at, dispatched_at or now), now)
        return now if self.in_progress else None


def coalesce(reports: Iterable[IncomingReport]) -> list[IncomingReport]:
    """Keep one report for each plugin and sender. Sessions of one role are different senders.

    The first terminal one is kept, otherwise the last. It takes over the message and the progress of those before it
    if it has none, as the row would if they were written one by one. Invocation records whose plugin was not found yet
    are of one plugin if they are of one subscription.
    """
    kept: dict[tuple[str, str | None, str | None], IncomingReport] = {}
    for report in reports:
        through = report.record.subscription_arn if report.record is not None and not report.plugin else None
        key = (report.plugin, report.sender, through)
        before = kept.get(key)
        kept[key] = report if before is None else _coalesced(before, report)
    return list(kept.values())


def _coalesced(before: IncomingReport, after: IncomingReport) -> IncomingReport:
    starts = [at for at in (before.started_at, after.started_at) if at is not None]
    start: dict[str, Any] = {
        "started_at": min(starts, default=None),
        "in_progress": before.in_progress or after.in_progress,
        "tells_start": before.tells_start or after.tells_start,
        "count": before.count + after.count,
    }
    if before.state.is_terminal:
        return replace(before, **start)
    message = before.message if after.message is None else after.message
    progress = before.progress if after.progress is None else after.progress
    return replace(after, message=message, progress=progress, **start)
