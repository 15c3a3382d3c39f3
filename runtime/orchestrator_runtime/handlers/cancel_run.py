"""Cancels a run, for whoever may invoke this function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_runtime.contract import MAX_TEXT
from orchestrator_runtime.handlers.environment import cancel_ports, logger
from orchestrator_runtime.json_text import whole_characters
from orchestrator_runtime.names import problem_with_name, problem_with_uid
from orchestrator_runtime.protocol.cancel_run import CancelRefusedError, CancelRequest, cancel_run


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Cancel a run.

    Args:
        event: ``{uid, workflow, reason?, by?}``; the last two are what the run's status will say of it.
        context: Lambda's.

    Returns:
        ``{uid, workflow, attempt, execution}`` of the run that was cancelled; ``{refused}``, a sentence, if there
        was nothing to cancel.

    Raises:
        ValueError: The event asks for nothing that is known here.
    """
    request = parse(event)
    about = {"uid": request.uid, "workflow": request.workflow}
    try:
        run = cancel_run(request, cancel_ports())
    except CancelRefusedError as refused:
        logger.info("nothing to cancel", extra={**about, "reason": str(refused)})
        return {"refused": str(refused)}
    logger.info("run cancelled", extra={**run.ref.as_document(), "by": request.by})
    return {**run.ref.as_document(), "execution": run.execution}


def parse(event: Mapping[str, Any]) -> CancelRequest:
    """Read who is to be cancelled, why, and by whom."""
    if not isinstance(event, Mapping):
        raise ValueError(f"the event must be an object with uid and workflow, got {type(event).__name__}")
    uid, workflow = event.get("uid"), event.get("workflow")
    if problem := problem_with_uid(uid, quoting=False) or problem_with_name("workflow", workflow, quoting=False):
        raise ValueError(problem)
    words: dict[str, str | None] = {}
    for key in ("reason", "by"):
        word = event.get(key)
        if not isinstance(word, str | None) or len(word or "") > MAX_TEXT:
            raise ValueError(f"{key} must be text of at most {MAX_TEXT:,} characters, or left out")
        words[key] = whole_characters(word or "") or None
    return CancelRequest(uid=str(uid), workflow=str(workflow), reason=words["reason"], by=words["by"])
