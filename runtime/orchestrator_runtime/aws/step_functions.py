"""Waking state machines, and asking about executions."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from orchestrator_runtime.core.ended_execution import Execution, ExecutionStatus

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_DEAD_TOKEN: Final = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
_OVER: Final = frozenset({"ExecutionDoesNotExist", "ValidationException"})
"""What is answered about an execution that cannot be stopped any more."""


class StepFunctionsSignals:
    """Implements ``ports.Signals``."""

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """See ``ports.Signals``."""
        return _alive(lambda: self._client.send_task_success(taskToken=token, output=json.dumps(output)))

    def fail(self, token: str, error: str, cause: str) -> bool:
        """See ``ports.Signals``."""
        return _alive(lambda: self._client.send_task_failure(taskToken=token, error=error, cause=cause))


class StepFunctionsExecutions:
    """Implements ``execution_ports.Executions``."""

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    def is_running(self, execution: str) -> bool:
        """See ``execution_ports.Executions``."""
        found = self.find(execution)
        return found is not None and not found.status.is_over

    def find(self, execution: str) -> Execution | None:
        """See ``execution_ports.Executions``."""
        try:
            found = self._client.describe_execution(executionArn=execution)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return None
        return Execution(
            arn=execution,
            status=ExecutionStatus(found["status"]),
            input=found.get("input"),
            error=found.get("error"),
            cause=found.get("cause"),
            stopped_at=found.get("stopDate"),
        )

    def running(self, state_machine: str) -> Collection[str]:
        """See ``execution_ports.Executions``."""
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=state_machine, statusFilter="RUNNING"
        )
        try:
            return {found["executionArn"] for page in pages for found in page["executions"]}
        except ClientError as error:
            if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
                raise
            return set()

    def stop(self, execution: str, error: str, cause: str) -> None:
        """See ``execution_ports.Executions``."""
        try:
            self._client.stop_execution(executionArn=execution, error=error, cause=cause)
        except ClientError as refused:
            if refused.response["Error"]["Code"] not in _OVER:
                raise


def _alive(signal: Callable[[], object]) -> bool:
    """Send a signal; a token that was used or timed out is no error."""
    try:
        signal()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DEAD_TOKEN:
            raise
        return False
    return True
