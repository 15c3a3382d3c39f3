"""Pieces of Amazon States Language that the states of workflows share."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_runtime.contract import ErrorName

States = dict[str, dict[str, Any]]
Retry = dict[str, Any]

REFERENCE: Final = {
    "uid": "{% $states.input.uid %}",
    "workflow": "{% $states.input.workflow %}",
    "attempt": "{% $states.input.attempt %}",
}
"""All that travels through a state machine; everything else is in the status table."""

RETRY_LAMBDA_SERVICE: Final[Retry] = {
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
"""Errors of Lambda itself, such as throttling, for which a run must not fail. About a quarter of an hour in all."""

_RETRY_CRASH: Final[Retry] = {
    "IntervalSeconds": 2,
    "MaxAttempts": 4,
    "BackoffRate": 3,
    "JitterStrategy": "FULL",
}


def never_retry(*errors: ErrorName) -> Retry:
    """Names errors that a function raises on purpose: another attempt would end in the same way."""
    return {"ErrorEquals": [error.value for error in errors], "MaxAttempts": 0}


SIGNALLED: Final = never_retry(
    ErrorName.PLUGIN_FAILED,
    ErrorName.RUN_SUPERSEDED,
    ErrorName.RUN_ENDED,
    ErrorName.INVALID_RUN_INPUT,
    ErrorName.UNKNOWN_ACTIVITY,
)
"""The errors by which an activity fails on purpose."""

RETRY_CRASH: Final[Retry] = {"ErrorEquals": ["States.TaskFailed"], **_RETRY_CRASH}
"""Any error but a timeout, for a task that waits for its token: a retry after a timeout may reuse the token."""

RETRY_ALL: Final[Retry] = {"ErrorEquals": ["States.ALL"], **_RETRY_CRASH}
"""Any error, timeouts included, for a function that gives the same answer however often an execution invokes it."""

INVOKE_TIMEOUT_SECONDS: Final = 60
"""Of a state that invokes a function of the core. The functions themselves stop at half of it."""


def invoke(partition: str, function_arn: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Begin a task state that invokes a function and waits for its answer."""
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::lambda:invoke",
        "Arguments": {"FunctionName": function_arn, "Payload": payload},
        "TimeoutSeconds": INVOKE_TIMEOUT_SECONDS,
    }


def invoke_and_wait(
    partition: str, function_arn: str, payload: dict[str, Any], *, timeout_seconds: int
) -> dict[str, Any]:
    """Begin a task state that invokes a function and waits for its task token."""
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": function_arn, "Payload": payload},
        "TimeoutSeconds": timeout_seconds,
    }
