"""What the protocol needs of the world, as protocols that nothing has to inherit.

The stores implement these with DynamoDB, the simulator in memory. Every read is
strongly consistent. Every write says on what condition it happens; a write whose
condition fails changes nothing and says so by its return value. The SDK repeats a
write whose answer was lost: a store recognizes what its own first try has written,
and answers as that would have been answered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.happening import Happening
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import (
    ActivityControl,
    ActivityRef,
    Dispatch,
    DueActivity,
    Outcome,
    PluginRow,
    Run,
    RunRef,
    StagePlan,
    StageRef,
    StageRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecords:
    """Everything that the status table holds of one stage, read at once."""

    row: StageRow | None
    plan: StagePlan | None
    plugins: Mapping[str, PluginRow]

    @property
    def outcome(self) -> Outcome | None:
        """How the stage ended; ``None`` while it is in progress."""
        return self.row.outcome if self.row else None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a plugin's row.

    Attributes:
        accepted: Whether the write happened.
        row: What stands there now: by this write, or because it was not to be written over.
    """

    accepted: bool
    row: PluginRow


@dataclass(frozen=True, slots=True)
class Closed:
    """The result of closing a stage.

    Attributes:
        first: Whether this write closed it, and not an earlier one.
        outcome: The outcome that is stored.
    """

    first: bool
    outcome: Outcome


class StatusStore(Protocol):
    """The status table: runs, stages, plugins, outputs. What has expired is absent to every read and write."""

    def create_run(self, run: Run) -> Run | None:
        """Write the run's first row unless one exists that has not expired; then return that one."""
        ...

    def take_over_run(self, run: Run, *, previous: Run) -> bool:
        """Replace the run's row if it still is as it was read, and keep how the previous attempt began and ended.

        What is kept of the run's history lives as long as the new row.
        """
        ...

    def get_run(self, uid: str, workflow: str) -> Run | None:
        """Read the run's row."""
        ...

    def end_run(
        self,
        ref: RunRef,
        *,
        execution: str,
        state: State,
        ending: Ending,
        message: str | None,
        now: datetime,
        by: str | None = None,
    ) -> bool:
        """Write how the run ended, and who ended it on purpose, if that execution holds it and it has not ended.

        A run that did not complete stays in the index of those in progress until ``finish_end``.
        """
        ...

    def finish_end(self, ref: RunRef, *, execution: str) -> None:
        """Take a run that has ended out of the index of those in progress: nothing of it is open any more."""
        ...

    def save_plan(self, ref: StageRef, plan: StagePlan) -> StagePlan | None:
        """Write the plan unless one exists; return the one that is stored, ``None`` if it is of a later attempt.

        Raises:
            DoesNotFitError: It is too large to be stored.
        """
        ...

    def get_plan(self, ref: StageRef) -> StagePlan | None:
        """Read the plan of this attempt."""
        ...

    def load_stage(self, ref: StageRef) -> StageRecords:
        """Read the stage's row, its plan and its plugins' rows."""
        ...

    def close_stage(
        self, ref: StageRef, outcome: Outcome, *, started_at: datetime, now: datetime, expires_at: int
    ) -> Closed | None:
        """Write the stage's row with its outcome, unless this attempt has one; ``None`` if a later attempt has.

        This is the only write of a stage's row: a stage in progress has a plan and no row.
        """
        ...

    def record(
        self,
        ref: StageRef,
        row: PluginRow,
        *,
        expires_at: int,
        output: str | None = None,
        first: bool = False,
    ) -> Recorded:
        """Write a plugin's row, and its output with it, unless it is terminal in this attempt or of a later one.

        What an earlier attempt or an expired run left in the row is replaced as a whole. A row ``Do Not Run`` also
        adds to the run's history, in the same transaction.

        Args:
            ref: The stage.
            row: The row to write. A start that is already stored in this attempt stays.
            expires_at: When the row expires.
            output: The plugin's output as JSON.
            first: Whether this is likely to be the attempt's first report; a wrong guess costs one more write.
        """
        ...

    def reset_plugin(self, ref: StageRef, row: PluginRow, state: State, *, now: datetime, expires_at: int) -> None:
        """Bring a row of an earlier attempt into this one, without its output.

        ``Not Started`` is expected again, ``Do Not Run`` is not expected in this attempt: that is kept in the
        run's history with it.
        """
        ...

    def keep_plugin(self, ref: StageRef, row: PluginRow, *, expires_at: int, output: bool = True) -> None:
        """Let a row of an earlier attempt live as long as this attempt's.

        Args:
            ref: The stage.
            row: The row.
            expires_at: When it expires.
            output: Whether its output lives as long; else it is deleted, unless it is of this attempt.
        """
        ...

    def outputs(self, ref: RunRef) -> Mapping[str, Any]:
        """Read every output of the run, keyed ``activity/stage/plugin``."""
        ...


class ControlStore(Protocol):
    """The control table, private to the core: for each activity of a run one item, and one for its task token.

    All writes of an activity's item are conditional on the attempt and, but for ``end``, on the current stage: a late
    handler of an earlier stage changes nothing. They return the item as it is afterwards, or ``None`` if the
    condition failed.
    """

    def store_token(self, ref: ActivityRef, *, token: str, rank: str, expires_at: int) -> bool:
        """Store a task token unless a later one is stored; returns whether the stored token is this one.

        Args:
            ref: The activity.
            token: The token.
            rank: Orders the tokens of an activity as text, across attempts.
            expires_at: When it expires.
        """
        ...

    def get_token(self, ref: ActivityRef) -> str | None:
        """Read the stored token if it is of this attempt."""
        ...

    def get(self, ref: ActivityRef) -> ActivityControl | None:
        """Read the activity's item if it is of this attempt."""
        ...

    def find(self, uid: str, workflow: str, activity: str) -> ActivityControl | None:
        """Read the activity's item, whatever attempt it is of."""
        ...

    def enter(
        self,
        ref: StageRef,
        *,
        leaving: Stage | None,
        pending: Collection[int],
        dispatch: Dispatch,
        due_at: datetime,
        due_before: datetime | None,
        expires_at: int,
    ) -> ActivityControl | None:
        """Move the activity to a stage with its pending plugins and a claimed dispatch, in one write.

        With ``leaving=None`` the item is created, unless one of this attempt or a later one exists. Otherwise the
        activity must be in the stage ``leaving``, in progress, and the run not ended.

        Args:
            ref: The stage to enter.
            leaving: The current stage.
            pending: Indices of the stage's plugins that have to finish; never empty.
            dispatch: The claimed dispatch of the first of them.
            due_at: The earliest deadline of the dispatch.
            due_before: The due time as it was read: it is lowered to ``due_at`` if it is later, and otherwise left,
                provided that it still is not later than ``due_at``. ``None`` with ``leaving=None``.
            expires_at: When the item expires.
        """
        ...

    def settle(self, ref: StageRef, *, finished: Collection[int], failed: Collection[int]) -> ActivityControl | None:
        """Take plugins off the pending set, and add those that failed to the failed set."""
        ...

    def take_room(
        self, ref: StageRef, outputs: Mapping[int, int], *, seen: Mapping[int, int]
    ) -> ActivityControl | None:
        """Store the bytes that outputs of the stage take in messages, by the index of their plugin.

        Args:
            ref: The stage.
            outputs: The sizes from now on.
            seen: The sizes as they were read: the condition of the write.
        """
        ...

    def claim(
        self, ref: StageRef, dispatch: Dispatch, *, replacing: Dispatch, due_at: datetime, due_before: datetime
    ) -> ActivityControl | None:
        """Claim a dispatch if the last one still is the one that was read, and the run has not ended.

        Args:
            ref: The stage.
            dispatch: The new dispatch, claimed and not published.
            replacing: The last dispatch as it was read.
            due_at: The earliest deadline of the new dispatch.
            due_before: The due time as it was read; see ``enter``.
        """
        ...

    def confirm(self, ref: StageRef, dispatch: Dispatch, *, now: datetime) -> None:
        """Store that a claimed dispatch was published, if it still is the last one."""
        ...

    def postpone(self, ref: StageRef, *, due_at: datetime, seen: ActivityControl) -> None:
        """Raise the due time if the item still has the dispatch and the due time that were read."""
        ...

    def finish(self, ref: StageRef, outcome: Outcome, *, stays_due: bool = False) -> ActivityControl | None:
        """Store how the activity ended, in that stage, and take it out of the due index.

        An activity that has finished keeps its outcome, and is returned with it.

        Args:
            ref: The current stage.
            outcome: How the activity ended.
            stays_due: Whether it stays in the due index until ``answered``: should its handler die before it answers
                the task, the next deadline check does.
        """
        ...

    def answered(self, ref: ActivityRef) -> None:
        """Take an activity that has finished, or whose run has ended, out of the due index: its task has its answer."""
        ...

    def end(self, ref: ActivityRef, *, expires_at: int) -> ActivityControl | None:
        """Store that the run has ended: nothing of the activity is dispatched any more.

        An activity in progress stays in the due index until ``answered``: should the handler that ends the run die, a
        deadline check does the rest. An activity that has not opened gets an item that says so. ``None`` if a later
        attempt has the item.
        """
        ...


class DueActivities(Protocol):
    """The control table's index of activities by due time. It may lag behind the items by a moment."""

    def due(self, now: datetime) -> Iterable[DueActivity]:
        """List the activities whose due time has come, the earliest due time first."""
        ...


class Publisher(Protocol):
    """Publishes to the topic of a stage."""

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        """Publish a message."""
        ...


class Signals(Protocol):
    """Sends task results to Step Functions. Returns ``False`` if the task token has expired."""

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Complete the task."""
        ...

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail the task."""
        ...


class Journal(Protocol):
    """Takes note of what people will want to know of; names runs and plugins, never a payload.

    It is told after the fact, and by nobody else: who dies in between leaves a line out. The tables hold the truth.
    """

    def tell(self, happening: Happening) -> None:
        """Log what happened, and count what is counted of it."""
        ...

    def failed(self, error: Exception, **about: str | int) -> None:
        """Log an error that will be tried again."""
        ...
