"""Cancels a run on purpose."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_runtime.contract import Ending, ErrorName
from orchestrator_runtime.core.failure import cause_of
from orchestrator_runtime.core.history import cancel_message
from orchestrator_runtime.core.records import Run
from orchestrator_runtime.execution_ports import Executions
from orchestrator_runtime.protocol.closing import EndPorts
from orchestrator_runtime.protocol.end_run import write_end


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """Somebody's wish that a run should end.

    Attributes:
        uid: The run's id within the workflow.
        workflow: The workflow.
        reason: Why, for whoever reads the run's status.
        by: Who wishes it.
    """

    uid: str
    workflow: str
    reason: str | None = None
    by: str | None = None

    @property
    def message(self) -> str:
        """What the run's status says of it."""
        return cancel_message(self.by, self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPorts:
    """What cancelling a run needs of the world."""

    end: EndPorts
    executions: Executions


class CancelRefusedError(Exception):
    """There is nothing to cancel; the text says why."""


def cancel_run(request: CancelRequest, ports: CancelPorts) -> Run:
    """End a run that is in progress, and stop its execution.

    The row is written first. Should the rest not happen, no stage opens any more, and deadline checks end the
    activities in progress when they come due; cancelling again does the rest at once.

    Returns:
        The run as it was.

    Raises:
        CancelRefusedError: There is no such run, or it has ended by something else.
    """
    name = f"run {request.uid!r} of {request.workflow}"
    run = ports.end.status.get_run(request.uid, request.workflow)
    if run is None:
        raise CancelRefusedError(f"there is no {name}: it was never started, or has expired")
    if run.ended and run.ending is not Ending.CANCELLED:
        raise CancelRefusedError(f"{name} is not in progress: it is {run.state.value!r}, attempt {run.ref.attempt}")
    stored = write_end(run, ports.end, ending=Ending.CANCELLED, message=request.message, by=request.by)
    if stored is None or stored.ending is not Ending.CANCELLED:
        how = "another attempt has begun" if stored is None else f"it ended meanwhile: {stored.ending.value}"
        raise CancelRefusedError(f"{name} is not in progress: {how}")
    ports.executions.stop(run.execution, ErrorName.RUN_CANCELLED, cause_of(request.message))
    return run
