"""What died in a plugin's queue is reported for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from orchestrator_runtime.contract import Env, State
from orchestrator_runtime.models import PluginMessage, Report
from orchestrator_runtime.plugin_queue import report_dead_letters as module
from orchestrator_runtime.plugin_queue.report_dead_letters import lambda_handler, report_dead_letters
from orchestrator_runtime.testing import sqs_event
from tests.unit.authoring.plugin_calls import RUN_KEYS, message
from tests.unit.moto_tables import REGION

DEAD = "Score-dead"
DISPATCHED = "dispatched at 2026-11-01T00:00:00Z"


class Sent(list[tuple[str, dict[str, Any]]]):
    """A results queue that refuses reports for one run."""

    def __call__(self, queue_url: str, text: str) -> None:
        report = json.loads(text)
        if report["uid"] == "refused":
            raise ConnectionError("no way")
        self.append((queue_url, report))


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler = Lines()
    module.logger.addHandler(handler)
    yield handler.lines
    module.logger.removeHandler(handler)


def dead(*messages: PluginMessage, **other: Any) -> dict[str, Any]:
    return sqs_event(*messages, queue=DEAD, receives=4, **other)


@pytest.mark.parametrize("raw", [True, False])
def test_a_dead_message_is_an_error_of_the_plugin(raw: bool) -> None:
    sent = Sent()
    assert report_dead_letters(dead(message("Score", "Other"), raw=raw), "Score", "3", sent) == {
        "batchItemFailures": []
    }
    ((queue_url, report),) = sent
    assert queue_url == "https://sqs/results"
    assert report == RUN_KEYS | {
        "plugin": "Score",
        "state": "Error",
        "message": f"not handled in 3 receives: the message is dead in queue Score-dead; {DISPATCHED}",
    }
    assert Report.model_validate(report).state is State.ERROR


def test_one_receive_is_told_as_one() -> None:
    sent = Sent()
    report_dead_letters(dead(message("Score")), "Score", "1", sent)
    assert sent[0][1]["message"].startswith("not handled in 1 receive: ")


@pytest.mark.parametrize("unknown", [None, ""])
def test_without_a_number_of_receives_none_is_told(unknown: str | None) -> None:
    sent = Sent()
    report_dead_letters(dead(message("Score")), "Score", unknown, sent)
    assert sent[0][1]["message"] == f"not handled: the message is dead in queue Score-dead; {DISPATCHED}"


def test_what_does_not_release_the_plugin_is_ignored(lines: list[str]) -> None:
    sent = Sent()
    answer = report_dead_letters(dead(message("Other"), message()), "Score", "3", sent)
    assert answer == {"batchItemFailures": []}
    assert sent == []
    assert lines[0] == "ignored message message-0 of Score-dead: it does not release Score"


def test_what_cannot_be_read_stays_and_holds_up_nobody(lines: list[str]) -> None:
    sent = Sent()
    event = dead(message("Score", uid="a"), message("Score"), message("Score", uid="c"))
    event["Records"][1]["body"] = '{"uid": "hush"}'
    answer = report_dead_letters(event, "Score", "3", sent)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert [report["uid"] for _, report in sent] == ["a", "c"]
    assert lines[1] == "kept message message-1 in Score-dead, it is none of a stage: workflow must be a string"


def test_what_cannot_be_reported_comes_again(lines: list[str]) -> None:
    sent = Sent()
    answer = report_dead_letters(dead(message("Score", uid="refused"), message("Score")), "Score", "3", sent)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert len(sent) == 1
    assert lines[0].startswith("message message-0 of Score-dead could not be reported\nTraceback")


def test_no_payload_is_logged(lines: list[str]) -> None:
    report_dead_letters(dead(message("Score"), message("Other"), message("Score", uid="refused")), "Score", "3", Sent())
    assert len(lines) == 3
    assert "hush" not in str(lines)
    assert "94105" not in str(lines)


def test_lambda_reports_to_the_queue_that_the_message_names(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="results")["QueueUrl"]
    monkeypatch.setenv(Env.PLUGIN_NAME, "Driver score")
    monkeypatch.setenv(Env.MAX_RECEIVES, "2")
    assert lambda_handler(dead(message("Driver score", report_to=url)), object()) == {"batchItemFailures": []}
    (received,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    assert received["Attributes"]["MessageGroupId"] == "Driver_score"
    report = Report.model_validate_json(received["Body"])
    assert report.message == f"not handled in 2 receives: the message is dead in queue Score-dead; {DISPATCHED}"
