"""The same function behind a queue."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_runtime import PluginHandler, PluginRun, Retryable, plugin
from orchestrator_runtime.contract import State
from orchestrator_runtime.models import PluginMessage, Report
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.testing import CollectedReports, NoTimer, sqs_event
from tests.unit.authoring.plugin_calls import Broken, LoggedLines, message, raising


@plugin(name="Score")
def handler(run: PluginRun) -> str:
    if run.uid.startswith("bad"):
        raise Retryable("down")
    return run.uid


def messages(*uids: str) -> list[PluginMessage]:
    return [message("Score", uid=uid) for uid in uids]


def ended(reports: list[Report]) -> list[str]:
    return [report.uid for report in reports if report.state is State.COMPLETE]


def again(answer: Any) -> list[str]:
    assert list(answer) == ["batchItemFailures"]
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.parametrize("raw", [True, False])
def test_a_message_is_handled_raw_or_in_an_envelope(raw: bool) -> None:
    reports = CollectedReports()
    answer = handler.deliver(sqs_event(message("Score"), raw=raw), reports, {}, new_timer=NoTimer)
    assert again(answer) == []
    assert [(report.state, report.output) for report in reports] == [(State.COMPLETE, "q-1")]


def test_what_fails_comes_again_and_holds_up_nobody() -> None:
    reports = CollectedReports()
    answer = handler.deliver(sqs_event(*messages("a", "bad", "c")), reports, {})
    assert again(answer) == ["message-1"]
    assert ended(reports) == ["a", "c"]


def test_in_a_fifo_queue_what_follows_in_the_group_comes_again_too() -> None:
    reports = CollectedReports()
    event = sqs_event(*messages("a", "bad-1", "c", "d", "e"), queue="plugin.fifo", group="one")
    event["Records"][3]["attributes"] = event["Records"][3]["attributes"] | {"MessageGroupId": "two"}
    answer = handler.deliver(event, reports, {})
    assert again(answer) == ["message-1", "message-2", "message-4"]
    assert ended(reports) == ["a", "d"]


def test_groups_of_a_standard_queue_keep_nothing_in_order() -> None:
    reports = CollectedReports()
    answer = handler.deliver(sqs_event(*messages("bad", "b"), group="tenant"), reports, {})
    assert again(answer) == ["message-0"]
    assert ended(reports) == ["b"]


def test_a_report_that_cannot_be_sent_brings_the_message_again() -> None:
    answer = handler.deliver(sqs_event(*messages("a", "b")), Broken(1), {}, new_timer=NoTimer)
    assert again(answer) == ["message-1"]


def test_an_error_of_the_function_is_its_end_there_too() -> None:
    reports = CollectedReports()
    failing = plugin(name="Score")(raising(ValueError("bad")))
    assert again(failing.deliver(sqs_event(message("Score")), reports, {})) == []
    assert reports[-1].message == "ValueError: bad"


def test_what_does_not_release_the_plugin_leaves_the_queue() -> None:
    reports = CollectedReports()
    assert again(handler.deliver(sqs_event(message("Other")), reports, {})) == []
    assert reports == []


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "{}",
        "[]",
        '{"uid": "hush"}',
        '{"initialize": true}',
        '{"Type": "Notification", "Message": "hush"}',
        json.dumps(message("Score").model_dump(mode="json") | {"uid": "hush\x07"}),
        json.dumps(message("Score").model_dump(mode="json") | {"activity": "hush/"}),
        json.dumps(message("Score").model_dump(mode="json") | {"plugins": [7] * 100_000, "metadata": "hush"}),
        json.dumps(message("Score").model_dump(mode="json") | {"report_to": "https://" + "hush" * 100}),
        '{"Type": "Notification"}',
        '{"Type": "Notification", "Message": {"uid": "hush"}}',
    ],
    ids=range(12),
)
def test_a_message_that_cannot_be_read_comes_again_until_it_is_dead(body: str) -> None:
    logged = LoggedLines()
    reports = CollectedReports()
    queued = PluginHandler(lambda run: run.uid, info=PluginInfo(name="Score"), logger=logged.logger)
    event = sqs_event(*messages("a", "b"))
    event["Records"][0]["body"] = body
    assert again(queued.deliver(event, reports, {})) == ["message-0"]
    assert ended(reports) == ["b"]
    (line,) = [line for line in logged.taken() if line["level"] == "ERROR"]
    assert line["message"] == "the queue has to deliver the message again"
    assert line["message_id"] == "message-0"
    assert "the message of the queue is not one that a stage sends to its plugins" in line["exception"]
    assert "hush" not in str(line)
    assert len(line["exception"]) < 4_096


def test_a_record_without_attributes_is_a_first_receive() -> None:
    event = sqs_event(message("Score"))
    del event["Records"][0]["attributes"]
    assert again(handler.deliver(event, CollectedReports(), {})) == []


@pytest.mark.parametrize("wrong", [{"messageId": None}, {"body": 7}, {"messageId": {"a": "hush"}}])
def test_records_that_no_queue_makes_are_refused_as_a_whole(wrong: dict[str, Any]) -> None:
    event = sqs_event(message("Score"))
    event["Records"][0].update(wrong)
    with pytest.raises(ValueError, match="a record of the queue has no messageId or no body") as refused:
        plugin(name="Score")(lambda _: None).deliver(event, CollectedReports(), {})
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("attributes", [None, [], {"ApproximateReceiveCount": "many", "MessageGroupId": 7}])
def test_attributes_that_cannot_be_read_count_as_a_first_receive(attributes: object) -> None:
    reports = CollectedReports()
    event = sqs_event(message("Score"))
    event["Records"][0]["attributes"] = attributes
    assert plugin(name="Score")(lambda _: None).deliver(event, reports, {}) == {"batchItemFailures": []}


def test_an_id_that_no_queue_gives_is_not_logged_whole() -> None:
    logged = LoggedLines()
    queued = PluginHandler(lambda run: run.uid, info=PluginInfo(name="Score"), logger=logged.logger)
    event = sqs_event(*messages("a"))
    event["Records"][0] |= {"messageId": "x" * 100_000, "body": "no message"}
    assert again(queued.deliver(event, CollectedReports(), {})) == ["x" * 100_000]
    (line,) = [line for line in logged.taken() if line["level"] == "ERROR"]
    assert len(line["message_id"]) <= 201
