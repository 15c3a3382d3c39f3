"""Checks the deadlines of activities in progress, on a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from orchestrator_runtime.handlers.environment import check_ports, logger
from orchestrator_runtime.handlers.event_kind import SCHEDULE, kind_of
from orchestrator_runtime.protocol.check_deadlines import Checked, CheckPorts, check_deadlines

_SPARE_MILLISECONDS: Final = 10_000
"""Of the function's time, for the activity that is being checked."""


class _Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


def lambda_handler(event: dict[str, Any], context: _Context) -> dict[str, Any]:
    """Check every activity whose due time has come, as long as there is time.

    Args:
        event: ``{}`` or a scheduled event of EventBridge.
        context: Lambda's.

    Returns:
        ``{checked, failed, left}``: how many activities were checked, how many of these checks failed, and whether
        due activities were left for the next invocation.
    """
    ports = check_ports(lambda: context.get_remaining_time_in_millis() > _SPARE_MILLISECONDS)
    result = serve(event, ports)
    answer = {"checked": result.checked, "failed": result.failed, "left": result.left}
    if result.checked:
        logger.info("deadlines checked", extra=answer)
    return answer


def serve(event: Mapping[str, Any], ports: CheckPorts) -> Checked:
    """Do what the event asks.

    Raises:
        ValueError: The event is not a schedule's.
    """
    if kind_of(event, "check every deadline") != SCHEDULE:
        raise ValueError("events of this detail-type are not supported: send {} to check every deadline")
    return check_deadlines(ports)
