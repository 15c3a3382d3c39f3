"""Ends a run. This is the only writer of how a run ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator_runtime.contract import MAX_TEXT, Ending, ErrorName, State
from orchestrator_runtime.core import happening
from orchestrator_runtime.core.activity import count_rows
from orchestrator_runtime.core.failure import Failure, RunCancelled, RunEnded, cause_of, plain_failure
from orchestrator_runtime.core.records import ActivityControl, ActivityRef, Outcome, Run, StageRef
from orchestrator_runtime.protocol.closing import EndPorts, close_stage, failed_row


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
class StoredEnd:
    """How a run ended, as its row says.

    Attributes:
        first: Whether this write ended it, and not an earlier one.
        ending: How it ended.
        message: Why, unless it completed.
    """

    first: bool
    ending: Ending
    message: str | None = None


def end_run(request: EndRequest, ports: EndPorts) -> Failure | None:
    """Write how the run of an execution ended, and leave nothing of it in progress.

    Only the execution that holds the run may end it: one that was refused at its start passes through and changes
    nothing. The run's row is the truth of how it ended, and the execution is made to agree with it. Everything here
    may be done twice.

    Returns:
        The failure in words for people; ``None`` if the run is complete.

    Raises:
        RunCancelled: The execution did not fail, and the run was cancelled before it came to its end.
        RunEnded: The same, and the run was ended by something else.
    """
    failure = plain_failure(request.failure) if request.failure else None
    run = ports.status.get_run(request.uid, request.workflow) if request.uid else None
    if run is None or run.execution != request.execution:
        return failure
    if failure is not None:
        stored = write_end(run, ports, ending=Ending.FAILED, message=failure.cause)
        return None if stored is not None and stored.ending is Ending.COMPLETED else failure
    stored = write_end(run, ports, ending=Ending.COMPLETED)
    if stored is not None and stored.ending is not Ending.COMPLETED:
        error = RunCancelled if stored.ending is Ending.CANCELLED else RunEnded
        raise error(cause_of(stored.message or f"the run was {stored.ending.value}"))
    return None


def write_end(
    run: Run,
    ports: EndPorts,
    *,
    ending: Ending,
    message: str | None = None,
    by: str | None = None,
    at: datetime | None = None,
) -> StoredEnd | None:
    """Write how a run ended, unless that is written, and end its activities, their stages and plugins.

    Args:
        run: The run, as it was read: nothing is written if another execution or attempt holds it by now.
        ports: The world.
        ending: How it ended.
        message: Why, unless it completed.
        by: Who ended it on purpose, by their own account.
        at: When. Default: now.

    Returns:
        How the run ended, by this or by something before; ``None`` if another execution or attempt holds it.
    """
    state = State.COMPLETE if ending is Ending.COMPLETED else State.ERROR
    message = message[:MAX_TEXT] if message else None
    now = max(at, run.started_at) if at else ports.clock()
    stored = StoredEnd(first=True, ending=ending, message=message)
    if ports.status.end_run(
        run.ref, execution=run.execution, state=state, ending=ending, message=message, now=now, by=by
    ):
        ports.journal.tell(happening.RunEnded(ref=run.ref, ending=ending, took=now - run.started_at))
    else:
        # The handler that wrote the end may have died before it came to the activities.
        stands = ports.status.get_run(run.ref.uid, run.ref.workflow)
        if stands is None or (stands.ref, stands.execution) != (run.ref, run.execution) or stands.ending is None:
            return None
        stored = StoredEnd(first=False, ending=stands.ending, message=stands.message)
    if stored.ending is not Ending.COMPLETED:
        # The row says that the run ended before the activities are ended: one that opens later finds its item ended.
        why = f"run ended: {stored.message}"[:MAX_TEXT]
        for name in (name for step in run.activities for name in step):
            ref = run.ref.activity(name)
            control = ports.control.end(ref, expires_at=run.expires_at)
            if control is not None:
                end_activity(ref, control, why, ports)
        # A sweep finds the run until here: a handler that dies half-way may have nobody to repeat it.
        ports.status.finish_end(run.ref, execution=run.execution)
    return stored


def end_activity(ref: ActivityRef, control: ActivityControl, why: str, ports: EndPorts) -> None:
    """Close the current stage of an activity whose run has ended, and answer its task.

    Every dispatched plugin gets a terminal state; plugins that were never dispatched stay ``Not Started``.
    """
    if control.stage is None:
        return
    _end_stage(ref.stage(control.stage), control, why, ports)
    # Where a run is cancelled, its execution may still wait: should it not be stopped, it ends by this. A finished
    # activity that is due has no answer yet, for all that is known.
    unanswered = control.outcome is None or control.due_at is not None
    if unanswered and (token := ports.control.get_token(ref)) is not None:
        ports.signals.fail(token, ErrorName.RUN_ENDED, cause_of(why))
    if control.due_at is not None:
        ports.control.answered(ref)


def _end_stage(stage: StageRef, control: ActivityControl, why: str, ports: EndPorts) -> None:
    records = ports.status.load_stage(stage)
    plan = records.plan
    if plan is None:
        return
    now = ports.clock()
    for row in records.plugins.values():
        if row.attempt == stage.attempt and not row.expected and not row.state.is_terminal:
            ended = replace(row, state=State.OPTIONAL_TASK_ERROR, message=why, updated_at=now, ended_at=now)
            ports.status.record(stage, ended, expires_at=plan.expires_at)
    snapshot = count_rows(plan, records.plugins, control, records.outcome, enforce_deadlines=False)
    for index in snapshot.dispatched:
        row = failed_row(plan.plugins[index], stage.attempt, why, now=now)
        ports.status.record(stage, row, expires_at=plan.expires_at)
    if records.outcome is None:
        close_stage(stage, plan, Outcome(state=State.ERROR, message=why), ports)
