"""Ends a run: the only writer of how a run ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.contract import MAX_TEXT, ErrorName, ReleaseRule, State
from orchestrator_runtime.core.records import Control, Outcome, PluginRow, Run, StagePlan, StageRef
from orchestrator_runtime.ports import ControlStore, StatusStore
from orchestrator_runtime.protocol.stage_effects import failed_row

MAX_ERROR: Final = 256
"""Characters of an error's name that a Fail state takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRequest:
    """An execution that came to its end.

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


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as Step Functions hands it to a ``Catch``."""

    error: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPorts:
    """What ending a run needs of the world."""

    status: StatusStore
    control: ControlStore
    clock: Callable[[], datetime]


def end_run(request: EndRequest, ports: EndPorts) -> Failure | None:
    """Write how the run ended, and leave nothing of it open.

    Only the execution that holds the run may end it: one that was refused at its start
    passes through and disturbs nothing. Everything here may be done twice.

    Returns:
        The failure in words for people, or ``None`` if the run completed.
    """
    failure = plain_failure(request.failure) if request.failure else None
    run = ports.status.get_run(request.uid, request.workflow) if request.uid else None
    if run is None or run.execution != request.execution:
        return failure
    state = State.ERROR if failure else State.COMPLETE
    ports.status.end_run(
        run.ref,
        execution=request.execution,
        state=state,
        message=failure.cause[:MAX_TEXT] if failure else None,
        now=ports.clock(),
    )
    if failure is None:
        return None
    # The row says "ended" before the stages are listed: a stage that opens later reads it and stops.
    for (activity, stage), control in ports.control.end_stages(run.ref).items():
        _end_stage(run, run.ref.stage(activity, stage), control, f"run ended: {failure.cause}"[:MAX_TEXT], ports)
    return failure


def _end_stage(run: Run, ref: StageRef, control: Control, why: str, ports: EndPorts) -> None:
    now = ports.clock()
    records = ports.status.load_stage(ref)
    if records.row is not None and records.row.outcome is None:
        ports.status.close_stage(ref, Outcome(state=State.ERROR, message=why), now=now)
    for row in records.plugins.values():
        if row.attempt == ref.attempt and not row.expected and not row.state.is_terminal:
            ended = replace(row, state=State.OPTIONAL_TASK_ERROR, message=why, updated_at=now, ended_at=now)
            ports.status.record(ref, ended, expires_at=run.expires_at)
    if records.plan is None or control.release is None:
        return
    for index in _released_and_open(records.plan, control, records.plugins):
        row = failed_row(records.plan.plugins[index], ref.attempt, why, now=now)
        ports.status.record(ref, row, expires_at=run.expires_at)


def _released_and_open(plan: StagePlan, control: Control, rows: Mapping[str, PluginRow]) -> list[int]:
    """Those that were called and have not ended. The ones never called stay "Not Started"."""
    last = control.release.ordinal if control.release else -1
    called = [i for i in sorted(plan.unfinished) if plan.rule is ReleaseRule.ALL_AT_ONCE or i <= last]
    return [
        i
        for i in called
        if (row := rows.get(plan.plugins[i].name)) is None or row.attempt != plan.attempt or not row.state.is_terminal
    ]


def plain_failure(failure: Failure) -> Failure:
    """Unwrap an error to the one that a person wants to read.

    A child execution's failure arrives as its whole description, with its own error
    and cause inside; a function's as the JSON of its exception.
    """
    error, cause = failure.error, failure.cause
    for _ in range(5):
        inner = _inner(cause)
        if inner is None:
            break
        error, cause = inner[0] or error, inner[1]
    return Failure(error[:MAX_ERROR], cause)


def _inner(cause: str) -> tuple[str | None, str] | None:
    try:
        document: Any = json.loads(cause)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    for error_key, cause_key in (("Error", "Cause"), ("errorType", "errorMessage")):
        if isinstance(document.get(cause_key), str):
            error = document.get(error_key)
            return (error if isinstance(error, str) else None), document[cause_key]
    if isinstance(document.get("Status"), str):
        status = document["Status"]
        return ErrorName.RUN_ENDED, f"an activity's execution ended {status} without saying why"
    return None
