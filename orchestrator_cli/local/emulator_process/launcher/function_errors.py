"""Errors of functions: the name of their class."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

_UNNAMED: Final = "Runtime.HandlerError"
_CLASS: Final = r"^([^\W\d][\w$.]*)"
_Json = dict[str, Any]


def with_class_name(run: Callable[[_Json, object, str], _Json]) -> Callable[[_Json, object, str], _Json]:
    """Name a function's error for its class. Takes the place of ``lambda_svc._execute_function_warm``.

    The emulator gives every error one name, but it logs the stack trace, of which one line is
    ``module.Class: message``.
    """

    def run_with_class_name(func: _Json, event: object, request_id: str) -> _Json:
        result = run(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == _UNNAMED:
            message = str(body.get("errorMessage") or "")
            line = f"{_CLASS}: {re.escape(message)}$" if message else f"{_CLASS}$"
            if found := re.findall(line, result.get("log") or "", re.MULTILINE):
                body["errorType"] = found[-1].rpartition(".")[2]
        return result

    return run_with_class_name
