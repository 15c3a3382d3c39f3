"""The task of every activity in a workflow's state machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.core.begin import InvalidRunInput
from orchestrator_runtime.core.records import ActivityRef, RunRef
from orchestrator_runtime.handlers.environment import activity_ports, tracer
from orchestrator_runtime.names import problem_with_name, problem_with_uid
from orchestrator_runtime.protocol.open_activity import OpenRequest, open_activity

_MAX_ATTEMPT: Final = 999_999_999


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Open the activity, or work it if it is open. The task ends by its token, not by this function's answer.

    Args:
        event: ``{uid, workflow, attempt, activity, token, entered, retry}``.
        context: Lambda's.

    Raises:
        InvalidRunInput: The event names no run.
    """
    request = parse(event)
    with tracer().span(Handler.OPEN_ACTIVITY.value, request.ref.about):
        open_activity(request, activity_ports())


def parse(event: Mapping[str, Any]) -> OpenRequest:
    """Read the event of an activity's task.

    Raises:
        InvalidRunInput: It names no run. A state machine of a team's own can pass anything to an activity.
    """
    return OpenRequest(
        ref=_ref(event),
        token=event["token"],
        entered=datetime.fromisoformat(event["entered"]),
        retry=int(event["retry"]),
    )


def _ref(event: Mapping[str, Any]) -> ActivityRef:
    uid, workflow, attempt, activity = event["uid"], event["workflow"], event["attempt"], event["activity"]
    found = [
        problem_with_uid(uid, quoting=False),
        problem_with_name("workflow", workflow, quoting=False),
        problem_with_name("activity", activity, quoting=False),
        None
        if isinstance(attempt, int) and not isinstance(attempt, bool) and 0 < attempt <= _MAX_ATTEMPT
        else f"attempt must be a whole number from 1 to {_MAX_ATTEMPT}",
    ]
    if problems := [problem for problem in found if problem]:
        raise InvalidRunInput(
            f"the activity's input names no run: {'; '.join(problems)} (pass on what begin_run returned)"
        )
    return RunRef(uid, workflow, attempt).activity(activity)
