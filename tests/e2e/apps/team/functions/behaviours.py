"""What the team's plugins do."""

from __future__ import annotations

import os
from typing import Any

from orchestrator_runtime import PluginRun, plugin


@plugin
def works(run: PluginRun) -> dict[str, int]:
    return {"attempt": run.attempt}


@plugin
def breaks(run: PluginRun) -> None:
    if os.environ["MENDED"] != "True":
        raise RuntimeError(f"cannot check {run.uid} yet")


def silent(event: dict[str, Any], context: object) -> None:
    """Is called, returns, and never says a word to the core."""
