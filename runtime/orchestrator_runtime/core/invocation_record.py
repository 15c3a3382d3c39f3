"""Lambda's record of an asynchronous invocation, read as the report that its function did not send.

A destination gets such a record: ``on failure`` when Lambda has given a call up, ``on success`` when the function has
returned. It holds the whole event, so it says which stage of which run was called, and through which subscription;
it does not say the plugin's name, which only the registrations know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from orchestrator_runtime.contract import MAX_TEXT, Stage, State
from orchestrator_runtime.core.records import RunRef, StageRef
from orchestrator_runtime.models import ActivityName, Attempt, Uid, WorkflowName, problems_of

_ARN: Final = re.compile(r"arn:[\w:/$.-]{1,512}", re.ASCII)
_SUCCESS: Final = "Success"
_CONDITIONS: Final[Mapping[str, str]] = {
    "RetriesExhausted": "Lambda gave it up",
    "EventAgeExceeded": "the call grew too old to be tried again",
}


class MalformedRecordError(ValueError):
    """A record that is not of a call of a stage; the text quotes nothing of what it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRecord:
    """How Lambda's call of a plugin's function ended.

    Attributes:
        stage: The stage, of that attempt of the run, whose message called the function.
        subscription_arn: The subscription through which it was called.
        function_arn: The function, with the version or alias that was called.
        dispatched: The plugins that the message invokes; others that it reached ignore it.
        report_to: URL of the queue that the message names for reports.
        state: ``Complete`` or ``Error``.
        message: What went wrong, for people.
        output: What the function returned; ``None`` if it failed, or returned nothing.
    """

    stage: StageRef
    subscription_arn: str
    function_arn: str
    dispatched: frozenset[str]
    report_to: str
    state: State
    message: str | None = None
    output: JsonValue = None


class _Called(BaseModel):
    """What a record has to tell of the message that called the function; the rest of it is not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    uid: Uid
    workflow: WorkflowName
    activity: ActivityName
    stage: Stage
    attempt: Attempt
    plugins: frozenset[str]
    now: Annotated[str, Field(max_length=32)]
    report_to: str


def is_record(document: object) -> TypeGuard[dict[str, Any]]:
    """Whether a document is meant as an invocation record, and not as a plugin's report."""
    return isinstance(document, dict) and {"requestContext", "requestPayload"} <= document.keys()


def read_record(document: Mapping[str, Any]) -> InvocationRecord:
    """Read an invocation record.

    Args:
        document: The record, decoded from its JSON.

    Raises:
        MalformedRecordError: Something that every record has is missing, or the function was not called by a stage.
    """
    context = document.get("requestContext")
    function_arn, condition = _arn_of(context, "functionArn"), _text_of(context, "condition")
    if function_arn is None or condition is None:
        raise MalformedRecordError("requestContext: an invocation record has functionArn and condition here")
    subscription_arn, message = _notification(document.get("requestPayload"))
    try:
        called = _Called.model_validate_json(message)
    except ValidationError as error:
        raise MalformedRecordError(f"the call's message is none of a stage: {'; '.join(problems_of(error))}") from None
    payload = document.get("responsePayload")
    succeeded = condition == _SUCCESS
    return InvocationRecord(
        stage=RunRef(called.uid, called.workflow, called.attempt).stage(called.activity, called.stage),
        subscription_arn=subscription_arn,
        function_arn=function_arn,
        dispatched=called.plugins,
        report_to=called.report_to,
        state=State.COMPLETE if succeeded else State.ERROR,
        message=None if succeeded else _failure(condition, payload, _tries(context), called.now),
        output=payload if succeeded else None,
    )


def _notification(event: object) -> tuple[str, str]:
    """The subscription and the message of the event with which SNS calls a function: always one record."""
    records = event.get("Records") if isinstance(event, dict) else None
    record = records[0] if isinstance(records, list) and len(records) == 1 else None
    subscription_arn = _arn_of(record, "EventSubscriptionArn")
    message = _text_of(record.get("Sns"), "Message") if isinstance(record, dict) else None
    if subscription_arn is None or message is None:
        raise MalformedRecordError("requestPayload: the function was not called by SNS")
    return subscription_arn, message


def _text_of(document: object, key: str) -> str | None:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, str) and value else None


def _arn_of(document: object, key: str) -> str | None:
    """An ARN: it goes into the log, so nothing else may pass for one."""
    value = _text_of(document, key)
    return value if value and _ARN.fullmatch(value) else None


def _tries(context: object) -> str | None:
    count = context.get("approximateInvokeCount") if isinstance(context, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return "1 try" if count == 1 else f"{count:,} tries"


def _failure(condition: str, payload: object, tries: str | None, dispatched_at: str) -> str:
    """What went wrong, in words; how the call ended, and since when, is kept where a long error is cut."""
    kind, text = _text_of(payload, "errorType"), _text_of(payload, "errorMessage")
    words = _CONDITIONS.get(condition, f"Lambda's record says {condition[: MAX_TEXT // 8]!r}")
    after = f" after {tries}" if tries else ""
    # A function that ran out of time or memory has no errorType; one that never ran has neither.
    error = ": ".join(part for part in (kind, text) if part)
    how = f"{words}{after}; dispatched at {dispatched_at}"
    if not error:
        return f"{condition[: MAX_TEXT // 8]}: {how}"
    ending = f" ({how})"
    return error[: MAX_TEXT - len(ending)] + ending
