"""Has a function of the core do something, and reads what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from orchestrator_cli.errors import CliError, UsageError
from orchestrator_cli.gateway import Document, Gateway
from orchestrator_cli.one_line import one_line
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import Deployment

_SHOWN: Final = 200


class FunctionFailedError(CliError):
    """A function of the core failed; the text says of what."""


def call_core(gateway: Gateway, deployment: Deployment, handler: Handler, document: Document) -> Any:  # noqa: ANN401
    """Invoke a function of the core, once, and wait for its answer.

    Returns:
        What it answered.

    Raises:
        UsageError: The core has no such function.
        FunctionFailedError: It failed.
    """
    function = deployment.function(handler)
    answer = gateway.invoke(function, document)
    if answer is None:
        raise UsageError(
            f"the core {deployment.prefix} has no function {function}, so it is older than this command: deploy the "
            "core with the library's present version"
        )
    if answer.failed:
        raise FunctionFailedError(f"{function} failed: {_why(answer.document)}: its log says more")
    return answer.document


def not_understood(deployment: Deployment, handler: Handler, document: object) -> CliError:
    """The error for an answer of another shape than this command knows."""
    return CliError(
        f"{deployment.function(handler)} answered {_excerpt(document)}, which this command does not understand: "
        "install the version that the core was deployed with"
    )


def _why(told: object) -> str:
    """Lambda's account of an error: type and message."""
    if not isinstance(told, Mapping) or "errorMessage" not in told:
        return _excerpt(told)
    return one_line(": ".join(str(told[key]) for key in ("errorType", "errorMessage") if told.get(key)))


def _excerpt(document: object) -> str:
    text = json.dumps(document).replace("\x7f", "\\u007f")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
