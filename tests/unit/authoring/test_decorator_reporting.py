from __future__ import annotations

import json
import string
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from orchestrator_runtime import ReportNotSentError, SqsReporter
from orchestrator_runtime.authoring.outcome import presentable
from orchestrator_runtime.authoring.output import output_of
from orchestrator_runtime.contract import MAX_OUTPUT_BYTES, Stage, State
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.models import Report


def report(**other: Any) -> Report:
    given = {"plugin": "Score", **other}
    return Report(uid="q-1", workflow="W", activity="A", stage=Stage.PRE, attempt=1, state=State.COMPLETE, **given)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@mock_aws
def test_a_report_is_the_body_of_one_message() -> None:
    sqs = boto3.client("sqs", region_name="eu-west-1")
    url = sqs.create_queue(QueueName="results")["QueueUrl"]
    reporter = SqsReporter()
    reporter.send(url, report(output={"note": "ü \uffff", "gap": None}))
    reporter.send(url, report(message="again"))
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    bodies = [message["Body"] for message in received]
    assert all(body.isascii() for body in bodies)
    keys = {"uid": "q-1", "workflow": "W", "activity": "A", "stage": "pre", "attempt": 1, "plugin": "Score"}
    assert sorted(map(json.loads, bodies), key=len) == [
        keys | {"state": "Complete", "output": {"note": "ü \uffff", "gap": None}},
        keys | {"state": "Complete", "message": "again"},
    ]


@mock_aws
@pytest.mark.parametrize("name", ["Score", "Driver score", "n" * 64, "A-b.c_d"])
def test_the_message_group_of_a_report_is_the_plugin(name: str) -> None:
    sqs = boto3.client("sqs", region_name="eu-west-1")
    url = sqs.create_queue(QueueName="results")["QueueUrl"]
    SqsReporter().send(url, report(plugin=name))
    (received,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
    group = received["Attributes"]["MessageGroupId"]
    assert group == name.replace(" ", "_")
    # What SQS allows: 1 to 128 characters, alphanumeric or punctuation.
    assert set(group) <= {*string.ascii_letters, *string.digits, *string.punctuation}


class NoQueue:
    def send_message(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yours"}}, "SendMessage")


def test_a_refused_report_says_which_and_what_to_allow() -> None:
    reporter = SqsReporter(NoQueue())  # type: ignore[arg-type]
    with pytest.raises(
        ReportNotSentError, match=r"plugin 'Score' could not report 'Complete' to https://q: .*not yours"
    ):
        reporter.send("https://q", report())


def test_a_client_that_cannot_be_made_is_a_report_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ReportNotSentError, match="region"):
        SqsReporter().send("https://q", report())


class Sent(list[str]):
    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageGroupId: str) -> None:  # noqa: N803 - as SQS
        self.append(MessageBody)


@pytest.mark.parametrize("character", ["x", "\x00", "\x7f", '"', "ü", "\u4e2d", "\uffff", "\U0001f697"], ids=ascii)
def test_the_largest_report_is_a_message_that_sqs_takes(character: str) -> None:
    """It is written in ASCII: a letter of two bytes as six, and one of one, DEL, as six as well."""
    room = MAX_OUTPUT_BYTES - 2
    output = output_of(character * (room // len(compact_json(character)[1:-1].encode())))
    sent = Sent()
    SqsReporter(sent).send("https://q", report(output=output, message=presentable(character * 2_000)))  # type: ignore[arg-type]
    assert len(sent[0]) < 1_048_576
    assert Report.model_validate_json(sent[0]).output == output
