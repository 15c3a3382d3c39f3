"""How an execution ended, in the words of Step Functions."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from aws_cdk import aws_events as events


class RunStatus(StrEnum):
    """How an execution of a workflow ended."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


FINISHED: Final = tuple(RunStatus)
"""All ways to end."""


def executions_that_ended(state_machine: str | dict[str, Any], statuses: Iterable[RunStatus]) -> events.EventPattern:
    """Match EventBridge's events that executions have ended.

    Args:
        state_machine: The ARN of their state machine, or what EventBridge matches it by.
        statuses: The ways to end.
    """
    return events.EventPattern(
        source=["aws.states"],
        detail_type=["Step Functions Execution Status Change"],
        detail={"stateMachineArn": [state_machine], "status": [status.value for status in statuses]},
    )
