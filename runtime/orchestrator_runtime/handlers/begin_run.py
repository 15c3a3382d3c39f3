"""The first state of every workflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.core.begin import InvalidRunInput
from orchestrator_runtime.handlers.environment import begin_ports, tracer
from orchestrator_runtime.models import RunInput, problems_of
from orchestrator_runtime.protocol.begin_run import BeginRequest, begin_run


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Begin the run that an execution was started for, and name it.

    Args:
        event: ``{workflow, activities, timeout_seconds, execution, input}``, the last as the execution was given it.
        context: Lambda's.

    Returns:
        The reference ``{uid, workflow, attempt}`` that all later states carry.

    Raises:
        RunRefusedError: The run may not begin; nothing was written.
    """
    request = parse(event)
    with tracer().span(Handler.BEGIN_RUN.value, {"uid": request.uid, "workflow": request.workflow}) as span:
        ref = begin_run(request, begin_ports())
        span.annotate(attempt=ref.attempt)
    return ref.as_document()


def parse(event: Mapping[str, Any]) -> BeginRequest:
    """Read the event of the workflow's first state.

    Raises:
        InvalidRunInput: What the execution was given is not a run's input.
    """
    given = event["input"]
    if not isinstance(given, dict):
        raise InvalidRunInput(
            f"the input must be a JSON object with uid and metadata, got {type(given).__name__}: "
            'start the execution with {"uid": "…", "metadata": {…}}'
        )
    # Step Functions adds such keys to the input of an execution that another one starts.
    own = {key: value for key, value in given.items() if not key.startswith("AWS_STEP_FUNCTIONS_")}
    try:
        run_input = RunInput.model_validate(own)
    except ValidationError as error:
        raise InvalidRunInput("the input is not that of a run: " + "; ".join(problems_of(error))) from None
    return BeginRequest(
        uid=run_input.uid,
        workflow=event["workflow"],
        activities=tuple(tuple(side_by_side) for side_by_side in event["activities"]),
        execution=event["execution"],
        timeout=timedelta(seconds=event["timeout_seconds"]),
        metadata=run_input.metadata,
        metadata_override=run_input.metadata_override,
        by=run_input.by,
    )
