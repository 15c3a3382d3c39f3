"""What feeds a plugin's FIFO queue."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_runtime.contract import Env
from orchestrator_runtime.models import PluginMessage
from orchestrator_runtime.plugin_queue.forward_to_fifo import (
    FifoMessage,
    deduplication_id,
    fifo_messages,
    group_id,
    lambda_handler,
)
from orchestrator_runtime.plugin_queue.message_document import MessageDocument, NotAMessageError
from orchestrator_runtime.testing import sns_event
from tests.unit.authoring.plugin_calls import message
from tests.unit.moto_tables import REGION

NOW = "2026-11-01T00:00:00Z"


def read(sent: PluginMessage) -> MessageDocument:
    return MessageDocument.read(sent.model_dump_json())


def group(value: Any, **other: Any) -> str:
    return group_id(read(message("Score", metadata={"policy": value}, **other)), "policy")


@pytest.mark.parametrize(
    ("value", "is_group"),
    [
        ("P-17", "P-17"),
        ("!~", "!~"),
        ("x" * 128, "x" * 128),
        (17, "17"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
    ],
)
def test_the_value_of_the_key_is_the_group(value: Any, is_group: str) -> None:
    assert group(value) == is_group


@pytest.mark.parametrize("value", [None, "", [], ["P-17"], {}, {"a": 1}])
def test_what_is_no_value_falls_back_to_the_uid(value: Any) -> None:
    assert group(value) == "q-1"


def test_without_a_key_or_without_its_value_it_is_the_uid() -> None:
    assert group_id(read(message("Score")), None) == "q-1"
    assert group_id(read(message("Score")), "policy") == "q-1"


@pytest.mark.parametrize("value", ["x" * 129, "with space", "ü", "line\n", "\t", "🚗", "\ud83d"])
def test_what_sqs_does_not_take_is_hashed(value: str) -> None:
    document = MessageDocument({"uid": "q-1"}, frozenset(), NOW, {"policy": value}, "https://q")
    hashed = group_id(document, "policy")
    assert re.fullmatch(r"[0-9a-f]{64}", hashed)
    other = MessageDocument({"uid": "q-1"}, frozenset(), NOW, {"policy": value + value}, "https://q")
    assert group_id(other, "policy") != hashed
    assert group_id(MessageDocument({"uid": value}, frozenset(), NOW, {}, "https://q"), None) == hashed


@settings(deadline=None)  # a busy machine is no failure
@given(st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none())
def test_any_value_makes_a_group_that_sqs_takes(value: Any) -> None:
    document = MessageDocument({"uid": "an id"}, frozenset(), NOW, {"policy": value}, "https://q")
    assert re.fullmatch(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}", group_id(document, "policy"))


def test_the_same_call_has_the_same_deduplication_id_and_another_another() -> None:
    first = deduplication_id(read(message("Score", "Other")), "Score")
    again = deduplication_id(read(message("Score", metadata={}, outputs={})), "Score")
    assert first == again
    others = [
        deduplication_id(read(message("Score", **changed)), "Score")
        for changed in (
            {"uid": "q-2"},
            {"workflow": "Other"},
            {"activity": "Other"},
            {"stage": "pre"},
            {"attempt": 3},
        )
    ]
    others.append(deduplication_id(read(message("Score")), "Other"))
    assert len({first, *others}) == 7
    assert re.fullmatch(r"[0-9a-f]{64}", first)


def test_the_message_is_handed_on_as_it_came() -> None:
    sent = message("Score", metadata={"policy": "P-17"})
    assert list(fifo_messages(sns_event(sent, message("Other")), "Score", "policy")) == [
        FifoMessage(sent.model_dump_json(), "P-17", deduplication_id(read(sent), "Score"))
    ]


@pytest.mark.parametrize("event", [{}, {"Records": []}, {"Records": [{"body": "sqs"}]}, {"Records": None}])
def test_an_event_that_is_not_of_sns_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(NotAMessageError, match="subscribe this function to a stage's topic"):
        list(fifo_messages(event, "Score", None))


def test_a_message_that_is_not_of_the_core_is_refused_without_its_values() -> None:
    with pytest.raises(NotAMessageError) as refused:
        list(fifo_messages({"Records": [{"Sns": {"Message": '{"uid": "hush"}'}}]}, "Score", None))
    assert str(refused.value) == "the SNS message is none of a stage: workflow must be a string"


@pytest.fixture
def queue(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    url = boto3.client("sqs", region_name=REGION).create_queue(
        QueueName="score.fifo", Attributes={"FifoQueue": "true"}
    )["QueueUrl"]
    monkeypatch.setenv(Env.PLUGIN_NAME, "Score")
    monkeypatch.setenv(Env.FIFO_QUEUE_URL, url)
    return url


def received(url: str) -> list[Any]:
    sqs = boto3.client("sqs", region_name=REGION)
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])
    return list(answer.get("Messages", []))


def test_lambda_hands_on_to_the_queue(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(Env.FIFO_KEY, "policy")
    sent = message("Score", metadata={"policy": "P 17"})
    for _ in range(2):
        assert lambda_handler(sns_event(sent), object()) is None
    (got,) = received(queue)
    assert got["Body"] == sent.model_dump_json()
    assert got["Attributes"]["MessageGroupId"] == group("P 17")


def test_a_queue_that_takes_nothing_is_raised(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(Env.FIFO_QUEUE_URL, queue + "-gone")
    with pytest.raises(ClientError, match="NonExistentQueue"):
        lambda_handler(sns_event(message("Score")), object())


@pytest.mark.parametrize(
    ("key", "answer"),
    [("policy", {"pluginName": "Score", "fifoKey": "policy"}), ("", {"pluginName": "Score"})],
)
def test_asked_what_it_is_it_names_the_plugin(
    queue: str, monkeypatch: pytest.MonkeyPatch, key: str, answer: dict[str, str]
) -> None:
    monkeypatch.setenv(Env.FIFO_KEY, key)
    event = {"Records": [{"Sns": {"Message": json.dumps({"initialize": True})}}]}
    assert lambda_handler(event, object()) == answer
    assert received(queue) == []


@pytest.mark.parametrize("text", ["no json", '{"initialize": false}', None])
def test_what_only_looks_like_the_question_is_no_message(queue: str, text: Any) -> None:
    with pytest.raises(NotAMessageError):
        lambda_handler({"Records": [{"Sns": {"Message": text}}]}, object())
