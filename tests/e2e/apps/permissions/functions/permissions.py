"""Plugins that work, and one that does with its role what it is told to."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import ClientError

from orchestrator_runtime import PluginRun, plugin


def nosy(event: dict[str, Any], context: object) -> list[str] | None:
    """Says nothing to its stage; called directly, makes the calls that it is given, and tells what AWS answered."""
    if "Records" in event:
        return None
    return [_answer(call, parameters) for call, parameters in event["calls"]]


def _answer(call: str, parameters: dict[str, Any]) -> str:
    service, operation = call.split(".")
    client: Any = boto3.client  # of whatever service
    try:
        getattr(client(service), operation)(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"


@plugin
def works(run: PluginRun) -> str:
    return f"worked on {run.uid}"


@plugin(idempotent=False)
def works_once(run: PluginRun) -> str:
    return f"worked on {run.uid}"
