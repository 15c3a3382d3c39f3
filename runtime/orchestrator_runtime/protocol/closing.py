"""What the flows of an activity share: their ports, and how a stage is closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from orchestrator_runtime.contract import MAX_TEXT, State
from orchestrator_runtime.core.happening import StageClosed
from orchestrator_runtime.core.records import ExpectedPlugin, Outcome, PluginRow, StagePlan, StageRef
from orchestrator_runtime.ports import Closed, ControlStore, Journal, Publisher, Signals, StatusStore
from orchestrator_runtime.registry_port import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPorts:
    """What ending a run, and closing a stage, need of the world."""

    status: StatusStore
    control: ControlStore
    signals: Signals
    journal: Journal
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityPorts(EndPorts):
    """What the work on an activity needs of the world: it may end, too."""

    registry: Registry
    publisher: Publisher
    report_to: str


def close_stage(ref: StageRef, plan: StagePlan, outcome: Outcome, ports: EndPorts) -> Closed | None:
    """Store a stage's outcome unless one is stored; return the stored one, ``None`` if it is of a later attempt."""
    now, opened_at = ports.clock(), plan.opened_at
    closed = ports.status.close_stage(ref, outcome, started_at=opened_at, now=now, expires_at=plan.expires_at)
    if closed is not None and closed.first:
        ports.journal.tell(StageClosed(ref=ref, state=outcome.state, took=now - opened_at))
    return closed


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


def fail_stage(ref: StageRef, plan: StagePlan, message: str, ports: EndPorts) -> Outcome:
    """Close a stage whose plugins cannot be invoked: another try would find the same. Return the activity's outcome."""
    outcome = Outcome(state=State.ERROR, message=message)
    closed = close_stage(ref, plan, outcome, ports)
    return failure_of(ref, closed.outcome if closed else outcome)


def failure_of(ref: StageRef, outcome: Outcome) -> Outcome:
    """The outcome of an activity one of whose stages failed."""
    return Outcome(state=outcome.state, message=f"{ref.key}: {outcome.message}")
