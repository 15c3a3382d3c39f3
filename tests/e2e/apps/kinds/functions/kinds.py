"""Every way to be a plugin, well and ill, by the run's metadata key `case`."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import boto3
from pydantic import BaseModel

from orchestrator_runtime import PluginRun, Retryable, Skip, plugin


class Quote(BaseModel):
    """What the runs are about."""

    case: str
    policy: str = "none"
    premium: int = 0


@plugin(metadata=Quote)
def decorated(run: PluginRun[Quote]) -> dict[str, Any]:
    run.progress(50, "half way")
    return {"premium": run.metadata.premium + 1, "stage": run.stage}


@plugin
async def asynchronous(run: PluginRun) -> list[str]:
    await asyncio.sleep(0)
    return sorted(run.outputs)


@plugin
def skips(run: PluginRun) -> None:
    raise Skip(f"nothing to do for {run.uid}")


def as_it_is(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Knows nothing of the orchestrator; Lambda reports for it."""
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    if message["metadata"]["case"] == "as it is":
        raise ArithmeticError("the sum does not add up")
    return {"seen": message["uid"]}


@plugin(idempotent=False)
def once(run: PluginRun) -> str:
    """Has an effect that must not happen twice: a message to a queue."""
    boto3.client("sqs").send_message(QueueUrl=os.environ["EFFECTS"], MessageBody=run.idempotency_key)
    return "done once"


@plugin
def killed(run: PluginRun) -> None:
    os._exit(1)


@plugin
def recovers(run: PluginRun) -> str:
    """Fails twice, and then does not."""
    tries = Path(tempfile.gettempdir()) / f"recovers-{run.uid}"
    tries.open("a").write("x")
    if tries.stat().st_size <= 2:
        raise Retryable("not yet")
    return f"try {tries.stat().st_size}"


@plugin
def gives_up(run: PluginRun) -> None:
    raise Retryable("the rates are out of reach")


def breaks_behind_a_queue(event: dict[str, Any], context: object) -> None:
    """Fails each time, and says nothing to the core."""
    raise RuntimeError("cannot read this")
