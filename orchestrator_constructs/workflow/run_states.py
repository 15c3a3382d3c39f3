"""What the first and the last state of a workflow call, wherever they stand.

A ``Workflow`` writes these states itself; a state machine of a team's own gets
them from ``core.begin_run_task`` and ``core.end_run_task``. Pure data; nothing of
the CDK.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from orchestrator_constructs.asl import REFERENCE, RETRY_CRASH, RETRY_LAMBDA_SERVICE

ANSWER: Final = "{% $states.result.Payload %}"
"""What the function returned."""
SAME: Final = "{% $states.input %}"

DEFAULT_RUN_DAYS: Final = 30
"""How long a run may take where nothing else is said."""

RETRY_BEGIN: Final = RETRY_LAMBDA_SERVICE
"""A start that was refused is not tried again."""
RETRY_END: Final = [*RETRY_LAMBDA_SERVICE, RETRY_CRASH]

_EXECUTION: Final = "{% $states.context.Execution.Id %}"
# The input may be anything, and what a failed first state was given is all that is known of the run.
_UID_IF_ANY: Final = "{% $exists($states.context.Execution.Input.uid) ? $states.context.Execution.Input.uid : null %}"


def begin_payload(workflow: str, activities: Iterable[Iterable[str]], timeout_seconds: int) -> dict[str, Any]:
    """Tell ``begin_run`` what begins, for a state whose input is the run's.

    Args:
        workflow: The workflow's name.
        activities: The names of the activities that run side by side, for each step.
        timeout_seconds: How long the run may take.
    """
    return {
        "workflow": workflow,
        "activities": [list(step) for step in activities],
        "timeout_seconds": timeout_seconds,
        "execution": _EXECUTION,
        "input": "{% $states.input %}",
    }


def end_payload(workflow: str) -> dict[str, Any]:
    """Tell ``end_run`` that all went well, for a state whose input is the run's reference."""
    return {
        "workflow": workflow,
        "uid": REFERENCE["uid"],
        "attempt": REFERENCE["attempt"],
        "execution": _EXECUTION,
    }


def failed_payload(workflow: str) -> dict[str, Any]:
    """Tell ``end_run`` what went wrong, for a state whose input is what a ``Catch`` hands on."""
    return {
        "workflow": workflow,
        "uid": _UID_IF_ANY,
        "execution": _EXECUTION,
        "error": "{% $states.input %}",
    }
