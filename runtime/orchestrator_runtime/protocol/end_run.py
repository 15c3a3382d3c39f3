"""Ends a run: the only writer of how a run ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator_runtime.contract import MAX_TEXT, Ending, ErrorName, ReleaseRule, State
from orchestrator_runtime.core.failure import Failure, plain_failure
from orchestrator_runtime.core.happening import RunEnded
from orchestrator_runtime.core.records import Control, Outcome, PluginRow, Release, Run, StagePlan, StageRef
from orchestrator_runtime.ports import ControlStore, Journal, Signals, StatusStore
from orchestrator_runtime.protocol.stage_effects import close_stage, failed_row


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRequest:
    """An execution that came to its end, by its own account.

    Attributes:
        uid: The run's id; ``None`` if the execution was started without one.
        workflow: The workflow.
        execution: ARN of the execution.
        failure: The error that ended it; ``None`` if it went well.
    """

    uid: str | None
    workflow: str
    execution: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPorts:
    """What ending a run needs of the world."""

    status: StatusStore
    control: ControlStore
    signals: Signals
    journal: Journal
    clock: Callable[[], datetime]


def end_run(request: EndRequest, ports: EndPorts) -> Failure | None:
    """Write how the run of an execution ended, and leave nothing of it open.

    Only the execution that holds the run may end it: one that was refused at its start
    passes through and disturbs nothing. Everything here may be done twice.

    Returns:
        The failure in words for people, or ``None`` if the run completed.
    """
    failure = plain_failure(request.failure) if request.failure else None
    run = ports.status.get_run(request.uid, request.workflow) if request.uid else None
    if run is not None and run.execution == request.execution:
        if failure is None:
            write_end(run, ports, ending=Ending.COMPLETED)
        else:
            write_end(run, ports, ending=Ending.FAILED, message=failure.cause)
    return failure


def write_end(
    run: Run,
    ports: EndPorts,
    *,
    ending: Ending,
    message: str | None = None,
    by: str | None = None,
    at: datetime | None = None,
) -> bool:
    """Write how a run ended, unless that is written, and what it means for its stages, their plugins and executions.

    Args:
        run: The run, as it was read: nothing is written if it is of another execution or attempt by now.
        ports: The world.
        ending: How it ended.
        message: Why, unless it completed.
        by: Who ended it on purpose, by their own account.
        at: When; now, if that is not known.

    Returns:
        Whether it ended by this, and not before by something else.
    """
    state = State.COMPLETE if ending is Ending.COMPLETED else State.ERROR
    message = message[:MAX_TEXT] if message else None
    now = max(at, run.started_at) if at else ports.clock()
    written = ports.status.end_run(
        run.ref, execution=run.execution, state=state, ending=ending, message=message, now=now, by=by
    )
    if written:
        ports.journal.tell(RunEnded(ref=run.ref, ending=ending, took=now - run.started_at))
    else:
        # What ended it may have died before it got to the stages. It is what they are told of.
        stands = ports.status.get_run(run.ref.uid, run.ref.workflow)
        if stands is None or (stands.ref, stands.execution) != (run.ref, run.execution):
            return False
        state, message = stands.state, stands.message
    if state is not State.COMPLETE:
        # The row says "ended" before the stages are listed: a stage that opens later reads it and stops.
        for (activity, stage), control in ports.control.end_stages(run.ref).items():
            _end_stage(run, run.ref.stage(activity, stage), control, f"run ended: {message}"[:MAX_TEXT], ports)
        # Until here a sweep finds the run: whoever dies half-way may have nobody who calls it again.
        ports.status.finish_end(run.ref, execution=run.execution)
    return written


def _end_stage(run: Run, ref: StageRef, control: Control, why: str, ports: EndPorts) -> None:
    now = ports.clock()
    records = ports.status.load_stage(ref)
    was_open = records.row is not None and records.row.outcome is None
    if was_open:
        close_stage(ref, Outcome(state=State.ERROR, message=why), ports)
    for row in records.plugins.values():
        if row.attempt == ref.attempt and not row.expected and not row.state.is_terminal:
            ended = replace(row, state=State.OPTIONAL_TASK_ERROR, message=why, updated_at=now, ended_at=now)
            ports.status.record(ref, ended, expires_at=run.expires_at)
    if records.plan is not None and control.release is not None:
        for index in _released_and_open(records.plan, control.release, records.plugins):
            row = failed_row(records.plan.plugins[index], ref.attempt, why, now=now)
            ports.status.record(ref, row, expires_at=run.expires_at)
    if was_open:
        # Where a workflow is stopped, its activities' executions may go on; this one would until its next wake.
        ports.signals.fail(control.token, ErrorName.RUN_ENDED, why)


def _released_and_open(plan: StagePlan, release: Release, rows: Mapping[str, PluginRow]) -> list[int]:
    """Those that were called and have not ended. The ones never called stay "Not Started"."""
    at_once = plan.rule is ReleaseRule.ALL_AT_ONCE
    called = [i for i in sorted(plan.unfinished) if at_once or i <= release.ordinal]
    return [
        i
        for i in called
        if (row := rows.get(plan.plugins[i].name)) is None or row.attempt != plan.attempt or not row.state.is_terminal
    ]
