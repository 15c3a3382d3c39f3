"""Counts the runs in progress and tells of those that are overdue, on a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_runtime.handlers.event_kind import SCHEDULE, kind_of
from orchestrator_runtime.handlers.watch_environment import watch_ports
from orchestrator_runtime.protocol.watch_runs import Watched, WatchPorts, watch_runs


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Look at all runs in progress once.

    Args:
        event: ``{}`` or a scheduled event of EventBridge.
        context: Lambda's.

    Returns:
        ``{announced: [{uid, workflow, attempt}, …], ended: […]}``: the runs of which it was said that they are
        overdue, and that they are so no more.
    """
    watched = serve(event, watch_ports())
    return {
        "announced": [run.as_document() for run in watched.announced],
        "ended": [run.as_document() for run in watched.ended],
    }


def serve(event: Mapping[str, Any], ports: WatchPorts) -> Watched:
    """Do what the event asks.

    Raises:
        ValueError: The event asks for nothing that is known here.
        WatchFailedError: See ``protocol.watch_runs``.
    """
    if kind_of(event, "look at every run") != SCHEDULE:
        raise ValueError("events of this detail-type are not understood: send {} to look at every run in progress")
    return watch_runs(ports)
