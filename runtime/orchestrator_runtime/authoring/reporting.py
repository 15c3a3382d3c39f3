"""How a plugin's reports reach the core: a port, and SQS behind it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
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
        client: Default: one is created for the first report, as the environment of the process says, in a session
            of its own: the default one must not be used by two threads, and is the function's.
    """

    def __init__(self, client: SQSClient | None = None) -> None:
        self._client = client

    def send(self, queue_url: str, report: Report) -> None:
        """Send one report as the body of an SQS message; see :meth:`Reporter.send`."""
        # ASCII only: SQS refuses some characters that JSON strings may hold.
        body = json.dumps(report.model_dump(mode="json", exclude_defaults=True), allow_nan=False)
        try:
            if self._client is None:
                self._client = boto3.session.Session().client("sqs")
            self._client.send_message(QueueUrl=queue_url, MessageBody=body)
        except (BotoCoreError, ClientError) as error:
            raise ReportNotSentError(
                f"plugin {report.plugin!r} could not report {report.state.value!r} to {queue_url}: {error}. "
                "Its role must be allowed sqs:SendMessage on that queue"
            ) from error


@dataclass(slots=True)
class CallReports:
    """Sends the reports of one plugin on one message, one after the other.

    Whichever is sent first tells when the work began.

    Attributes:
        reporter: Takes them.
        message: What the plugin was called with.
        plugin: Its name.
        started_at: When its work began; ``None`` where it has not, or was done by an earlier call.
        start_told: Whether a report that tells so was sent.
    """

    reporter: Reporter
    message: PluginMessage
    plugin: str
    started_at: datetime | None = None
    start_told: bool = False
    _sending: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

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
        with self._sending:
            self._send(state, text, progress=progress, output=output)

    def tell_start(self) -> None:
        """Report that the work began and goes on, unless a report has told so.

        Raises:
            ReportNotSentError: It was not taken over.
        """
        with self._sending:
            if not self.start_told:
                self._send(State.IN_PROGRESS)

    def _send(self, state: State, text: str = "", *, progress: float | None = None, output: JsonValue = None) -> None:
        started_at = None if self.start_told else self.started_at
        report = Report(
            uid=self.message.uid,
            workflow=self.message.workflow,
            activity=self.message.activity,
            stage=self.message.stage,
            attempt=self.message.attempt,
            plugin=self.plugin,
            state=state,
            started_at=started_at,
            message=presentable(text) or None,
            progress=progress,
            output=output,
        )
        self.reporter.send(self.message.report_to, report)
        self.start_told = self.start_told or started_at is not None
