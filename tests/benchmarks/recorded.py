"""Calls as the local AWS writes them down."""

from __future__ import annotations

from typing import Any


def invocation(handler: str = "orchestrator_runtime.handlers.end_run.lambda_handler", **more: Any) -> dict[str, Any]:
    return {
        "kind": "invocation",
        "function": "bench-marks-end-run",
        "handler": handler,
        "megabytes": 512,
        "arm": True,
        "lambda_writes": "json",
        "failed": False,
        "milliseconds": 7,
        "log_lines": 0,
        "log_bytes": 0,
        **more,
    }


def request(service: str, operation: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "request",
        "service": service,
        "operation": operation,
        "caller": "bench-marks-end-run",
        "refused": False,
        **more,
    }


def write(path: str, size: int, *, operation: str = "PutItem", token: int = 0, **more: Any) -> dict[str, Any]:
    item = {"table": "status", "key": ["q-1", path], "bytes": size, "token_bytes": token, "bytes_before": 0}
    return request("dynamodb", operation, **{"units": 1.0, "read_bytes": 0, "writes": [item], **more})


def read(operation: str, size: int, *, units: float = 1.0) -> dict[str, Any]:
    return request("dynamodb", operation, units=units, read_bytes=size, writes=[])
