"""The payloads, retries and outputs of the states that take a run through a workflow.

A ``Workflow`` writes these states itself; a state machine of a team's own gets
them from ``core.begin_run_task``, ``activity.task`` and ``core.end_run_task``.
Pure data; nothing of the CDK.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from orchestrator_constructs.asl import (
    REFERENCE,
    RETRY_ALL,
    RETRY_CRASH,
    RETRY_LAMBDA_SERVICE,
    SIGNALLED,
    Retry,
    never_retry,
)
from orchestrator_runtime.contract import ErrorName

ANSWER: Final = "{% $states.result.Payload %}"
"""What the function returned."""
SAME: Final = "{% $states.input %}"
TIMEOUT: Final = "States.Timeout"
FAILED: Final = "{% $exists($states.input.error) %}"
"""Whether ``end_run`` answers that the run failed. Otherwise its row says that it is complete."""

DEFAULT_RUN_DAYS: Final = 30
"""A run's timeout where its workflow has none."""

RETRY_BEGIN: Final[list[Retry]] = [
    never_retry(
        ErrorName.INVALID_RUN_INPUT,
        ErrorName.METADATA_DIFFERS,
        ErrorName.METADATA_TOO_LARGE,
        ErrorName.RUN_IN_PROGRESS,
    ),
    RETRY_LAMBDA_SERVICE,
    RETRY_ALL,
]
RETRY_ACTIVITY: Final[list[Retry]] = [SIGNALLED, RETRY_LAMBDA_SERVICE, RETRY_CRASH]
RETRY_END: Final[list[Retry]] = [
    never_retry(ErrorName.RUN_CANCELLED, ErrorName.RUN_ENDED),
    RETRY_LAMBDA_SERVICE,
    RETRY_ALL,
]

_EXECUTION: Final = "{% $states.context.Execution.Id %}"
# The input may be anything, and the failure path has nothing else that names the run.
_UID_IF_ANY: Final = "{% $exists($states.context.Execution.Input.uid) ? $states.context.Execution.Input.uid : null %}"


def begin_payload(workflow: str, activities: Iterable[Iterable[str]], timeout_seconds: int) -> dict[str, Any]:
    """The event of ``begin_run``, for a state whose input is the run's.

    Args:
        workflow: The workflow's name.
        activities: The names of the activities that run side by side, for each step.
        timeout_seconds: The run's timeout.
    """
    return {
        "workflow": workflow,
        "activities": [list(step) for step in activities],
        "timeout_seconds": timeout_seconds,
        "execution": _EXECUTION,
        "input": SAME,
    }


def activity_payload(activity: str) -> dict[str, Any]:
    """The event of ``open_activity``, for a state whose input is the run's reference."""
    return {
        **REFERENCE,
        "activity": activity,
        "token": "{% $states.context.Task.Token %}",
        "entered": "{% $states.context.State.EnteredTime %}",
        "retry": "{% $states.context.State.RetryCount %}",
    }


def end_payload(workflow: str) -> dict[str, Any]:
    """The event of ``end_run`` for a run whose activities are complete; the state's input is the run's reference."""
    return {
        "workflow": workflow,
        "uid": REFERENCE["uid"],
        "attempt": REFERENCE["attempt"],
        "execution": _EXECUTION,
    }


def failed_payload(workflow: str) -> dict[str, Any]:
    """The event of ``end_run`` for a run that failed; the state's input is the error output of a ``Catch``."""
    return {
        "workflow": workflow,
        "uid": _UID_IF_ANY,
        "execution": _EXECUTION,
        "error": SAME,
    }
