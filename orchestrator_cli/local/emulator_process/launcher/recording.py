"""Writes down, one JSON line each, every call of AWS and every call of a function: what a bill is made of.

A line's ``kind`` is ``request``, for a call of DynamoDB, SNS, SQS or Step Functions, or ``invocation``, for one of a
function. A request says who called: a function by its name, the session's key as ``operator``, another session of a
role by its name, anybody else by the access key. Those of DynamoDB say what
they consumed and how large the items are that they wrote. What Lambda reads of queues is there as SQS bills it.
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

OPERATOR: Final = "operator"
"""The caller of a request that was made with the session's access key."""
RECORDED: Final = ("dynamodb", "sns", "sqs", "stepfunctions")
_LAMBDA: Final = "lambda.amazonaws.com"
_CALLER: Final = re.compile(r"Credential=([^/]+)/")
_SESSION: Final = ":assumed-role/"
"""In the ARN of a role's session, which ends with its name: a function's session has the function's name."""
_REFUSED: Final = 400
_Json = dict[str, Any]
_Answer = tuple[int, _Json, bytes | str]


class Recording:
    """The calls of an emulator, on their way to a file.

    Args:
        services: The emulator's modules.
        file: Where the lines go.
        operator: The session's access key id, which is not written down.
    """

    def __init__(self, services: Mapping[str, Any], file: Path, *, operator: str) -> None:
        self._services = services
        self._operator = operator
        self._file = file.open("a", encoding="utf-8", buffering=1)
        self._writing = threading.Lock()

    def begin(self) -> None:
        """Put itself between the emulator's services and whoever calls them."""
        for name in RECORDED:
            service = self._services[name]
            service.handle_request = self._requests(name, service.handle_request)
        functions, queues = self._services["lambda_svc"], self._services["sqs"]
        functions._emit_lambda_logs = self._invocations(functions._emit_lambda_logs)
        queues._receive_messages_for_esm = self._receives(queues._receive_messages_for_esm)
        queues._delete_messages_for_esm = self._deletes(queues._delete_messages_for_esm)

    def _write(self, kind: str, **record: object) -> None:
        line = json.dumps({"kind": kind, "time": time.time(), **record})
        with self._writing:
            self._file.write(line + "\n")

    def _requests(self, name: str, handle: Callable[..., Awaitable[_Answer]]) -> Callable[..., Awaitable[_Answer]]:
        async def recorded(method: str, path: str, headers: _Json, body: bytes, query_params: _Json) -> _Answer:
            operation, request = _request(headers, body)
            more: _Json = {}
            if name != "dynamodb":
                answer = await handle(method, path, headers, body, query_params)
            else:
                # Nothing is awaited in there, so that no other write comes between.
                before = self._items(operation, request)
                body = json.dumps({**request, "ReturnConsumedCapacity": "TOTAL"}).encode()
                answer = await handle(method, path, headers, body, query_params)
                more = self._consumed(answer, before, self._items(operation, request))
            self._write(
                "request",
                service=name,
                operation=operation,
                caller=self._caller(headers),
                refused=answer[0] >= _REFUSED,
                target=_target(request),
                **more,
            )
            return answer

        return recorded

    def _caller(self, headers: _Json) -> str:
        found = _CALLER.search(headers.get("authorization", ""))
        key = found[1] if found else ""
        if key == self._operator:
            return OPERATOR
        arn: str = self._services["sts"]._sessions.get(key, {}).get("Arn", "")
        return arn.rpartition("/")[2] if _SESSION in arn else key

    def _items(self, operation: str, request: _Json) -> list[_Json]:
        """The items that a request writes, as they stand."""
        tables = self._services["dynamodb"]
        items = []
        for name, keyed in _writes(operation, request):
            table = tables._tables[name]
            key = {part: keyed[part] for part in (table["pk_name"], table["sk_name"]) if part}
            item = tables._get_item_by_key(table, key) or {}
            items.append(
                {
                    "table": name,
                    "key": [next(iter(value.values())) for value in key.values()],
                    "bytes": tables._item_size_bytes(item),
                    "token_bytes": len(item.get("token", {}).get("S", "")),
                }
            )
        return items

    def _consumed(self, answer: _Answer, before: list[_Json], after: list[_Json]) -> _Json:
        document = json.loads(answer[2] or "{}")
        consumed = document.get("ConsumedCapacity") or []
        entries = consumed if isinstance(consumed, list) else [consumed]
        found = document.get("Items") or [document.get("Item") or {}]
        size = self._services["dynamodb"]._item_size_bytes
        return {
            "units": sum(entry["CapacityUnits"] for entry in entries),
            "read_bytes": sum(size(item) for item in found),
            "writes": [{**now, "bytes_before": then["bytes"]} for then, now in zip(before, after, strict=True)],
        }

    def _invocations(self, emit: Callable[..., None]) -> Callable[..., None]:
        def recorded(
            func: _Json, request_id: str, log_text: str, error: bool, duration_ms: int, *, log_source: str | None = None
        ) -> None:
            emit(func, request_id, log_text, error, duration_ms, log_source=log_source)
            config = func.get("config") or func
            lines = [line.encode() for line in log_text.splitlines()]
            self._write(
                "invocation",
                function=config["FunctionName"],
                handler=config.get("Handler", ""),
                megabytes=config.get("MemorySize", 128),
                arm=config.get("Architectures") == ["arm64"],
                lambda_writes=_lambda_writes(config.get("LoggingConfig") or {}),
                failed=error,
                milliseconds=duration_ms,
                log_lines=len(lines),
                log_bytes=sum(map(len, lines)),
            )

        return recorded

    def _receives(self, receive: Callable[[str, int], list[_Json]]) -> Callable[[str, int], list[_Json]]:
        def recorded(queue_url: str, max_number: int) -> list[_Json]:
            messages = receive(queue_url, max_number)
            if messages:
                self._write_polling("ReceiveMessage", queue_url, len(messages))
            return messages

        return recorded

    def _deletes(self, delete: Callable[[str, set[str]], None]) -> Callable[[str, set[str]], None]:
        def recorded(queue_url: str, receipt_handles: set[str]) -> None:
            delete(queue_url, receipt_handles)
            if receipt_handles:
                self._write_polling("DeleteMessageBatch", queue_url, len(receipt_handles))

        return recorded

    def _write_polling(self, operation: str, queue_url: str, messages: int) -> None:
        self._write(
            "request",
            service="sqs",
            operation=operation,
            caller=_LAMBDA,
            refused=False,
            target=queue_url,
            messages=messages,
        )


def _request(headers: _Json, body: bytes) -> tuple[str, _Json]:
    """Which operation a request asks for, and with what; of both protocols that AWS has."""
    if target := headers.get("x-amz-target", ""):
        return target.rpartition(".")[2], json.loads(body or b"{}")
    form = {name: values[0] for name, values in urllib.parse.parse_qs(body.decode(errors="replace")).items()}
    return form.get("Action", ""), form


def _target(request: _Json) -> str:
    names = ("TableName", "TopicArn", "QueueUrl", "stateMachineArn", "executionArn")
    return next((request[name] for name in names if name in request), "")


def _writes(operation: str, request: _Json) -> Iterator[tuple[str, _Json]]:
    """The table and key of each item that a request writes, or checks in a transaction."""
    if operation == "TransactWriteItems":
        for write in request["TransactItems"]:
            for one in write.values():
                yield one["TableName"], one.get("Key") or one["Item"]
    elif operation in {"PutItem", "UpdateItem", "DeleteItem"}:
        yield request["TableName"], request.get("Key") or request["Item"]


def _lambda_writes(logging: _Json) -> str:
    """What Lambda itself writes into a function's log of a call that went well: ``text``, ``json`` or ``nothing``."""
    if logging.get("LogFormat") != "JSON":
        return "text"
    return "nothing" if logging.get("SystemLogLevel") == "WARN" else "json"
