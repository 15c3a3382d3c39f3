"""Pieces of Amazon States Language that activities and workflows share."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_runtime.contract import ErrorName

States = dict[str, dict[str, Any]]

REFERENCE: Final = {
    "uid": "{% $states.input.uid %}",
    "workflow": "{% $states.input.workflow %}",
    "attempt": "{% $states.input.attempt %}",
}
"""All that travels through the state machines; everything else is in the status table."""

RETRY_LAMBDA_SERVICE: Final[list[dict[str, Any]]] = [
    {
        "ErrorEquals": [
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.TooManyRequestsException",
            "Lambda.ClientExecutionTimeoutException",
        ],
        "IntervalSeconds": 2,
        "MaxAttempts": 30,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }
]
"""What Lambda answers when it, not the function, has a bad moment: such as too many functions at once, for which a run
must not fail. A quarter of an hour, more or less. Never a timeout: its retry may reuse a token."""

RETRY_START: Final[dict[str, Any]] = {
    "ErrorEquals": [
        "StepFunctions.ExecutionLimitExceeded",
        "StepFunctions.ExecutionLimitExceededException",
        "StepFunctions.ThrottlingException",
        "StepFunctions.SdkClientException",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 30,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
"""What starting a child execution meets while too many are started at once. How the child ends is never retried."""

RETRY_CRASH: Final[dict[str, Any]] = {
    "ErrorEquals": ["States.TaskFailed"],
    "IntervalSeconds": 2,
    "MaxAttempts": 4,
    "BackoffRate": 3,
    "JitterStrategy": "FULL",
}
"""For functions that may be called twice for the same: they died half-way, or a table was out of reach.

``States.TaskFailed`` is any error but a timeout.
"""

SIGNALLED: Final[dict[str, Any]] = {
    "ErrorEquals": [
        ErrorName.PLUGIN_FAILED,
        ErrorName.RUN_SUPERSEDED,
        ErrorName.RUN_ENDED,
        ErrorName.INVALID_RUN_INPUT,
    ],
    "MaxAttempts": 0,
}
"""How a stage ends badly on purpose, or is given no run; there is nothing to retry."""

HANDLER_TIMEOUT_SECONDS: Final = 60
"""For a task that waits for a function of the core to return; the functions themselves stop at half of it."""


def invoke(partition: str, function_arn: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Begin a task state that calls a function and waits until it returns."""
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::lambda:invoke",
        "Arguments": {"FunctionName": function_arn, "Payload": payload},
        "TimeoutSeconds": HANDLER_TIMEOUT_SECONDS,
    }
