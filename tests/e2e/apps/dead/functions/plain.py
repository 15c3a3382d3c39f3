"""Ways to be dead without the library, whose layer these functions do not need."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3


def silent(event: dict[str, Any], context: object) -> None:
    """Is called, returns, and never says a word to the core."""


def stalls(event: dict[str, Any], context: object) -> None:
    """Says that it started, and nothing more."""
    _report(event, {"state": "In Progress"})


def garbage(event: dict[str, Any], context: object) -> None:
    """Sends what is no report: not JSON, not one of the states, nothing at all of what a report has."""
    _send(event, "<html>502 Bad Gateway</html>")
    _report(event, {"state": "Finished"})
    _send(event, json.dumps({"status": "ok"}))


def twice(event: dict[str, Any], context: object) -> None:
    """Is done, and is done again."""
    _report(event, {"state": "Complete", "message": "one end"})
    _report(event, {"state": "Complete", "message": "the other"})


def throws_as_it_is(event: dict[str, Any], context: object) -> None:
    """Knows nothing of the orchestrator, and fails each time."""
    raise ArithmeticError("the sum does not add up")


def _report(event: dict[str, Any], end: dict[str, Any]) -> None:
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    about = {key: message[key] for key in ("uid", "workflow", "activity", "stage", "attempt")}
    _send(event, json.dumps({**about, "plugin": os.environ["ORCHESTRATOR_PLUGIN_NAME"], **end}))


def _send(event: dict[str, Any], body: str) -> None:
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    boto3.client("sqs").send_message(QueueUrl=message["report_to"], MessageBody=body)
