"""How a plugin's reports reach the core: a port, and SQS behind it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import JsonValue

from orchestrator_runtime.authoring.outcome import presentable
from orchestrator_runtime.contract import State
from orchestrator_runtime.models import PluginMessage, Report

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class ReportNotSentError(Exception):
    """A report did not reach the results queue: the invocation fails, so that Lambda tries again."""


class Reporter(Protocol):
    """Takes the reports of a plugin."""

    def send(self, queue_url: str, report: Report) -> None:
        """Send one report.

        Args:
            queue_url: The results queue, ``report_to`` of the plugin's message.
            report: What to say.

        Raises:
            ReportNotSentError: It was not taken over; the caller must not pretend that it was.
        """


class SqsReporter:
    """Sends reports to the results queue.

    Args:
        client: Default: one is created for the first report, as the environment of the process says.
    """

    def __init__(self, client: SQSClient | None = None) -> None:
        self._client = client

    def send(self, queue_url: str, report: Report) -> None:
        """Send one report as the body of an SQS message; see :meth:`Reporter.send`."""
        # ASCII only: SQS refuses some characters that JSON strings may hold.
        body = json.dumps(report.model_dump(mode="json", exclude_defaults=True), allow_nan=False)
        try:
            if self._client is None:
                self._client = boto3.client("sqs")
            self._client.send_message(QueueUrl=queue_url, MessageBody=body)
        except (BotoCoreError, ClientError) as error:
            raise ReportNotSentError(
                f"plugin {report.plugin!r} could not report {report.state.value!r} to {queue_url}: {error}. "
                "Its role must be allowed sqs:SendMessage on that queue"
            ) from error


@dataclass(slots=True)
class CallReports:
    """Sends the reports of one plugin on one message.

    Attributes:
        reporter: Takes them.
        message: What the plugin was called with.
        plugin: Its name.
        started_at: When its work began; ``None`` where it has not, or was done by an earlier call.
        shows_start: Whether a report was sent that shows it at work.
    """

    reporter: Reporter
    message: PluginMessage
    plugin: str
    started_at: datetime | None = None
    shows_start: bool = False

    def __call__(
        self, state: State, text: str = "", *, progress: float | None = None, output: JsonValue = None
    ) -> None:
        """Send one report.

        Args:
            state: What to report.
            text: For people; cut to what the core keeps.
            progress: Percent.
            output: What the function returned.

        Raises:
            ReportNotSentError: It was not taken over.
        """
        report = Report(
            uid=self.message.uid,
            workflow=self.message.workflow,
            activity=self.message.activity,
            stage=self.message.stage,
            attempt=self.message.attempt,
            plugin=self.plugin,
            state=state,
            started_at=self.started_at,
            message=presentable(text) or None,
            progress=progress,
            output=output,
        )
        self.shows_start = self.shows_start or state is State.IN_PROGRESS
        self.reporter.send(self.message.report_to, report)
