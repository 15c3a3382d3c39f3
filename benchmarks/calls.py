"""Reads the calls that the local AWS wrote down, one run's at a time."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from orchestrator_cli.local.emulator_process.launcher.recording import OPERATOR
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import Deployment

Call = dict[str, Any]
LAMBDA: Final = "lambda.amazonaws.com"
"""Who reads a queue for a function."""
ON_A_SCHEDULE: Final = (Handler.CHECK_DEADLINES, Handler.RECONCILE, Handler.SWEEP_RUNS, Handler.WATCH_RUNS)
"""Functions that work beside the runs, at their own times."""


class CallLog:
    """The file of calls, read on from where it was read before.

    Args:
        file: The file.
        beside: Names of functions that are none of a run's.
    """

    def __init__(self, file: Path, beside: Collection[str] = ()) -> None:
        self._file = file
        self._beside = beside
        self._read = 0

    def skip(self) -> None:
        """Leave out all that was written so far."""
        self._read = self._file.stat().st_size

    def peek(self) -> list[Call]:
        """What was written since, by functions and for them; it will be read again."""
        return [call for call in self._lines() if _is_of_a_function(call) and _who(call) not in self._beside]

    def _lines(self) -> Iterator[Call]:
        with self._file.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)


def _who(call: Call) -> str:
    return str(call["function"] if call["kind"] == "invocation" else call["caller"])


def _is_of_a_function(call: Call) -> bool:
    # Whoever starts runs and looks at them is no part of them.
    return bool(call["kind"] == "invocation" or call["caller"] != OPERATOR)


def functions_beside(deployment: Deployment) -> frozenset[str]:
    """The functions of a deployment that work on a schedule."""
    return frozenset(deployment.function(handler) for handler in ON_A_SCHEDULE)
