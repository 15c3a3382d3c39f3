from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from orchestrator_runtime import ReportNotSentError, SqsReporter
from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.models import Report


def report(**other: Any) -> Report:
    return Report(
        uid="q-1", workflow="W", activity="A", stage=Stage.PRE, attempt=1, plugin="Score", state=State.COMPLETE, **other
    )


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
