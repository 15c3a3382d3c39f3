"""The history of a run: who started, resumed, cancelled and skipped what, and when.

The run's row has the start and the end of the current attempt. When the next attempt takes the row over, a copy of
them is kept. What was skipped is kept when it happens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from orchestrator_runtime.contract import Ending, Stage
from orchestrator_runtime.core.records import PluginRow, Run, StageRef

CORE: Final = "the core"
"""Who did what no person and no plugin did."""


class HistoryKind(StrEnum):
    """Kinds of entries; the ends of a run are spelled as in ``Ending``."""

    STARTED = "started"
    RESUMED = "resumed"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    TIMED_OUT = "timed out"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One thing that was done with a run.

    Attributes:
        at: When.
        attempt: In which attempt of the run.
        what: What was done.
        by: Who did it, by their own account.
        detail: Why, for people.
        execution: ARN of the execution that was started, or ended; ``None`` of what was skipped.
        metadata_replaced: Whether a resume brought other metadata than the attempt before had.
        activity: The activity, of what was skipped.
        stage: The stage, of what was skipped.
        plugin: The plugin, of what was skipped.
    """

    at: datetime
    attempt: int
    what: HistoryKind
    by: str | None = None
    detail: str | None = None
    execution: str | None = None
    metadata_replaced: bool = False
    activity: str | None = None
    stage: Stage | None = None
    plugin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How an attempt of a run began and how it ended. It does not change once the attempt is over.

    Attributes:
        number: Counts up from 1.
        execution: ARN of the execution.
        started_at: When it began.
        by: Who started it, by their own account.
        metadata_replaced: Whether it brought other metadata than the attempt before had.
        ended_at: When it ended; ``None`` also if the next attempt replaced a lost execution before its end was written.
        ending: How it ended.
        ended_by: Who ended it on purpose, by their own account.
        message: Why it ended.
    """

    number: int
    execution: str
    started_at: datetime
    by: str | None = None
    metadata_replaced: bool = False
    ended_at: datetime | None = None
    ending: Ending | None = None
    ended_by: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A plugin that had nothing to do in an attempt, by its own report or because it was not expected any more.

    Attributes:
        ref: The stage of the attempt.
        plugin: The plugin.
        at: When that was written.
        reported: Whether the plugin reported it; if not, the core did.
        message: The plugin's message.
    """

    ref: StageRef
    plugin: str
    at: datetime
    reported: bool
    message: str | None = None


def attempt_of(run: Run) -> Attempt:
    """Read the attempt from a run's row."""
    return Attempt(
        number=run.ref.attempt,
        execution=run.execution,
        started_at=run.started_at,
        by=run.by,
        metadata_replaced=run.metadata_replaced,
        ended_at=run.ended_at,
        ending=run.ending,
        ended_by=run.ended_by,
        message=run.message,
    )


def cancel_message(by: str | None, reason: str | None) -> str:
    """Make the message of a cancelled run.

    Args:
        by: Who cancelled it, by their own account.
        reason: Why.
    """
    return "cancelled" + (f" by {by}" if by else "") + (f": {reason}" if reason else "")


def entry_document(entry: HistoryEntry) -> dict[str, Any]:
    """Make the JSON document of an entry. It has every key, with ``null`` for what does not apply; times are UTC."""
    at = entry.at
    return {**asdict(entry), "at": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"}


def skip_reported(ref: StageRef, row: PluginRow, *, at: datetime) -> Skip:
    """A plugin's report that it has nothing to do."""
    return Skip(ref=ref, plugin=row.name, at=at, reported=True, message=row.message)


def skip_unexpected(ref: StageRef, row: PluginRow, *, at: datetime) -> Skip:
    """The core's finding that a plugin of an earlier attempt is not expected in this one."""
    return Skip(ref=ref, plugin=row.name, at=at, reported=False)


def history(attempts: Iterable[Attempt], skips: Iterable[Skip]) -> list[HistoryEntry]:
    """List everything in the order in which it happened.

    Args:
        attempts: The attempts; one may be given twice, by the run's row and by its copy.
        skips: What was skipped.
    """
    distinct = {(attempt.number, attempt.started_at): attempt for attempt in attempts}.values()
    entries = [entry for attempt in distinct for entry in _of_attempt(attempt)]
    return sorted([*entries, *map(_of_skip, skips)], key=_place)


def _of_attempt(attempt: Attempt) -> Iterable[HistoryEntry]:
    yield HistoryEntry(
        at=attempt.started_at,
        attempt=attempt.number,
        what=HistoryKind.STARTED if attempt.number == 1 else HistoryKind.RESUMED,
        by=attempt.by,
        execution=attempt.execution,
        metadata_replaced=attempt.metadata_replaced,
    )
    if attempt.ended_at is not None and attempt.ending is not None:
        yield HistoryEntry(
            at=attempt.ended_at,
            attempt=attempt.number,
            what=HistoryKind(attempt.ending.value),
            by=attempt.ended_by,
            detail=_why(attempt),
            execution=attempt.execution,
        )


def _why(attempt: Attempt) -> str | None:
    """The reason of an end, without who ended the run."""
    if attempt.ending is not Ending.CANCELLED or attempt.message is None:
        return attempt.message
    return attempt.message.removeprefix(cancel_message(attempt.ended_by, None)).removeprefix(": ") or None


def _of_skip(skip: Skip) -> HistoryEntry:
    return HistoryEntry(
        at=skip.at,
        attempt=skip.ref.attempt,
        what=HistoryKind.SKIPPED,
        by=skip.plugin if skip.reported else CORE,
        detail=skip.message if skip.reported else "not expected any more",
        activity=skip.ref.activity,
        stage=skip.ref.stage,
        plugin=skip.plugin,
    )


def _place(entry: HistoryEntry) -> tuple[int, int, datetime, str, str, str]:
    """By attempt, then by time; an attempt's start comes first and its end last.

    The times of an attempt come from several clocks, and so do those of two attempts: they may be seconds apart.
    """
    if entry.what is HistoryKind.SKIPPED:
        rank = 1
    else:
        rank = 0 if entry.what in {HistoryKind.STARTED, HistoryKind.RESUMED} else 2
    return entry.attempt, rank, entry.at, entry.activity or "", entry.stage or "", entry.plugin or ""
