"""Begins a run, or resumes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.begin import (
    AlreadyBegun,
    AskWhetherRunning,
    MetadataTooLarge,
    Refuse,
    decide_begin,
    metadata_difference,
)
from orchestrator_runtime.core.happening import RunStarted
from orchestrator_runtime.core.message import problem_with_size
from orchestrator_runtime.core.records import Run, RunRef
from orchestrator_runtime.execution_ports import Executions
from orchestrator_runtime.ports import Journal, StatusStore


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRequest:
    """A workflow's execution that wants to begin.

    Attributes:
        uid: The run's id within the workflow.
        workflow: The workflow.
        activities: The workflow's activities in order; those in one tuple run side by side.
        execution: ARN of the execution.
        timeout: How long the execution may last.
        metadata: The run's data.
        metadata_override: Whether ``metadata`` may replace what an earlier attempt was started with.
        by: Who starts it, by their own account.
    """

    uid: str
    workflow: str
    activities: tuple[tuple[str, ...], ...]
    execution: str
    timeout: timedelta
    metadata: Mapping[str, Any]
    metadata_override: bool = False
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginPorts:
    """What beginning a run needs of the world."""

    status: StatusStore
    executions: Executions
    journal: Journal
    retention: timedelta
    clock: Callable[[], datetime]


def begin_run(request: BeginRequest, ports: BeginPorts) -> RunRef:
    """Write the run's row; the same execution gets the same answer however often it asks.

    Raises:
        RunRefusedError: Another execution of the run is in progress, its metadata is other
            than before, or too large to be published.
    """
    run = _first_attempt(request, ports)
    if problem := problem_with_size(run.ref, request.metadata):
        raise MetadataTooLarge(problem)
    answers: dict[str, bool] = {}
    while (stored := ports.status.create_run(run)) is not None:
        verdict = decide_begin(
            stored,
            execution=request.execution,
            metadata=request.metadata,
            metadata_override=request.metadata_override,
            # Of this holder, and not of one that it took over from meanwhile.
            holder_is_running=answers.get(stored.execution),
        )
        match verdict:
            case AlreadyBegun(attempt):
                return RunRef(request.uid, request.workflow, attempt)
            case Refuse(error):
                raise error
            case AskWhetherRunning(execution):
                answers[execution] = ports.executions.is_running(execution)
            case _:
                resumed = replace(
                    run,
                    ref=replace(run.ref, attempt=verdict.attempt),
                    metadata_replaced=metadata_difference(stored.metadata, request.metadata) is not None,
                )
                if ports.status.take_over_run(resumed, previous=stored):
                    ports.journal.tell(RunStarted(ref=resumed.ref, execution=request.execution))
                    return resumed.ref
                answers.clear()
    ports.journal.tell(RunStarted(ref=run.ref, execution=request.execution))
    return run.ref


def _first_attempt(request: BeginRequest, ports: BeginPorts) -> Run:
    now = ports.clock()
    return Run(
        ref=RunRef(request.uid, request.workflow, attempt=1),
        state=State.IN_PROGRESS,
        metadata=request.metadata,
        execution=request.execution,
        activities=request.activities,
        started_at=now,
        by=request.by,
        expires_at=int((now + request.timeout + ports.retention).timestamp()),
    )
