"""An alert reaches who asked for it: machines get the document, and people the text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from orchestrator_runtime.aws.alerts import SnsAlerts
from orchestrator_runtime.core.alert import Alert, AlertKind
from tests.unit.moto_tables import REGION

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

ALERT = Alert(
    kind=AlertKind.OVERDUE,
    workflow="NewBusiness",
    id="one",
    subject="claims-dev: NewBusiness q-1 is overdue",
    text="NewBusiness q-ü takes longer than expected.\n",
    document={"id": "one", "uid": "q-ü"},
)


@pytest.fixture
def sns(aws: None) -> SNSClient:
    return boto3.client("sns", region_name=REGION)


def test_a_subscriber_gets_the_document_and_can_filter_by_workflow_and_kind(sns: SNSClient) -> None:
    topic = sns.create_topic(Name="claims-dev-alerts")["TopicArn"]
    queues = [boto3.resource("sqs", region_name=REGION).create_queue(QueueName=f"q-{number}") for number in range(2)]
    policies = [{"workflow": ["NewBusiness"], "kind": ["overdue"]}, {"kind": ["overdue-ended"]}]
    for queue, policy in zip(queues, policies, strict=True):
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=queue.attributes["QueueArn"],
            Attributes={"FilterPolicy": json.dumps(policy)},
        )
    SnsAlerts(sns, topic).publish(ALERT)
    received = [[json.loads(message.body) for message in queue.receive_messages()] for queue in queues]
    assert received[1] == []
    [told] = received[0]
    assert (told["Subject"], json.loads(told["Message"])) == (ALERT.subject, ALERT.document)


def test_mail_shows_the_text(sns: SNSClient) -> None:
    sent: list[dict[str, Any]] = []
    sns.meta.events.register("provide-client-params.sns.Publish", lambda params, **_: sent.append(params))
    SnsAlerts(sns, sns.create_topic(Name="claims-dev-alerts")["TopicArn"]).publish(ALERT)
    [request] = sent
    assert request["MessageStructure"] == "json"
    assert json.loads(request["Message"]) == {"default": '{"id":"one","uid":"q-ü"}', "email": ALERT.text}
