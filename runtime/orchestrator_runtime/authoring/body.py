"""A plugin's function: what it is given, and how its return or exception is read."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, get_args

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ValidationError
from pydantic_core.core_schema import ErrorType

from orchestrator_runtime.authoring.outcome import Outcome, presentable
from orchestrator_runtime.authoring.output import output_of
from orchestrator_runtime.authoring.reporting import ReportNotSentError
from orchestrator_runtime.authoring.run import MetadataT_co, PluginRun, Retryable, Skip
from orchestrator_runtime.contract import State

# The result is checked when it is there: a static JSON type would refuse `dict[str, str]`, which is invariant.
# What a coroutine function returns at first is an object, too.
Body = Callable[[PluginRun[MetadataT_co]], object]

# The texts of these quote what they refuse, or are the model's author's and may.
_QUOTING: Final = frozenset({"value_error", "assertion_error", "union_tag_invalid", "iteration_error", "mapping_type"})
_TELLABLE: Final = frozenset(get_args(ErrorType)) - _QUOTING


class InvalidMetadata(ValueError):  # noqa: N818  (reported under this name)
    """The run's metadata is not what the plugin's model of it says."""


class PluginBody:
    """A plugin's function.

    Args:
        function: What does the work.
        metadata: The model of the metadata that it takes. Default: it takes the metadata as it is.

    Raises:
        TypeError: It cannot be called, or what it would return is no result; or the model is none.
    """

    def __init__(self, function: Body[Any], metadata: type[BaseModel] | None = None) -> None:
        if not callable(function):
            raise TypeError(f"@plugin decorates a function, got {function!r}: a name is written @plugin(name=...)")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"@plugin: {function!r} yields: let it return its output")
        if metadata is not None and not (isinstance(metadata, type) and issubclass(metadata, BaseModel)):
            raise TypeError(f"@plugin: metadata must be a class derived from pydantic.BaseModel, got {metadata!r}")
        self.function = function
        self.metadata = metadata

    def outcome(self, run: PluginRun, logger: Logger) -> Outcome:
        """Call the function.

        Args:
            run: What it is to work on, with the metadata as it came.
            logger: Told of what failed.

        Raises:
            Retryable: The function asks to be called again.
            ReportNotSentError: It could not report its progress.
        """
        try:
            result = self.function(self._typed(run))
            if isinstance(result, Coroutine):
                result = _completed(result)
            return Outcome(State.COMPLETE, output=output_of(result))
        except (ReportNotSentError, Retryable):
            raise
        except Skip as skip:
            return Outcome(State.DO_NOT_RUN, presentable(skip.reason))
        except (Exception, SystemExit) as error:
            logger.exception("failed")
            return Outcome.failed(error)

    def _typed(self, run: PluginRun) -> PluginRun[Any]:
        if self.metadata is None:
            return run
        try:
            # As JSON, which it was: a strict model takes a date as text from JSON, and not from Python.
            metadata = self.metadata.model_validate_json(json.dumps(run.metadata))
        except ValidationError as error:
            raise InvalidMetadata(_problems(error)) from None
        return replace(run, metadata=metadata)  # type: ignore[arg-type]


def _completed(coroutine: Coroutine[Any, Any, object]) -> object:
    import asyncio  # noqa: PLC0415  (most plugins start without it, and sooner)

    try:
        return asyncio.run(coroutine)
    except asyncio.CancelledError as error:
        raise RuntimeError("the coroutine was cancelled from within") from error


def _problems(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'the metadata'}: "
        f"{one['msg'] if one['type'] in _TELLABLE else 'the model refuses it'}"
        for one in found
    )
