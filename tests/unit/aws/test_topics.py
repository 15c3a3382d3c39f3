"""What is published reaches, through SNS's own filters, who asked for it."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from orchestrator_runtime.aws.topics import SnsPublisher
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.message import Message, address, message_body
from tests.unit.moto_tables import REGION
from tests.unit.samples import NOW, stage_ref

PREFIX = f"arn:aws:sns:{REGION}:123456789012:claims-dev-"
METADATA = {
    "line": "auto",
    "premium": 1200.5,
    "small": 0.00001,
    "vip": True,
    "states": ["CA", "NV", 7, None],
    "note": "ü \U0001f697",
    "nothing": None,
    "empty": "",
    "nested": {"a": 1},
    "bad name": "stays in the body",
}
KEYS = ("vip", "premium", "small", "line", "note", "states", "nothing", "empty", "nested", "bad name")


def message(*names: str) -> Message:
    body = message_body(stage_ref(), METADATA, {"Validate/pre/Address": {"ok": True}}, report_to="https://q", now=NOW)
    return address(stage_ref(), body, names, METADATA, KEYS)


class Subscriber:
    """A queue behind a filter."""

    def __init__(self, topic: str, name: str, policy: dict[str, Any], scope: str = "MessageAttributes") -> None:
        self._sqs = boto3.client("sqs")
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        boto3.client("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope},
        )

    def received(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def topic(aws: None) -> str:
    return boto3.client("sns").create_topic(Name="claims-dev-Rate-parallel")["TopicArn"]


@pytest.fixture
def publisher(topic: str) -> SnsPublisher:
    return SnsPublisher(boto3.client("sns"), PREFIX)


def test_the_message_and_its_attributes_arrive_as_made(publisher: SnsPublisher, topic: str) -> None:
    subscriber = Subscriber(topic, "all", {})
    publisher.publish("Rate", Stage.PARALLEL, message("Score", "Ärger"))
    [notification] = subscriber.received()
    body = json.loads(notification["Message"])
    assert body["metadata"] == METADATA
    assert body["plugins"] == ["Score", "Ärger"]
    assert body["outputs"] == {"Validate/pre/Address": {"ok": True}}
    attributes = {name: (a["Type"], a["Value"]) for name, a in notification["MessageAttributes"].items()}
    assert attributes.pop("premium") in {("Number", "1200.5"), ("Number", 1200.5)}
    assert attributes == {
        "workflow": ("String", "NewBusiness"),
        "plugins": ("String.Array", '["Score", "Ärger"]'),
        "vip": ("String", "true"),
        "line": ("String", "auto"),
        "note": ("String", "ü \U0001f697"),
        "small": ("Number", "0.00001"),
        "states": ("String.Array", '["CA", "NV", 7]'),
    }


@pytest.mark.parametrize(
    ("policy", "scope", "reached"),
    [
        ({"plugins": ["Score"]}, "MessageAttributes", True),
        ({"plugins": ["Other"]}, "MessageAttributes", False),
        ({"plugins": ["Score"], "line": ["auto"]}, "MessageAttributes", True),
        ({"plugins": ["Score"], "line": ["home"]}, "MessageAttributes", False),
        ({"premium": [{"numeric": [">=", 1000]}]}, "MessageAttributes", True),
        ({"premium": [{"numeric": ["<", 1000]}]}, "MessageAttributes", False),
        ({"vip": ["true"]}, "MessageAttributes", True),
        ({"states": ["NV"]}, "MessageAttributes", True),
        ({"workflow": [{"prefix": "New"}]}, "MessageAttributes", True),
        ({"nothing": [{"exists": False}]}, "MessageAttributes", True),
        ({"metadata": {"line": ["auto"]}, "plugins": ["Score"]}, "MessageBody", True),
        ({"metadata": {"nested": {"a": [2]}}}, "MessageBody", False),
    ],
    ids=str,
)
def test_subscriptions_select_by_what_is_sent(
    publisher: SnsPublisher, topic: str, policy: dict[str, Any], scope: str, reached: bool
) -> None:
    subscriber = Subscriber(topic, "some", policy, scope)
    publisher.publish("Rate", Stage.PARALLEL, message("First", "Score"))
    assert bool(subscriber.received()) is reached


def test_each_stage_has_its_own_topic(publisher: SnsPublisher, topic: str) -> None:
    other = boto3.client("sns").create_topic(Name="claims-dev-Rate-post")["TopicArn"]
    here, there = Subscriber(topic, "here", {}), Subscriber(other, "there", {})
    publisher.publish("Rate", Stage.POST, message("Score"))
    assert (here.received(), len(there.received())) == ([], 1)


def test_a_topic_that_is_not_there_is_an_error(publisher: SnsPublisher) -> None:
    with pytest.raises(boto3.client("sns").exceptions.NotFoundException):
        publisher.publish("Unknown", Stage.PRE, message("Score"))
