"""Starting runs, and watching them: the run's row and its execution together.

The row says what the run does. Only the execution says that there will be no row: a start that was refused
writes none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_cli.errors import CliError, UsageError
from orchestrator_cli.gateway import Document, Execution, Gateway
from orchestrator_cli.one_line import one_line
from orchestrator_cli.published import core_output, those_there_are, workflow_names
from orchestrator_cli.runs.metadata_difference import show_difference
from orchestrator_cli.runs.run_input import execution_name, run_input
from orchestrator_runtime.contract import State
from orchestrator_runtime.core.ended_execution import state_machine_of
from orchestrator_runtime.deployment import CoreOutput, Deployment
from orchestrator_runtime.names import problem_with_name

_ASK_EXECUTION_EVERY: Final = 10
"""Looks at the row for one at the execution, once the row is there: DescribeExecution has a low quota."""
_ROW_FOLLOWS_WITHIN: Final = 60.0
"""Seconds that the row may lag behind an execution that ended."""


class RunRefusedError(CliError):
    """The run's start was refused, or its execution ended without the run's having been ended."""


class NoSuchRunError(CliError):
    """There is no such run."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A deployed workflow.

    Attributes:
        name: The workflow's name.
        state_machine: The ARN of its state machine.
        status_table: The name of the status table.
    """

    name: str
    state_machine: str
    status_table: str


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run whose execution was started.

    Attributes:
        workflow: The workflow.
        uid: The run's id within the workflow.
        execution: The ARN of the execution.
        metadata: What it was started with.
    """

    workflow: Workflow
    uid: str
    execution: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a run shows.

    Attributes:
        document: The run's status; ``None`` as long as this start has not been accepted.
        ended: Whether there is nothing more to come.
        problem: Why there is nothing more to come, where the document does not say it.
    """

    document: Document | None = None
    ended: bool = False
    problem: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the run did what it was started for."""
        return self.ended and self.document is not None and self.document["state"] == State.COMPLETE


def find_workflow(gateway: Gateway, deployment: Deployment, name: str) -> Workflow:
    """Find a deployed workflow by what it published in SSM.

    Raises:
        UsageError: There is no such core or no such workflow; the text lists those that there are.
    """
    check_workflow_name(name)
    table = core_output(gateway, deployment, CoreOutput.STATUS_TABLE_NAME)
    state_machine = gateway.parameter(deployment.workflow_parameter(name))
    if state_machine is None:
        there = those_there_are(workflow_names(gateway, deployment))
        raise UsageError(f"no workflow {name!r} in {deployment.prefix}: {there}")
    return Workflow(name=name, state_machine=state_machine, status_table=table)


def run_document(gateway: Gateway, deployment: Deployment, workflow: str, uid: str) -> Document:
    """How a run stands, of a workflow that is deployed or of a state machine of a team's own.

    The row is asked for first: of a team's own state machine nothing else is known.

    Raises:
        NoSuchRunError: There is no such run; the text says so if the workflow is not deployed either.
        UsageError: There is no such core, or the workflow's name is not allowed.
    """
    check_workflow_name(workflow)
    table = core_output(gateway, deployment, CoreOutput.STATUS_TABLE_NAME)
    document = gateway.run_document(table, uid=uid, workflow=workflow)
    if document is None:
        raise no_such_run(gateway, deployment, workflow, uid)
    return document


def no_such_run(gateway: Gateway, deployment: Deployment, workflow: str, uid: str) -> NoSuchRunError:
    """Say that there is no such run, and whether its workflow is known."""
    missing = f"no run {uid!r} of {workflow} in {deployment.prefix}"
    known = workflow_names(gateway, deployment)
    if workflow in known:
        return NoSuchRunError(f"{missing}: never started, or expired")
    return NoSuchRunError(f"{missing}, and no workflow of that name is deployed: {those_there_are(known)}")


def start_run(
    gateway: Gateway, workflow: Workflow, uid: str, metadata: Mapping[str, Any], *, metadata_override: bool = False
) -> StartedRun:
    """Start a run, or resume it if there is one of that uid, in the name of whoever gives the command.

    Raises:
        UsageError: The uid or the metadata is not allowed; nothing was started.
    """
    document = run_input(uid, metadata, metadata_override=metadata_override, by=gateway.caller().arn)
    execution = gateway.start_execution(workflow.state_machine, name=execution_name(uid), document=document)
    return StartedRun(workflow=workflow, uid=uid, execution=execution, metadata=metadata)


def retry_run(gateway: Gateway, deployment: Deployment, workflow: str, uid: str) -> StartedRun:
    """Resume a run with the metadata that it has, whatever state machine it is of.

    Raises:
        NoSuchRunError: There is no such run.
        RunRefusedError: It is complete. Whether it is in progress is for its start to find out.
        UsageError: There is no such core, or the workflow's name is not allowed.
    """
    document = run_document(gateway, deployment, workflow, uid)
    if document["state"] == State.COMPLETE:
        raise RunRefusedError(f"run {uid!r} of {workflow} is Complete: there is nothing to retry")
    found = Workflow(
        name=workflow,
        state_machine=state_machine_of(document["execution"]),
        status_table=core_output(gateway, deployment, CoreOutput.STATUS_TABLE_NAME),
    )
    return start_run(gateway, found, uid, document["metadata"])


class RunWatcher:
    """Looks at one started run, again and again, until there is nothing more to see."""

    def __init__(self, gateway: Gateway, run: StartedRun, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._gateway = gateway
        self._run = run
        self._clock = clock
        self._looks = 0
        self._execution_ended_at: float | None = None

    def look(self) -> Look:
        """Look once."""
        _, ours = self._row()
        self._looks += 1
        row_is_enough = self._execution_ended_at is None and self._looks % _ASK_EXECUTION_EVERY
        if ours and (_has_ended(ours) or row_is_enough):
            return Look(ours, ended=_has_ended(ours))
        execution = self._gateway.execution(self._run.execution)
        return Look(ours) if execution.status == "RUNNING" else self._look_after(execution)

    def _look_after(self, execution: Execution) -> Look:
        """The execution ended: the row, which may have been written since it was read, says it or never will."""
        row, ours = self._row()
        if ours is None:
            story = _why(execution.error, execution.cause) or f"its execution ended as {execution.status}"
            return Look(ended=True, problem=one_line(story) + self._difference(row))
        if self._execution_ended_at is None:
            self._execution_ended_at = self._clock()
        if _has_ended(ours) or self._clock() - self._execution_ended_at < _ROW_FOLLOWS_WITHIN:
            return Look(ours, ended=_has_ended(ours))
        problem = f"its execution ended as {execution.status}, but the run was not ended: start it again to resume"
        return Look(ours, ended=True, problem=problem)

    def _row(self) -> tuple[Document | None, Document | None]:
        row = self._gateway.run_document(
            self._run.workflow.status_table, uid=self._run.uid, workflow=self._run.workflow.name
        )
        return row, row if row is not None and row["execution"] == self._run.execution else None

    def _difference(self, row: Document | None) -> str:
        lines = show_difference(row["metadata"], self._run.metadata) if row is not None else []
        return "".join(f"\n  {one_line(line)}" for line in lines)


def await_acceptance(watcher: RunWatcher, *, every: float, pause: Callable[[float], None]) -> Look:
    """Look until the run's start was accepted or refused: the workflow's first state decides, in a moment."""
    while True:
        look = watcher.look()
        if look.document is not None or look.ended:
            return look
        pause(every)


def check_workflow_name(name: str) -> None:
    """Check a workflow's name.

    Raises:
        UsageError: It is not allowed.
    """
    if problem := problem_with_name("workflow", name):
        raise UsageError(problem)


def _has_ended(document: Document) -> bool:
    return State(document["state"]).is_terminal


def _why(error: str | None, cause: str | None) -> str | None:
    """The sentence in an execution's error: Lambda wraps it in JSON, with a stack trace."""
    text = cause or error
    if text is None:
        return None
    try:
        wrapped = json.loads(text)
    except ValueError:
        return text
    if isinstance(wrapped, dict) and isinstance(wrapped.get("errorMessage"), str):
        return str(wrapped["errorMessage"])
    return text
