"""The ``plugin`` decorator: a function that does business work becomes a Lambda handler.

::

    from orchestrator_runtime import PluginRun, Skip, plugin

    @plugin
    def handler(run: PluginRun) -> dict[str, float]:
        if "vehicle" not in run.metadata:
            raise Skip("nothing to score")
        run.progress(50, "half way")
        return {"score": 0.7}

The handler reports ``In Progress`` before the function runs and how it ended
afterwards. An exception of the function is reported and not raised again: it
would fail the same way when Lambda repeats the call. A report that cannot be
sent is raised, because Lambda's repetition is what brings it through.

Deliveries are at least once: a function with effects of its own makes them
idempotent by :attr:`PluginRun.idempotency_key`.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, overload

from aws_lambda_powertools import Logger
from pydantic import JsonValue, TypeAdapter, ValidationError

from orchestrator_runtime.contract import MAX_OUTPUT_BYTES, MAX_TEXT, Env, State
from orchestrator_runtime.models import PluginMessage, Report
from orchestrator_runtime.names import PLUGIN_NAME, problem_with_name
from orchestrator_runtime.plugin_run import PluginRun, Skip
from orchestrator_runtime.reporting import Reporter, ReportNotSentError, SqsReporter

_JSON: Final = TypeAdapter[JsonValue](JsonValue)


class OutputError(ValueError):
    """What a plugin returned cannot be its output."""


# The result is checked when it is there: a static JSON type would refuse `dict[str, str]`, which is invariant.
Body = Callable[[PluginRun], object]


class PluginHandler:
    """A plugin's Lambda handler: what the decorator makes of a function.

    Args:
        body: The function that does the work. Its result is the plugin's output.
        name: The registered name. Default: the environment variable that the ``Plugin`` construct sets.
        reporter: Default: SQS.
        logger: Default: Powertools' logger of this process; lines that the body logs with a ``Logger()``
            of its own then carry the run's keys too.
    """

    def __init__(
        self, body: Body, *, name: str | None = None, reporter: Reporter | None = None, logger: Logger | None = None
    ) -> None:
        if name is not None and (problem := problem_with_name("plugin", name, PLUGIN_NAME)):
            raise ValueError(problem)
        self.body = body
        self._name = name
        self._reporter = SqsReporter() if reporter is None else reporter
        self._logger = Logger() if logger is None else logger
        functools.update_wrapper(self, body)

    def __call__(self, event: Mapping[str, Any], context: object) -> None:  # noqa: ARG002  (Lambda passes it)
        """Handle what SNS delivered; the signature is Lambda's."""
        self.deliver(event, self._reporter, os.environ)

    def name_in(self, environ: Mapping[str, str]) -> str:
        """The plugin's name: the decorator's, or else the environment's.

        Raises:
            ValueError: Neither gives one, or the environment's is not allowed.
        """
        if self._name is not None:
            return self._name
        name = environ.get(Env.PLUGIN_NAME)
        if not name:
            raise ValueError(
                f"this plugin has no name: write @plugin(name=...), or set the function's environment variable "
                f"{Env.PLUGIN_NAME} to the name that it is registered under"
            )
        if problem := problem_with_name("plugin", name, PLUGIN_NAME):
            raise ValueError(f"{Env.PLUGIN_NAME}: {problem}")
        return name

    def deliver(self, event: Mapping[str, Any], reporter: Reporter, environ: Mapping[str, str]) -> None:
        """Handle an event with collaborators given.

        Args:
            event: An SNS event of Lambda.
            reporter: Takes the reports.
            environ: Where the name is looked up if the decorator has none.

        Raises:
            ValueError: The plugin has no name, or the event is no message of the core.
            ReportNotSentError: A report could not be sent.
        """
        name = self.name_in(environ)
        for message in list(_messages(event)):
            keys = message.model_dump(mode="json", include={"uid", "workflow", "activity", "stage", "attempt"})
            with self._logger.append_context_keys(plugin=name, **keys):
                if name in message.plugins:
                    self._run(message, name, functools.partial(_report, reporter, message, name))
                else:
                    self._logger.info("ignored: the message does not release this plugin")

    def _run(self, message: PluginMessage, name: str, report: Callable[..., None]) -> None:
        run = PluginRun(
            uid=message.uid,
            workflow=message.workflow,
            activity=message.activity,
            stage=message.stage,
            attempt=message.attempt,
            plugin=name,
            metadata=message.metadata,
            outputs=message.outputs,
            _report=report,
        )
        report(State.IN_PROGRESS)
        self._logger.info("started")
        try:
            output = _as_json(self.body(run))
        except ReportNotSentError:
            raise
        except Skip as skip:
            report(State.DO_NOT_RUN, skip.reason)
            self._logger.info("skipped")
        except (Exception, SystemExit) as error:
            self._logger.exception("failed")
            report(State.ERROR, _describe(error))
        else:
            report(State.COMPLETE, output=output)
            self._logger.info("completed")


@overload
def plugin(body: Body, /) -> PluginHandler: ...
@overload
def plugin(*, name: str | None = None) -> Callable[[Body], PluginHandler]: ...
def plugin(body: Body | None = None, /, *, name: str | None = None) -> PluginHandler | Callable[[Body], PluginHandler]:
    """Define a plugin: the decorated function becomes the Lambda handler itself.

    The function gets a :class:`PluginRun` and returns its output: what JSON can say, in at most 64 KB, or
    ``None``. It raises :class:`Skip` where it has nothing to do, any other exception where it failed.

    Args:
        body: The function, where the decorator is written without parentheses.
        name: The name under which the plugin is registered.
            Default: the one that the ``Plugin`` construct gave the function by its environment.

    Raises:
        TypeError: It decorates something that cannot be called.
        ValueError: The name is not allowed.
    """
    if body is None:
        return functools.partial(PluginHandler, name=name)
    if not callable(body):
        raise TypeError(f"@plugin decorates a function, got {body!r}: a name is written @plugin(name=...)")
    return PluginHandler(body, name=name)


def _report(
    reporter: Reporter,
    message: PluginMessage,
    name: str,
    state: State,
    text: str = "",
    *,
    progress: float | None = None,
    output: JsonValue = None,
) -> None:
    # Cut what the core would cut, and replace halves of characters, which readers of JSON refuse.
    presentable = text.encode(errors="replace").decode()[:MAX_TEXT]
    report = Report(
        uid=message.uid,
        workflow=message.workflow,
        activity=message.activity,
        stage=message.stage,
        attempt=message.attempt,
        plugin=name,
        state=state,
        message=presentable or None,
        progress=progress,
        output=output,
    )
    reporter.send(message.report_to, report)


def _messages(event: Mapping[str, Any]) -> Iterator[PluginMessage]:
    try:
        texts = [record["Sns"]["Message"] for record in event["Records"]]
    except (KeyError, TypeError, IndexError):
        texts = []
    if not texts:
        raise ValueError(
            "the event has no Records with Sns.Message: a plugin's function is called by SNS, through a "
            "subscription to the topic of a stage"
        )
    for text in texts:
        try:
            yield PluginMessage.model_validate_json(text)
        except ValidationError as error:
            # Not chained, and told without the values: the message is payload, which stays out of logs.
            raise ValueError(
                f"the SNS message is not one that a stage sends to its plugins: {_problems(error)}"
            ) from None


def _as_json(output: object) -> JsonValue:
    """Read a result as the core will read it: as JSON text, within the limits of its reader."""
    try:
        text = json.dumps(output, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode())
        read = _JSON.validate_json(text)
    except ValidationError as error:
        raise OutputError(f"the output cannot be read back as JSON: {_problems(error)}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise OutputError(
            f"the output is not JSON: {error}. Return dicts, lists, strings, finite numbers, booleans and None"
        ) from error
    if size > MAX_OUTPUT_BYTES:
        raise OutputError(
            f"the output is {size:,} bytes of JSON, more than {MAX_OUTPUT_BYTES:,}: store it, and return where it is"
        )
    return read


def _problems(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(": ".join(filter(None, [".".join(map(str, one["loc"])), one["msg"]])) for one in found)


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  (an exception that cannot even be printed)
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
