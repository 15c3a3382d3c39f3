"""The emulator's calls, written down: who called, what it consumed, how large its items are."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator_cli.local.emulator_process.launcher.recording import RECORDED, Recording

KEY = {"uid": {"S": "q-1"}, "path": {"S": "Work/"}}
FUNCTION = {"FunctionName": "begin-run", "MemorySize": 512, "LoggingConfig": {"LogFormat": "JSON"}}

SESSIONS = {
    "ASIAOFFUNCTION": {"Arn": "arn:aws:sts::123456789012:assumed-role/begin-run-role/begin-run"},
    "AKIASESSION": {"Arn": "arn:aws:iam::123456789012:root"},
}


class Table(SimpleNamespace):
    """The emulator's DynamoDB with one table: it puts the item that it is told to, and says what it consumed."""

    def __init__(self, answer: dict[str, Any], status: int = 200) -> None:
        self.items: dict[str, Any] = {}
        self.requests: list[dict[str, Any]] = []
        self._tables = {"status": {"pk_name": "uid", "sk_name": "path"}}
        self._answer, self._status = answer, status

    async def handle_request(self, method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        request = json.loads(body)
        self.requests.append(request)
        if "Item" in request and self._status == 200:
            self.items[request["Item"]["path"]["S"]] = request["Item"]
        return self._status, {}, json.dumps(self._answer)

    def _get_item_by_key(self, table: object, key: dict[str, Any]) -> dict[str, Any] | None:
        return self.items.get(key["path"]["S"])

    def _item_size_bytes(self, item: dict[str, Any]) -> int:
        return len(item)


def recording(file: Path, **services: Any) -> dict[str, Any]:
    """The emulator's modules, recorded."""

    async def answer(*_given: object) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b"{}"

    emulator: dict[str, Any] = {
        **{name: SimpleNamespace(handle_request=answer) for name in RECORDED},
        "lambda_svc": SimpleNamespace(_emit_lambda_logs=lambda *_given, **_more: None),
        "sts": SimpleNamespace(_sessions=SESSIONS),
        **services,
    }
    queues = emulator["sqs"]
    queues._receive_messages_for_esm = lambda url, _most: [{"id": "1"}, {"id": "2"}] if url == "full" else []
    queues._delete_messages_for_esm = lambda *_given: None
    Recording(emulator, file, operator="AKIASESSION").begin()
    return emulator


def call(service: Any, operation: str, request: dict[str, Any], *, key: str = "ASIAOFFUNCTION") -> Any:
    headers = {
        "x-amz-target": f"DynamoDB_20120810.{operation}",
        "authorization": f"AWS4-HMAC-SHA256 Credential={key}/20261128/us-east-1/dynamodb/aws4_request",
    }
    return asyncio.run(service.handle_request("POST", "/", headers, json.dumps(request).encode(), {}))


def lines(file: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in file.read_text().splitlines()]
    for one in found:
        assert one.pop("time") > 0
    return found


def test_a_write_says_who_made_it_what_it_consumed_and_how_large_the_item_is(tmp_path: Path) -> None:
    table = Table({"ConsumedCapacity": {"TableName": "status", "CapacityUnits": 2.0}})
    emulator = recording(tmp_path / "calls", dynamodb=table)
    item = {**KEY, "token": {"S": "t" * 36}}
    for _ in range(2):
        call(emulator["dynamodb"], "PutItem", {"TableName": "status", "Item": item})
    assert table.requests[0] == {"TableName": "status", "Item": item, "ReturnConsumedCapacity": "TOTAL"}
    first, second = lines(tmp_path / "calls")
    written = {"table": "status", "key": ["q-1", "Work/"], "bytes": 3, "token_bytes": 36, "bytes_before": 0}
    assert first == {
        "kind": "request",
        "service": "dynamodb",
        "operation": "PutItem",
        "caller": "begin-run",
        "refused": False,
        "target": "status",
        "units": 2.0,
        "read_bytes": 0,
        "writes": [written],
    }
    assert second["writes"] == [{**written, "bytes_before": 3}]


def test_a_write_that_is_refused_consumed_nothing_by_the_emulators_account(tmp_path: Path) -> None:
    emulator = recording(tmp_path / "calls", dynamodb=Table({"__type": "ConditionalCheckFailedException"}, status=400))
    call(emulator["dynamodb"], "UpdateItem", {"TableName": "status", "Key": KEY})
    [refused] = lines(tmp_path / "calls")
    assert (refused["refused"], refused["units"], len(refused["writes"])) == (True, 0, 1)


def test_each_item_of_a_transaction_is_there(tmp_path: Path) -> None:
    capacity = [{"CapacityUnits": 2.0}, {"CapacityUnits": 4.0}]
    emulator = recording(tmp_path / "calls", dynamodb=Table({"ConsumedCapacity": capacity}))
    put, delete = {"TableName": "status", "Item": KEY}, {"TableName": "status", "Key": KEY}
    call(emulator["dynamodb"], "TransactWriteItems", {"TransactItems": [{"Put": put}, {"Delete": delete}]})
    [both] = lines(tmp_path / "calls")
    assert (both["units"], len(both["writes"])) == (6, 2)


@pytest.mark.parametrize("found", [{"Items": [{"a": {}}, {"b": {}, "c": {}}]}, {"Item": {"a": {}, "b": {}, "c": {}}}])
def test_a_read_says_how_much_it_read(tmp_path: Path, found: dict[str, Any]) -> None:
    table = Table({**found, "ConsumedCapacity": {"CapacityUnits": 1.0}})
    emulator = recording(tmp_path / "calls", dynamodb=table)
    call(emulator["dynamodb"], "Query", {"TableName": "status"})
    [read] = lines(tmp_path / "calls")
    assert (read["read_bytes"], read["units"], read["writes"]) == (3, 1, [])


def test_a_form_is_read_as_well_as_json(tmp_path: Path) -> None:
    emulator = recording(tmp_path / "calls")
    body = b"Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A000000000000%3Arate&Message=%7B%7D"
    asyncio.run(emulator["sns"].handle_request("POST", "/", {}, body, {}))
    [publish] = lines(tmp_path / "calls")
    assert (publish["service"], publish["operation"], publish["caller"]) == ("sns", "Publish", "")
    assert publish["target"] == "arn:aws:sns:us-east-1:000000000000:rate"


@pytest.mark.parametrize(
    ("logging", "writes"),
    [
        ({}, "text"),
        ({"LogFormat": "Text", "SystemLogLevel": "WARN"}, "text"),
        ({"LogFormat": "JSON"}, "json"),
        ({"LogFormat": "JSON", "SystemLogLevel": "INFO"}, "json"),
        ({"LogFormat": "JSON", "SystemLogLevel": "WARN"}, "nothing"),
    ],
)
def test_a_call_of_a_function_says_what_is_billed_of_it(tmp_path: Path, logging: dict[str, str], writes: str) -> None:
    emulator = recording(tmp_path / "calls")
    function = {"config": FUNCTION | {"LoggingConfig": logging}}
    emulator["lambda_svc"]._emit_lambda_logs(function, "1", "one\nzwö", False, 12, log_source=None)
    [said] = lines(tmp_path / "calls")
    names = ("kind", "function", "megabytes", "milliseconds", "log_lines", "log_bytes", "lambda_writes", "arm")
    assert [said[name] for name in names] == ["invocation", "begin-run", 512, 12, 2, 7, writes, False]


def test_lambdas_own_reading_of_a_queue_is_there_unless_it_found_nothing(tmp_path: Path) -> None:
    queues = recording(tmp_path / "calls")["sqs"]
    assert queues._receive_messages_for_esm("empty", 10) == []
    assert len(queues._receive_messages_for_esm("full", 10)) == 2
    queues._delete_messages_for_esm("full", {"1", "2"})
    found = [(line["operation"], line["caller"], line["messages"]) for line in lines(tmp_path / "calls")]
    lambdas = "lambda.amazonaws.com"
    assert found == [("ReceiveMessage", lambdas, 2), ("DeleteMessageBatch", lambdas, 2)]


@pytest.mark.parametrize(
    ("key", "caller"),
    [("ASIAOFFUNCTION", "begin-run"), ("AKIASESSION", "operator"), ("AKIAOFUSER", "AKIAOFUSER"), ("", "")],
)
def test_a_caller_is_named(tmp_path: Path, key: str, caller: str) -> None:
    emulator = recording(tmp_path / "calls")
    call(emulator["sns"], "Publish", {"TopicArn": "topic"}, key=key)
    assert [line["caller"] for line in lines(tmp_path / "calls")] == [caller]
