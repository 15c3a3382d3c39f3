"""How a plugin's reports reach the core: a port, and SQS behind it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import JsonValue

from orchestrator_runtime.authoring.outcome import presentable
from orchestrator_runtime.contract import PROGRESS_EVERY_SECONDS, State, results_group
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
            # A backlog of one plugin's reports delays that plugin's reports and no other's.
            group = results_group(report.plugin)
            self._client.send_message(QueueUrl=queue_url, MessageBody=body, MessageGroupId=group)
        except (BotoCoreError, ClientError) as error:
            raise ReportNotSentError(
                f"plugin {report.plugin!r} could not report {report.state.value!r} to {queue_url}: {error}. "
                "Its role must be allowed sqs:SendMessage on that queue"
            ) from error


@dataclass(frozen=True, slots=True)
class _Progress:
    percent: float | None
    text: str = ""


@dataclass(slots=True)
class CallReports:
    """Sends the reports of one plugin on one message, one after the other.

    Whichever is sent first tells when the work began. The first progress is sent at once, further progress once in
    ``PROGRESS_EVERY_SECONDS`` at most. Progress that comes sooner is held, the newest in place of an earlier one, and
    is sent when it is due, or goes with the next report of another kind.

    Attributes:
        reporter: Takes them.
        message: What the plugin was called with.
        plugin: Its name.
        started_at: When its work began; ``None`` where it has not, or was done by an earlier call.
        start_told: Whether a report that tells so was sent.
        clock: Seconds since some moment; never goes back.
        when_held: Called with the seconds after which progress that is held is due. Default: it goes with the next
            report.
    """

    reporter: Reporter
    message: PluginMessage
    plugin: str
    started_at: datetime | None = None
    start_told: bool = False
    clock: Callable[[], float] = time.monotonic
    when_held: Callable[[float], None] | None = None
    _held: _Progress | None = field(default=None, init=False)
    _progress_at: float | None = field(default=None, init=False)
    _sending: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def __call__(self, state: State, text: str = "", *, output: JsonValue = None) -> None:
        """Send one report, with the progress that is held.

        Args:
            state: What to report.
            text: For people; cut to what the core keeps.
            output: What the function returned.

        Raises:
            ReportNotSentError: It was not taken over.
        """
        with self._sending:
            held = self._held or _Progress(None)
            self._send(state, text or held.text, progress=held.percent, output=output)
            self._held = None

    def progress(self, percent: float, text: str = "") -> None:
        """Report progress, or hold it until it is due.

        Args:
            percent: 0 to 100.
            text: For people. Default: the text that was there stays.

        Raises:
            ReportNotSentError: It was not taken over.
        """
        with self._sending:
            news = _Progress(percent, text or (self._held.text if self._held else ""))
            due_in = 0.0
            if self._progress_at is not None:
                due_in = self._progress_at + PROGRESS_EVERY_SECONDS - self.clock()
            if due_in <= 0:
                self._send_progress(news)
                return
            self._held = news
        if self.when_held is not None:
            self.when_held(due_in)

    def tell_due(self) -> None:
        """Report the progress that is held; or else that the work began and goes on, unless a report has told so.

        Raises:
            ReportNotSentError: It was not taken over.
        """
        with self._sending:
            if self._held is not None:
                self._send_progress(self._held)
            elif not self.start_told:
                self._send(State.IN_PROGRESS)

    def _send_progress(self, progress: _Progress) -> None:
        self._send(State.IN_PROGRESS, progress.text, progress=progress.percent)
        self._held, self._progress_at = None, self.clock()

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
