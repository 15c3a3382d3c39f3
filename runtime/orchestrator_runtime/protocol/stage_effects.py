"""The effects that a decision about a stage has, in the order that makes them safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from orchestrator_runtime.contract import MAX_TEXT, ErrorName, State
from orchestrator_runtime.core.happening import StageClosed, StageReleased, plugin_ended
from orchestrator_runtime.core.message import DoesNotFitError, address, check_outputs, earlier_outputs, message_body
from orchestrator_runtime.core.records import (
    Control,
    ExpectedPlugin,
    Outcome,
    PluginRow,
    Release,
    Run,
    StagePlan,
    StageRef,
)
from orchestrator_runtime.core.stage import CLAIM_EXPIRES_AFTER, MarkError, ReleasePlugins
from orchestrator_runtime.ports import ControlStore, Journal, Publisher, Registry, Signals, StatusStore


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePorts:
    """What the flows of a stage need of the world."""

    status: StatusStore
    control: ControlStore
    registry: Registry
    publisher: Publisher
    signals: Signals
    journal: Journal
    report_to: str
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class StageEffects:
    """Performs what was decided for one stage.

    Attributes:
        ports: The world.
        ref: The stage.
        plan: Whom it waits for.
        outputs: What earlier stages' plugins returned, where that was read already: it does not change any more.
    """

    ports: StagePorts
    ref: StageRef
    plan: StagePlan
    outputs: Mapping[str, Any] | None = None

    def release(self, action: ReleasePlugins, run: Run) -> None:
        """Claim a release, publish it, confirm it.

        Dying after the claim costs 30 seconds, until it may be claimed again; dying after
        publishing costs a second delivery. Neither loses a plugin.
        """
        ports, ref = self.ports, self.ref
        now = ports.clock()
        outputs = self.outputs
        if outputs is None:
            outputs = earlier_outputs(ref, run, ports.status.outputs(ref.run))
        try:
            check_outputs(outputs)
            body = message_body(ref, run.metadata, outputs, report_to=ports.report_to, now=now)
            message = address(ref, body, action.plugins, run.metadata, self.plan.attribute_keys)
        except DoesNotFitError as error:
            self.close(Outcome(state=State.ERROR, message=str(error)))
            return
        claimed = ports.control.claim(ref, ordinal=action.ordinal, now=now, stale_before=now - CLAIM_EXPIRES_AFTER)
        if claimed is None:
            return
        ports.publisher.publish(ref.activity, ref.stage, message)
        ports.control.confirm(ref, claimed, now=ports.clock())
        ports.journal.tell(StageReleased(ref=ref, plugins=action.plugins, expected=len(self.plan.plugins)))

    def mark_error(self, action: MarkError, release: Release | None) -> None:
        """Turn an overdue plugin into a named error, unless its report came first."""
        plugin = self.plan.plugins[action.index]
        row = failed_row(plugin, self.plan.attempt, action.reason, now=self.ports.clock())
        recorded = self.ports.status.record(self.ref, row, expires_at=self.plan.expires_at)
        self.settle({action.index: recorded.row})
        if recorded.accepted:
            self.ports.journal.tell(plugin_ended(self.ref, recorded.row, self.plan, release))

    def settle(self, rows: Mapping[int, PluginRow]) -> Control | None:
        """Take plugins whose rows are terminal off the stage's tally."""
        failed = {index for index, row in rows.items() if not row.state.is_done}
        return self.ports.control.settle(self.ref, closed=rows.keys(), failed=failed)

    def close(self, outcome: Outcome) -> None:
        """Write the stage's outcome if none is written, and signal the one that stands.

        The token is read after the outcome is written. If it turns out to be dead, a later
        one may have taken its place meanwhile, by a handler that read before the outcome
        was there: then that one is woken.
        """
        stands = close_stage(self.ref, outcome, self.ports)
        if stands is None:
            return
        tried: str | None = None
        while (control := self.ports.control.get(self.ref)) is not None and control.token != tried:
            tried = control.token
            if self._signal(tried, stands):
                return

    def _signal(self, token: str, outcome: Outcome) -> bool:
        if outcome.state is State.COMPLETE:
            return self.ports.signals.succeed(token, self.ref.run.as_document())
        return self.ports.signals.fail(token, ErrorName.PLUGIN_FAILED, f"{self.ref.key}: {outcome.message}")


class ClosingPorts(Protocol):
    """What closing a stage needs of the world; the ports of several flows have it."""

    @property
    def status(self) -> StatusStore:
        """The status table."""
        ...

    @property
    def journal(self) -> Journal:
        """Told of a stage that is closed."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """Tells the time."""
        ...


def close_stage(ref: StageRef, outcome: Outcome, ports: ClosingPorts) -> Outcome | None:
    """Write a stage's outcome if none is written; return the one that stands, ``None`` if the attempt is another."""
    now = ports.clock()
    closed = ports.status.close_stage(ref, outcome, now=now)
    if closed is None:
        return None
    if closed.first:
        ports.journal.tell(StageClosed(ref=ref, state=outcome.state, took=now - closed.started_at))
    return closed.outcome


def failed_row(plugin: ExpectedPlugin, attempt: int, reason: str, *, now: datetime) -> PluginRow:
    """The row of a plugin that the core itself declares failed."""
    return PluginRow(
        name=plugin.name,
        attempt=attempt,
        state=State.ERROR if plugin.mandatory else State.OPTIONAL_TASK_ERROR,
        mandatory=plugin.mandatory,
        message=reason[:MAX_TEXT],
        updated_at=now,
        ended_at=now,
    )
