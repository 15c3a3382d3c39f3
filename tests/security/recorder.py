"""A plugin of pytest that notes which calls of AWS the functions make while their own tests run.

It listens where botocore puts a request together, before moto or anything else answers it.
A call belongs to the function whose module began it, which the stack of the caller tells; what
a test calls for itself belongs to none and is left out.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

import botocore.handlers

OBSERVED: Final = "OBSERVED_CALLS"
"""The environment variable that names the file to write to."""

_MODULE: Final = re.compile(
    r"/orchestrator_runtime/(?:(?:handlers|protocol|plugin_queue)/(?P<module>\w+)|(?P<author>authoring)/\w+)\.py$"
)
_WRITES: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_PERMISSION: Final = {"lambda:Invoke": "lambda:InvokeFunction"}
"""Calls whose permission is named otherwise."""
_TARGETS: Final = (
    "TopicArn",
    "SubscriptionArn",
    "executionArn",
    "stateMachineArn",
    "FunctionName",
    "Path",
    "QueueUrl",
    "StackName",
)

_seen: set[tuple[str, str, str]] = set()


def _listen(params: Mapping[str, Any], model: Any, **_: Any) -> None:
    callers = set(_modules(sys._getframe()))
    if not callers:
        return
    service = model.service_model.signing_name
    for operation, request in _requests(model.name, params):
        action = f"{service}:{operation}"
        for caller in callers:
            _seen.add((caller, _PERMISSION.get(action, action), _target(request)))


def _modules(frame: FrameType | None) -> Iterator[str]:
    """The function's modules on the stack."""
    while frame is not None:
        if found := _MODULE.search(frame.f_code.co_filename):
            yield found["module"] or found["author"]
        frame = frame.f_back


def _requests(operation: str, params: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A call, or each of those that a transaction asks permission for."""
    if operation != "TransactWriteItems":
        yield operation, params
        return
    for write in params["TransactItems"]:
        for kind, request in write.items():
            yield _WRITES[kind], request


def _target(request: Mapping[str, Any]) -> str:
    if "TableName" in request:
        return "/index/".join([request["TableName"], *filter(None, [request.get("IndexName")])])
    return next((str(request[name]) for name in _TARGETS if name in request), "")


def pytest_sessionfinish() -> None:
    """Write down what was seen."""
    Path(os.environ[OBSERVED]).write_text(json.dumps(sorted(_seen)))


botocore.handlers.BUILTIN_HANDLERS.append(("before-parameter-build", _listen))
