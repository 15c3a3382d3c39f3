"""What the calls of ports are about, in words short enough to be read by the hundred."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import (
    ActivityRef,
    Dispatch,
    Outcome,
    PluginRow,
    Run,
    RunRef,
    StagePlan,
    StageRef,
)

_WORDS: Final[Mapping[type, Callable[[Any], str]]] = {
    StageRef: lambda ref: f"{ref.key} attempt {ref.attempt}",
    RunRef: lambda ref: f"attempt {ref.attempt}",
    Run: lambda run: f"attempt {run.ref.attempt} {run.state} of {run.execution.rpartition(':')[2]}",
    PluginRow: lambda row: f"{row.name} {row.state} in attempt {row.attempt}" + f": {row.message or ''}",
    StagePlan: lambda plan: f"expected {[plugin.name for plugin in plan.plugins]}",
    Outcome: lambda outcome: f"{outcome.state}: {outcome.message or ''}",
    Dispatch: lambda dispatch: f"dispatch {dispatch.ordinal}",
    ActivityRef: lambda ref: f"{ref.name} attempt {ref.attempt}",
    Message: lambda message: str(message.attributes["plugins"]),
    datetime: lambda time: f"{time:%H:%M:%S}",
    timedelta: lambda time: f"{time.total_seconds():.0f} s",
}


def in_words(thing: object) -> str:
    """Say what an argument is."""
    return _WORDS.get(type(thing), str)(thing).removesuffix(": ")
