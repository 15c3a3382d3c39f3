"""What plugins are called with in tests, and what they do."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Timer
from typing import Any

from aws_lambda_powertools import Logger

from orchestrator_runtime import PluginRun, ReportNotSentError
from orchestrator_runtime.models import PluginMessage, Report

RUN_KEYS = {"uid": "q-1", "workflow": "NewBusiness", "activity": "Rate", "stage": "parallel", "attempt": 2}


def message(*plugins: str, **other: Any) -> PluginMessage:
    return PluginMessage.model_validate(
        RUN_KEYS
        | {
            "plugins": list(plugins),
            "now": datetime(2026, 11, 1, tzinfo=UTC),
            "metadata": {"line": "auto", "secret": "hush"},
            "outputs": {"Validate/pre/Address": {"zip": "94105"}},
            "report_to": "https://sqs/results",
        }
        | other
    )


def raising(error: BaseException) -> Callable[[PluginRun], object]:
    def body(run: PluginRun) -> object:
        raise error

    return body


class AtOnce(Timer):
    """Its time has come as soon as it is started: what it does is done before the work begins."""

    def start(self) -> None:
        super().start()
        self.join()

    def run(self) -> None:
        self.function()


class Broken:
    """A reporter that sends some reports, and none after them."""

    def __init__(self, after: int) -> None:
        self.left = after

    def send(self, queue_url: str, report: Report) -> None:
        self.left -= 1
        if self.left < 0:
            raise ReportNotSentError("queue is gone")


class LoggedLines:
    """A logger, and the lines that it wrote."""

    _services = itertools.count()

    def __init__(self) -> None:
        self._stream = io.StringIO()
        # Loggers of one service share their stream.
        self.logger = Logger(service=f"logged-lines-{next(self._services)}", stream=self._stream)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def taken(self) -> list[dict[str, Any]]:
        """The lines since the last time."""
        lines = [json.loads(line) for line in self.text.splitlines()]
        self._stream.truncate(self._stream.seek(0))
        return lines
