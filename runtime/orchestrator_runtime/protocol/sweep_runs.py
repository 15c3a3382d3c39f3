"""Ends the runs whose executions are over and did not end them: stopped, timed out, or failed at their very last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from orchestrator_runtime.contract import Ending
from orchestrator_runtime.core.ended_execution import Execution, how_it_ended, state_machine_of, workflow_of
from orchestrator_runtime.core.records import ActiveRun, Run, RunRef
from orchestrator_runtime.execution_ports import ActiveRuns, Executions
from orchestrator_runtime.protocol.closing import EndPorts
from orchestrator_runtime.protocol.end_run import write_end

SETTLES_WITHIN: Final = timedelta(minutes=1)
"""A run that young is left alone: Step Functions' list of executions, and the index of runs, may lag behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPorts:
    """What sweeping needs of the world.

    Attributes:
        end: What ending a run needs.
        active: The runs in progress.
        executions: Step Functions.
        workflow_arn_prefix: What the ARNs of the workflows' state machines start with.
    """

    end: EndPorts
    active: ActiveRuns
    executions: Executions
    workflow_arn_prefix: str


def end_left_behind(told: Execution, ports: SweepPorts) -> RunRef | None:
    """End the run that an execution left behind; an event is what tells of it.

    Most executions that fail have ended their run themselves, and some never held one: their start was refused.

    Returns:
        The run if it ended by this.
    """
    workflow = workflow_of(told.arn, ports.workflow_arn_prefix)
    if workflow is None or not told.status.is_over:
        return None
    # An event leaves a large input out, and need not say why.
    execution = told if told.input is not None else (ports.executions.find(told.arn) or told)
    run = ports.end.status.get_run(execution.uid, workflow) if execution.uid else None
    if run is None or run.execution != told.arn:
        return None
    if execution is told and not told.says_why and not run.ended:
        execution = ports.executions.find(told.arn) or told
    return _end(run, execution if execution.status.is_over else told, ports)


def sweep_runs(ports: SweepPorts) -> Iterator[RunRef]:
    """End every run that an execution left behind, whatever became of the event that should have told of it.

    Compares the runs in progress with the executions that run: for each state machine one list, and
    not a question for each run.

    Yields:
        Each run that ended by this.
    """
    young = ports.end.clock() - SETTLES_WITHIN
    # The runs are read before the executions: one that begins in between is not missed among these.
    machines: dict[str, list[ActiveRun]] = {}
    for run in ports.active.runs():
        if run.started_at <= young:
            machines.setdefault(state_machine_of(run.execution), []).append(run)
    for machine, runs in machines.items():
        running = ports.executions.running(machine)
        for active in runs:
            if active.execution not in running and (ended := _end_if_over(active, ports)):
                yield ended


def _end_if_over(active: ActiveRun, ports: SweepPorts) -> RunRef | None:
    execution = ports.executions.find(active.execution)
    if execution is not None and not execution.status.is_over:
        return None
    run = ports.end.status.get_run(active.ref.uid, active.ref.workflow)
    if run is None or run.execution != active.execution:
        return None
    return _end(run, execution, ports)


def _end(run: Run, execution: Execution | None, ports: SweepPorts) -> RunRef | None:
    if execution is None:
        ending, message, at = Ending.STOPPED, "its execution is not there any more", None
    else:
        (ending, message), at = how_it_ended(execution), execution.stopped_at
    stored = write_end(run, ports.end, ending=ending, message=message, at=at)
    return run.ref if stored is not None and stored.first else None
