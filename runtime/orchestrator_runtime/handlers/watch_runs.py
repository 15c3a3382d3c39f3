"""Counts the runs in progress and announces overdue ones, on a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_runtime.handlers.event_kind import SCHEDULE, kind_of
from orchestrator_runtime.handlers.watch_environment import watch_ports
from orchestrator_runtime.protocol.watch_runs import Watched, WatchPorts, watch_runs


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Counts all runs in progress and announces what became overdue or no longer is.

    Args:
        event: ``{}`` or a scheduled event of EventBridge.
        context: The Lambda context.

    Returns:
        ``{announced: [{uid, workflow, attempt}, …], ended: […]}``: the runs that were announced as overdue, and
        as no longer overdue.
    """
    watched = serve(event, watch_ports())
    return {
        "announced": [run.as_document() for run in watched.announced],
        "ended": [run.as_document() for run in watched.ended],
    }


def serve(event: Mapping[str, Any], ports: WatchPorts) -> Watched:
    """Handles the event.

    Raises:
        ValueError: The event is not a scheduled one.
        WatchFailedError: See ``protocol.watch_runs``.
    """
    if kind_of(event, "watch all runs") != SCHEDULE:
        raise ValueError("events of this detail-type are not understood: send {} to watch all runs")
    return watch_runs(ports)
