"""What the protocol needs of the world, as protocols that nothing has to inherit.

The stores implement these with DynamoDB, the simulator in memory. Every read is
strongly consistent. Every write says on what condition it happens; a write whose
condition fails changes nothing and says so by its return value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.happening import Happening
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import (
    Control,
    Outcome,
    PluginRow,
    Release,
    Run,
    RunRef,
    StagePlan,
    StageRef,
    StageRow,
)
from orchestrator_runtime.core.registration import Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecords:
    """Everything that the status table holds of one stage, read at once."""

    row: StageRow | None
    plan: StagePlan | None
    plugins: Mapping[str, PluginRow]


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
    """What became of a stage's row.

    Attributes:
        first: Whether its outcome was written by this, and not before.
        outcome: The outcome that stands.
        started_at: When the stage opened.
    """

    first: bool
    outcome: Outcome
    started_at: datetime


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

    def open_stage(self, ref: StageRef, *, now: datetime, expires_at: int) -> None:
        """Write the stage's row unless it is of this attempt, or a later one, already."""
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

    def close_stage(self, ref: StageRef, outcome: Outcome, *, now: datetime) -> Closed | None:
        """Write the outcome if none is; say which one stands, or ``None`` if the attempt is another."""
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

        What an earlier attempt or an expired run left in the row is replaced as a whole. That a plugin was skipped
        is kept in the run's history with it.

        Args:
            ref: The stage.
            row: What to write. A start that is already noted in this attempt stays.
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

    def keep_plugin(self, ref: StageRef, row: PluginRow, *, expires_at: int) -> None:
        """Let a row of an earlier attempt, and its output, live as long as this attempt's."""
        ...

    def outputs(self, ref: RunRef) -> Mapping[str, Any]:
        """Read every output of the run, keyed ``activity/stage/plugin``."""
        ...


class ControlStore(Protocol):
    """The control table: private to the core."""

    def store_token(self, ref: StageRef, *, token: str, rank: str) -> Control | None:
        """Store a token of this attempt if its rank is later than the stored one's.

        The first of an attempt replaces all that an earlier attempt, or an expired run, left.

        Returns:
            The row as it is afterwards, or ``None`` if it holds a later token or is of a later attempt.
        """
        ...

    def open(self, ref: StageRef, *, indices: Collection[int], expires_at: int) -> Control | None:
        """Set up the tally unless it is set up; return the row, ``None`` if the attempt is another."""
        ...

    def settle(self, ref: StageRef, *, closed: Collection[int], failed: Collection[int]) -> Control | None:
        """Take indices off the tally; return what remains, ``None`` if the attempt is another."""
        ...

    def claim(self, ref: StageRef, *, ordinal: int, now: datetime, stale_before: datetime) -> Release | None:
        """Claim a release that nobody holds; return ``None`` if somebody does, or the run has ended.

        A later release bars earlier ones. One of the same ordinal bars this one if it is
        confirmed, or was claimed after ``stale_before``.
        """
        ...

    def confirm(self, ref: StageRef, release: Release, *, now: datetime) -> None:
        """Note that a claimed release was published, if the claim still is that one."""
        ...

    def get(self, ref: StageRef) -> Control | None:
        """Read the row if it is of this attempt."""
        ...

    def end_stages(self, ref: RunRef) -> Mapping[tuple[str, Stage], Control]:
        """Bar every stage of this attempt from releasing; return the rows as they are afterwards."""
        ...


class Registry(Protocol):
    """Who is registered to which stage."""

    def registrations(self, activity: str, stage: Stage) -> Sequence[Registration]:
        """Read all registrations of a stage."""
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


class Publisher(Protocol):
    """Publishes to the topic of a stage."""

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        """Publish a message."""
        ...


class Signals(Protocol):
    """Wakes the state machine that waits for a stage. Returns whether the token was alive."""

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Let the task succeed."""
        ...

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Let the task fail."""
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
