"""The task of every stage: opens it, and is entered again each time that its wait times out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from orchestrator_runtime.contract import ReleaseRule, Stage
from orchestrator_runtime.core.plan import StageOptions
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.handlers.environment import stage_ports
from orchestrator_runtime.protocol.advance_stage import AdvanceRequest, advance_stage

logger = Logger()


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Open the stage, or recount it. The task ends by its token, not by this function's answer.

    Args:
        event: ``{uid, workflow, attempt, activity, stage, rule, timeout_seconds, start_within_seconds,
            fail_on_optional_error, token, entered, retry}``.
        context: Lambda's.
    """
    request = parse(event)
    advance_stage(request, stage_ports())
    logger.info("stage advanced", extra={**request.ref.run.as_document(), "stage": request.ref.key})


def parse(event: Mapping[str, Any]) -> AdvanceRequest:
    """Read the event of a stage's task."""
    run = RunRef(event["uid"], event["workflow"], event["attempt"])
    return AdvanceRequest(
        ref=run.stage(event["activity"], Stage(event["stage"])),
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
