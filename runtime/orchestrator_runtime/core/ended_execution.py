"""An execution of a workflow that is over, and what that means for its run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from orchestrator_runtime.contract import Ending
from orchestrator_runtime.core.failure import Failure, plain_failure
from orchestrator_runtime.names import COMPONENT_NAME, problem_with_uid

_PARTS_OF_AN_EXECUTION_ARN: Final = 8


class ExecutionStatus(StrEnum):
    """How an execution stands, as Step Functions spells it."""

    RUNNING = "RUNNING"
    PENDING_REDRIVE = "PENDING_REDRIVE"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens in it."""
        return self not in {ExecutionStatus.RUNNING, ExecutionStatus.PENDING_REDRIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An execution, as an event or Step Functions itself tells of it.

    Attributes:
        arn: The execution's ARN.
        status: How it stands.
        input: The JSON that it was started with; ``None`` where it is not told.
        error: The error's name, if it has one.
        cause: The error's text, if it has one.
        stopped_at: When it ended.
    """

    arn: str
    status: ExecutionStatus
    input: str | None = None
    error: str | None = None
    cause: str | None = None
    stopped_at: datetime | None = None

    @property
    def says_why(self) -> bool:
        """Whether it tells why it ended: by its error, or by having taken too long."""
        return bool(self.error or self.cause) or self.status is ExecutionStatus.TIMED_OUT

    @property
    def uid(self) -> str | None:
        """The run's id in the input; ``None`` where there is none that a run may have."""
        try:
            given = json.loads(self.input or "null")
        except (ValueError, RecursionError):
            return None
        uid = given.get("uid") if isinstance(given, dict) else None
        return uid if problem_with_uid(uid) is None else None


class MalformedEventError(ValueError):
    """An event that is none of an execution; the text says what is wrong."""


def read_status_event(event: Mapping[str, Any]) -> Execution:
    """Read EventBridge's event that the status of an execution has changed.

    Raises:
        MalformedEventError: It is another event.
    """
    detail = event.get("detail")
    if not isinstance(detail, dict):
        raise MalformedEventError("an event without detail is none of an execution")
    arn, status = detail.get("executionArn"), detail.get("status")
    if not isinstance(arn, str) or len(arn.split(":")) != _PARTS_OF_AN_EXECUTION_ARN:
        raise MalformedEventError("detail.executionArn is not the ARN of an execution")
    if not isinstance(status, str) or status not in set(ExecutionStatus):
        raise MalformedEventError("detail.status is not the status of an execution")
    return Execution(
        arn=arn,
        status=ExecutionStatus(status),
        input=_text(detail.get("input")),
        error=_text(detail.get("error")),
        cause=_text(detail.get("cause")),
        stopped_at=_time(detail.get("stopDate")),
    )


def state_machine_of(execution_arn: str) -> str:
    """The ARN of the state machine that an execution is of."""
    *place, _, name, _ = execution_arn.split(":")
    return ":".join([*place, "stateMachine", name])


def workflow_of(execution_arn: str, prefix: str) -> str | None:
    """The workflow that an execution is of.

    Args:
        execution_arn: The execution.
        prefix: What the ARNs of the workflows' state machines start with.

    Returns:
        The workflow's name, or ``None`` if the state machine is none of this deployment's workflows.
    """
    name = state_machine_of(execution_arn).removeprefix(prefix)
    return name if COMPONENT_NAME.fullmatch(name) else None


def how_it_ended(execution: Execution) -> tuple[Ending, str]:
    """Say how a run came to its end whose execution did not end it, and why, in a sentence.

    Args:
        execution: One that is over.
    """
    said = plain_failure(Failure(execution.error or "", execution.cause or ""))
    why = ": ".join(part for part in (said.error, said.cause) if part)
    match execution.status:
        case ExecutionStatus.TIMED_OUT:
            return Ending.TIMED_OUT, "timed out: its execution took longer than the workflow's timeout"
        case ExecutionStatus.ABORTED:
            return Ending.STOPPED, f"its execution was stopped: {why or 'nobody said why'}"
        case ExecutionStatus.SUCCEEDED:
            return (
                Ending.FAILED,
                "its execution succeeded without ending the run: it needs an end_run task as its last state",
            )
        case _:
            return Ending.FAILED, f"its execution failed: {why or 'Step Functions does not say why'}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(milliseconds: object) -> datetime | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
