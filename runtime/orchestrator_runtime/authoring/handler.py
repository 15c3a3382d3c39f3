"""The Lambda handler that the decorator makes of a function."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from threading import Timer
from typing import Any

from aws_lambda_powertools import Logger
from pydantic import BaseModel

from orchestrator_runtime.authoring.at_work import NewTimer, reported_at_work
from orchestrator_runtime.authoring.body import Body, PluginBody
from orchestrator_runtime.authoring.events import QueuedMessage, queued_messages, read_message, sns_messages
from orchestrator_runtime.authoring.once import EveryTime, NoIdempotencyTableError, NoTable, Once
from orchestrator_runtime.authoring.outcome import Outcome, told_by
from orchestrator_runtime.authoring.reporting import CallReports, Reporter, ReportNotSentError, SqsReporter
from orchestrator_runtime.authoring.run import PluginRun, Retryable
from orchestrator_runtime.aws.xray import tracer_of
from orchestrator_runtime.contract import Env, State
from orchestrator_runtime.foreign_text import shown
from orchestrator_runtime.models import PluginMessage
from orchestrator_runtime.names import PLUGIN_NAME, problem_with_name
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.plugin_queue.message_document import asks_to_initialize
from orchestrator_runtime.trace_ports import UNTRACED, Tracer


class PluginHandler:
    """A plugin's Lambda handler: what the decorator makes of a function.

    It takes events of SNS and of SQS, and the question to ``initialize``.

    Args:
        body: The function that does the work. Its result is the plugin's output.
        info: What the plugin says of itself. Default: nothing but defaults; the name is then that of the
            environment variable that the ``Plugin`` construct sets.
        metadata: The model of the run's metadata. Default: a plain mapping.
        reporter: Default: SQS.
        logger: Default: Powertools' logger of this process; lines that the body logs with a ``Logger()``
            of its own then carry the run's keys too.
    """

    def __init__(
        self,
        body: Body[Any],
        *,
        info: PluginInfo | None = None,
        metadata: type[BaseModel] | None = None,
        reporter: Reporter | None = None,
        logger: Logger | None = None,
    ) -> None:
        self._body = PluginBody(body, metadata)
        self.info = PluginInfo() if info is None else info
        self._reporter = SqsReporter() if reporter is None else reporter
        self._logger = Logger() if logger is None else logger
        functools.update_wrapper(self, body)

    def __call__(self, event: Mapping[str, Any], context: object) -> dict[str, Any] | None:
        """Handle what SNS or a queue delivered; the signature is Lambda's."""
        return self.deliver(event, self._reporter, os.environ, context=context, tracer=tracer_of(os.environ))

    def name_in(self, environ: Mapping[str, str]) -> str:
        """The plugin's name: the decorator's, or else the environment's.

        Raises:
            ValueError: Neither gives one, or the environment's is not allowed.
        """
        if self.info.name is not None:
            return self.info.name
        name = environ.get(Env.PLUGIN_NAME)
        if not name:
            raise ValueError(
                f"this plugin has no name: write @plugin(name=...), or set the function's environment variable "
                f"{Env.PLUGIN_NAME} to the name that it is registered under"
            )
        if problem := problem_with_name("plugin", name, PLUGIN_NAME):
            raise ValueError(f"{Env.PLUGIN_NAME}: {problem}")
        return name

    def deliver(
        self,
        event: Mapping[str, Any],
        reporter: Reporter,
        environ: Mapping[str, str],
        *,
        once: Once | None = None,
        new_timer: NewTimer = Timer,
        clock: Callable[[], float] = time.monotonic,
        context: object = None,
        tracer: Tracer = UNTRACED,
    ) -> dict[str, Any] | None:
        """Handle an event with collaborators given.

        Args:
            event: An event of SNS or SQS, as Lambda hands it on.
            reporter: Takes the reports.
            environ: Where the name is looked up if the decorator has none, and what else a construct sets.
            once: Sees to it that work is not done twice. Default: work is done each time, unless the plugin
                is not idempotent: then the table that the environment names remembers it.
            new_timer: Makes the timer that has a longer call report its start and held progress. Default: one of a
                thread.
            clock: Seconds since some moment, by which progress is sent once a second at most. Default: the
                process's.
            context: Lambda's.
            tracer: Traces each call of the function. Default: nothing is traced.

        Returns:
            The answer to ``initialize``; for a queue, the messages that have to come again; nothing for SNS.

        Raises:
            ValueError: The plugin has no name, or the event is no message of the core.
            Retryable: The function raised it, and SNS called. Lambda then repeats the call.
            ReportNotSentError: A report could not be sent.
        """
        if asks_to_initialize(event):
            return replace(self.info, name=self.info.name or environ.get(Env.PLUGIN_NAME) or None).as_answer()
        name = self.name_in(environ)
        once = self._once(environ, context) if once is None else once
        handle = functools.partial(
            self._handle, name=name, reporter=reporter, once=once, new_timer=new_timer, clock=clock, tracer=tracer
        )
        # Lambda repeats an asynchronous invocation under the same request id.
        request_id = str(getattr(context, "aws_request_id", ""))
        if queued := queued_messages(event):
            return self._take_queued(queued, _max_receives(environ), handle)
        for message in sns_messages(event):
            handle(message, delivery=request_id, is_last=False)
        return None

    def _once(self, environ: Mapping[str, str], context: object) -> Once:
        if self.info.idempotent:
            return EveryTime()
        table = environ.get(Env.IDEMPOTENCY_TABLE)
        if not table:
            return NoTable()
        from orchestrator_runtime.authoring.idempotency_table import idempotency_table  # noqa: PLC0415  (for them only)

        return idempotency_table(table, context)

    def _take_queued(
        self, queued: list[QueuedMessage], max_receives: int | None, handle: Callable[..., None]
    ) -> dict[str, Any]:
        """Handle each message on its own; what fails comes again, and what follows it in its group."""
        again: list[str] = []
        held_up: set[str] = set()
        for record in queued:
            if record.group in held_up:
                again.append(record.id)
                continue
            try:
                message = read_message(record.text, "message of the queue")
                is_last = max_receives is not None and record.receives >= max_receives
                handle(message, delivery=record.id, is_last=is_last, sent_in=record.trace_header)
            except Exception:
                self._logger.exception("the queue has to deliver the message again", message_id=shown(record.id))
                again.append(record.id)
                if record.group is not None:
                    held_up.add(record.group)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}

    def _handle(
        self,
        message: PluginMessage,
        *,
        name: str,
        reporter: Reporter,
        once: Once,
        new_timer: NewTimer,
        clock: Callable[[], float],
        tracer: Tracer,
        delivery: str,
        is_last: bool,
        sent_in: str | None = None,
    ) -> None:
        keys = message.model_dump(mode="json", include={"uid", "workflow", "activity", "stage", "attempt"})
        with self._logger.append_context_keys(plugin=name, **keys):
            if name not in message.plugins:
                self._logger.info("ignored: the message does not release this plugin")
                return
            with tracer.span(name, {"plugin": name, **keys}, continues=sent_in) as span:
                if not self._call(
                    message, name, reporter, once, delivery, is_last=is_last, new_timer=new_timer, clock=clock
                ):
                    span.failed()

    def _call(
        self,
        message: PluginMessage,
        name: str,
        reporter: Reporter,
        once: Once,
        delivery: str,
        *,
        is_last: bool,
        new_timer: NewTimer,
        clock: Callable[[], float],
    ) -> bool:
        """Call the function and report how that ended; return whether it went well."""
        report = CallReports(reporter, message, name, clock=clock)
        run = PluginRun(
            uid=message.uid,
            workflow=message.workflow,
            activity=message.activity,
            stage=message.stage,
            attempt=message.attempt,
            plugin=name,
            metadata=message.metadata,
            outputs=message.outputs,
            _progress=self._progress(report),
        )
        # A function may serve two cores, and their runs may have the same names.
        do_once = functools.partial(once.do, f"{message.report_to}/{run.idempotency_key}", delivery)
        outcome = self._outcome(run, report, do_once, is_last=is_last, new_timer=new_timer)
        if outcome is None:
            self._logger.info("ignored: another delivery of the same call is at work")
            return True
        report(outcome.state, outcome.text, output=outcome.output)
        self._logger.info(f"reported {outcome.state.value}")
        return outcome.state is not State.ERROR

    def _outcome(
        self,
        run: PluginRun,
        report: CallReports,
        do_once: Callable[[Callable[[], Outcome]], Outcome | None],
        *,
        is_last: bool,
        new_timer: NewTimer,
    ) -> Outcome | None:
        def work() -> Outcome:
            report.started_at = datetime.now(UTC)
            self._logger.info("started")
            with reported_at_work(report, self._logger, new_timer):
                return self._body.outcome(run, self._logger)

        try:
            return do_once(work)
        except NoIdempotencyTableError as error:
            self._logger.exception("not called")
            return Outcome.failed(error)
        except Retryable as error:
            if is_last:
                self._logger.exception("failed, and the queue will not deliver it again")
                return Outcome.failed(error)
            self._logger.exception("to be tried again")
            try:
                report(State.IN_PROGRESS, ": ".join(filter(None, ["to be tried again", told_by(error)])))
            except ReportNotSentError:
                # What is raised next is what Lambda tells the core if it gives up.
                self._logger.exception("nobody was told")
            raise

    def _progress(self, report: CallReports) -> Callable[[float, str], None]:
        if self.info.idempotent:
            return report.progress

        def report_or_go_on(percent: float, text: str) -> None:
            try:
                report.progress(percent, text)
            except ReportNotSentError:
                # Raised, it would have half of the work repeated, which is what this plugin cannot bear.
                self._logger.exception("progress was not reported")

        return report_or_go_on


def _max_receives(environ: Mapping[str, str]) -> int | None:
    text = environ.get(Env.MAX_RECEIVES)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(
            f"the environment variable {Env.MAX_RECEIVES} must be a whole number of 1 or more, got {text!r}: set it to "
            "the maxReceiveCount of the queue that the function reads"
        )
    return int(text)
