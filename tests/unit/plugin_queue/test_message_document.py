"""The message to a plugin, read with the standard library."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_runtime.plugin_queue.message_document import (
    MessageDocument,
    NotAMessageError,
    asks_to_initialize,
    out_of_envelope,
    sns_texts,
)
from tests.unit.authoring.plugin_calls import RUN_KEYS, message

SENT: dict[str, Any] = json.loads(message("Score", "Other").model_dump_json())


def test_what_is_needed_around_a_queue_is_read() -> None:
    assert MessageDocument.read(json.dumps(SENT)) == MessageDocument(
        keys=RUN_KEYS,
        plugins=frozenset({"Score", "Other"}),
        now="2026-11-01T00:00:00Z",
        metadata={"line": "auto", "secret": "hush"},
        report_to="https://sqs/results",
    )


@pytest.mark.parametrize("text", ["", "no json", "[]", "null", '"hush"', "[" * 99_999, None])
def test_what_is_no_object_is_no_message(text: Any) -> None:
    with pytest.raises(NotAMessageError, match="it is no JSON object"):
        MessageDocument.read(text)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        *(
            ({key: None}, f"{key} must be a string")
            for key in ("uid", "workflow", "activity", "stage", "now", "report_to")
        ),
        ({"attempt": True}, "attempt must be a whole number"),
        ({"attempt": "hush"}, "attempt must be a whole number"),
        ({"plugins": "hush"}, "plugins must be a list of names"),
        ({"plugins": ["Score", 3]}, "plugins must be a list of names"),
        ({"metadata": ["hush"]}, "metadata must be an object"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_without_values(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(NotAMessageError) as refused:
        MessageDocument.read(json.dumps(SENT | changed))
    assert str(refused.value) == told


def test_a_notification_is_unpacked() -> None:
    assert out_of_envelope('{"Type": "Notification", "Message": "inner"}') == "inner"


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[" * 99_999,
        "[]",
        '{"uid": "q-1"}',
        '{"Type": "SubscriptionConfirmation", "Message": "inner"}',
        '{"Type": "Notification"}',
        '{"Type": "Notification", "Message": {}}',
    ],
    ids=lambda body: body[:60],
)
def test_what_is_no_notification_stays_as_it_is(body: str) -> None:
    assert out_of_envelope(body) == body


def of_sns(*texts: Any) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}} for text in texts]}


def test_the_messages_of_sns_are_taken_as_they_came() -> None:
    assert sns_texts(of_sns("one", "two")) == ["one", "two"]


@pytest.mark.parametrize(
    "event",
    [None, [], "Records", {}, {"Records": None}, {"Records": 5}, {"Records": "text"}, {"Records": [{"body": "sqs"}]}],
)
def test_what_is_not_of_sns_has_none(event: object) -> None:
    assert sns_texts(event) == []
    assert not asks_to_initialize(event)


@pytest.mark.parametrize("text", ['{"initialize": true}', '{"initialize": true, "more": 1}'])
def test_the_question_is_known_whatever_comes_with_it(text: str) -> None:
    assert asks_to_initialize(of_sns(text))
    assert not asks_to_initialize(of_sns(text, text))


@pytest.mark.parametrize(
    "text", ['{"initialize": false}', '{"initialize": 1}', '["initialize"]', "true", "no json", None, "[" * 99_999]
)
def test_what_only_looks_like_the_question_is_none(text: Any) -> None:
    assert not asks_to_initialize(of_sns(text))
