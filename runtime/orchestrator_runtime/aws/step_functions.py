"""Waking state machines, and asking about executions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_DEAD_TOKEN: Final = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


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
    """Implements ``ports.Executions``."""

    def __init__(self, client: SFNClient) -> None:
        self._client = client

    def is_running(self, execution: str) -> bool:
        """See ``ports.Executions``."""
        try:
            return self._client.describe_execution(executionArn=execution)["status"] in {"RUNNING", "PENDING_REDRIVE"}
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                raise
            return False


def _alive(signal: Callable[[], object]) -> bool:
    """Send a signal; a token that was used or timed out is no error."""
    try:
        signal()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DEAD_TOKEN:
            raise
        return False
    return True
