"""Ends runs that came to an end from outside: told by events, and on a schedule for events that were lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from orchestrator_runtime.core.ended_execution import read_status_event
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.handlers.environment import sweep_ports
from orchestrator_runtime.handlers.event_kind import SCHEDULE, kind_of
from orchestrator_runtime.protocol.sweep_runs import SweepPorts, end_left_behind, sweep_runs

_STATUS_CHANGE: Final = "Step Functions Execution Status Change"


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """End the run of one execution, or of every one that is over.

    Args:
        event: EventBridge's event that an execution has ended; ``{}`` or a scheduled event: look at all.
        context: Lambda's.

    Returns:
        ``{ended: [{uid, workflow, attempt}, …]}``: the runs that ended by this.
    """
    return {"ended": [run.as_document() for run in serve(event, sweep_ports())]}


def serve(event: Mapping[str, Any], ports: SweepPorts) -> Iterable[RunRef]:
    """Do what the event asks.

    Raises:
        ValueError: The event asks for nothing that is known here.
    """
    kind = kind_of(event, "look at every run")
    if kind == _STATUS_CHANGE:
        run = end_left_behind(read_status_event(event), ports)
        return [run] if run else []
    if kind != SCHEDULE:
        raise ValueError("events of this detail-type are not understood: send {} to look at every run in progress")
    return sweep_runs(ports)
