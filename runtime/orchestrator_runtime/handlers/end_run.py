"""The last state of every workflow, and where every failure of one leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.handlers.environment import end_ports, logger, tracer
from orchestrator_runtime.names import problem_with_uid
from orchestrator_runtime.protocol.end_run import EndRequest, end_run


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Write how the run ended.

    Args:
        event: ``{workflow, uid, execution}``, and ``error`` as a ``Catch`` was handed it if the run failed.
        context: Lambda's.

    Returns:
        ``{error, cause}`` for the state that fails the execution; ``{uid, workflow}`` if the run is complete.

    Raises:
        EndedOtherwiseError: The run was ended by something else; Step Functions shows ``RunCancelled`` or
            ``RunEnded``.
    """
    request = parse(event)
    about = {"uid": request.uid, "workflow": request.workflow}
    with tracer().span(Handler.END_RUN.value, {key: value for key, value in about.items() if value}) as span:
        failure = end_run(request, end_ports())
        if failure is not None:
            span.failed()
    if failure is None:
        return about
    logger.warning("execution fails", extra={**about, "error": failure.error})
    return {"error": failure.error, "cause": failure.cause}


def parse(event: Mapping[str, Any]) -> EndRequest:
    """Read the event of a workflow's last state."""
    uid = event.get("uid")
    error = event.get("error")
    return EndRequest(
        uid=uid if problem_with_uid(uid) is None else None,
        workflow=event["workflow"],
        execution=event["execution"],
        failure=Failure(str(error.get("Error") or "Unknown"), str(error.get("Cause") or "")) if error else None,
    )
