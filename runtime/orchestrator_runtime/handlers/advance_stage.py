"""The task of every stage: opens it, and is entered again each time that its wait times out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.contract import Handler, ReleaseRule, Stage
from orchestrator_runtime.core.begin import InvalidRunInput
from orchestrator_runtime.core.plan import StageOptions
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.handlers.environment import stage_ports, tracer
from orchestrator_runtime.names import problem_with_name, problem_with_uid
from orchestrator_runtime.protocol.advance_stage import AdvanceRequest, advance_stage

_MOST_ATTEMPTS: Final = 999_999_999


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Open the stage, or recount it. The task ends by its token, not by this function's answer.

    Args:
        event: ``{uid, workflow, attempt, activity, stage, rule, timeout_seconds, start_within_seconds,
            fail_on_optional_error, token, entered, retry}``.
        context: Lambda's.
    """
    request = parse(event)
    with tracer().span(Handler.ADVANCE_STAGE.value, request.ref.about):
        advance_stage(request, stage_ports())


def parse(event: Mapping[str, Any]) -> AdvanceRequest:
    """Read the event of a stage's task.

    Raises:
        InvalidRunInput: It names no run. What a state machine of a team's own hands to an activity can be anything.
    """
    return AdvanceRequest(
        ref=_run(event).stage(event["activity"], Stage(event["stage"])),
        options=StageOptions(
            rule=ReleaseRule(event["rule"]),
            timeout_seconds=event["timeout_seconds"],
            start_within_seconds=event["start_within_seconds"],
            fail_on_optional_error=event["fail_on_optional_error"],
        ),
        token=event["token"],
        entered=datetime.fromisoformat(event["entered"]),
        retry=int(event["retry"]),
    )


def _run(event: Mapping[str, Any]) -> RunRef:
    uid, workflow, attempt = event["uid"], event["workflow"], event["attempt"]
    found = [
        problem_with_uid(uid, quoting=False),
        problem_with_name("workflow", workflow, quoting=False),
        None
        if isinstance(attempt, int) and not isinstance(attempt, bool) and 0 < attempt <= _MOST_ATTEMPTS
        else f"attempt must be a whole number from 1 to {_MOST_ATTEMPTS}",
    ]
    if told := [problem for problem in found if problem]:
        raise InvalidRunInput(f"the activity was given no run: {'; '.join(told)} (hand on what begin_run returned)")
    return RunRef(uid, workflow, attempt)
