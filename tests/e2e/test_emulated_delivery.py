"""How the local AWS delivers to functions: tried again, given up, told of, as Lambda and SNS do it."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator_cli.local import LocalEnvironment
from tests.e2e.system import eventually

pytestmark = pytest.mark.e2e

_CODE = """
import json, os, boto3

def handler(event, context):
    told = json.loads(event["Records"][0]["Sns"]["Message"])
    table = boto3.resource("dynamodb").Table("delivery-tries")
    counted = table.update_item(
        Key={"name": told["name"]}, UpdateExpression="ADD tries :one", ExpressionAttributeValues={":one": 1},
        ReturnValues="ALL_NEW",
    )
    if counted["Attributes"]["tries"] <= told["failures"]:
        raise ValueError("not yet")
    return {"tries": int(counted["Attributes"]["tries"])}
"""
_NAMES = (f"delivery-{number}" for number in itertools.count(1))
_STATEMENT = "topic"
_ROLE = "arn:aws:iam::000000000000:role/delivery"


@dataclass(frozen=True)
class Delivery:
    """A topic, a function subscribed to it, and a queue that is told."""

    aws: LocalEnvironment
    name: str
    topic: str
    function: str
    queue_url: str
    queue: str

    def send(self, failures: int) -> None:
        message = json.dumps({"name": self.name, "failures": failures})
        self.aws.client("sns").publish(TopicArn=self.topic, Message=message)

    def tell(self, *, qualifier: str | None = None, **settings: Any) -> None:
        """Set how the function is invoked asynchronously."""
        if qualifier:
            settings["Qualifier"] = qualifier
        self.aws.client("lambda").put_function_event_invoke_config(FunctionName=self.name, **settings)

    def allow(self, topic: str, *, qualifier: str | None = None) -> None:
        """Let a topic call the function, or its alias."""
        of: Any = {"Qualifier": qualifier} if qualifier else {}
        self.aws.client("lambda").add_permission(
            FunctionName=self.name,
            StatementId=qualifier or _STATEMENT,
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
            SourceArn=topic,
            **of,
        )

    def forbid(self) -> None:
        """Take back what lets a topic call the function."""
        self.aws.client("lambda").remove_permission(FunctionName=self.name, StatementId=_STATEMENT)

    def subscribe(self, endpoint: str, **attributes: str) -> str:
        answer = self.aws.client("sns").subscribe(
            TopicArn=self.topic, Protocol="lambda", Endpoint=endpoint, Attributes=attributes, ReturnSubscriptionArn=True
        )
        return answer["SubscriptionArn"]

    @property
    def tries(self) -> int:
        """How often the function was entered."""
        table = self.aws.session.resource("dynamodb").Table("delivery-tries")
        item = table.get_item(Key={"name": self.name}, ConsistentRead=True).get("Item")
        return int(str(item["tries"])) if item else 0

    def told(self) -> dict[str, Any] | None:
        """The next message of the queue."""
        messages = self.aws.client("sqs").receive_message(QueueUrl=self.queue_url, WaitTimeSeconds=1)
        found: list[dict[str, Any]] = [json.loads(message["Body"]) for message in messages.get("Messages", [])]
        return found[0] if found else None


@pytest.fixture(scope="module")
def tries_table(local_aws: LocalEnvironment) -> None:
    local_aws.client("dynamodb").create_table(
        TableName="delivery-tries",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def delivery(local_aws: LocalEnvironment, tries_table: None) -> Delivery:
    name = next(_NAMES)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as code:
        code.writestr("index.py", _CODE)
    function = local_aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=_ROLE,
        Timeout=30,
        Code={"ZipFile": packed.getvalue()},
    )["FunctionArn"]
    queue_url = local_aws.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    queue = local_aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    topic = local_aws.client("sns").create_topic(Name=name)["TopicArn"]
    delivery = Delivery(local_aws, name, topic, function, queue_url, queue["Attributes"]["QueueArn"])
    delivery.allow(topic)
    return delivery


def test_a_call_that_fails_is_tried_twice_more(delivery: Delivery) -> None:
    delivery.tell(DestinationConfig={"OnSuccess": {"Destination": delivery.queue}})
    subscription = delivery.subscribe(delivery.function)
    delivery.send(failures=2)
    record = eventually(delivery.told, what="the record of a success")
    assert delivery.tries == 3
    assert set(record) == {
        "version", "timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload",
    }  # fmt: skip
    context = record["requestContext"]
    assert (context["condition"], context["functionArn"]) == ("Success", f"{delivery.function}:$LATEST")
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"tries": 3}
    [called] = record["requestPayload"]["Records"]
    assert called["EventSubscriptionArn"] == subscription
    assert json.loads(called["Sns"]["Message"]) == {"name": delivery.name, "failures": 2}


def test_a_call_that_always_fails_is_given_up_and_told_of(delivery: Delivery) -> None:
    delivery.tell(DestinationConfig={"OnFailure": {"Destination": delivery.queue}})
    delivery.subscribe(delivery.function)
    delivery.send(failures=99)
    record = eventually(delivery.told, what="the record of a failure")
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == delivery.tries == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "not yet"


def test_a_destination_for_failures_is_not_told_of_a_success(delivery: Delivery) -> None:
    delivery.tell(DestinationConfig={"OnFailure": {"Destination": delivery.queue}}, MaximumRetryAttempts=0)
    delivery.subscribe(delivery.function)
    delivery.send(failures=0)
    eventually(lambda: delivery.tries or None, what="the call")
    delivery.send(failures=99)
    record = eventually(delivery.told, what="the record of a failure")
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert delivery.tries == 2
    assert delivery.told() is None


def test_an_alias_has_its_own_settings_and_its_own_name_in_the_record(delivery: Delivery) -> None:
    functions = delivery.aws.client("lambda")
    version = functions.publish_version(FunctionName=delivery.name)["Version"]
    alias = functions.create_alias(FunctionName=delivery.name, Name="live", FunctionVersion=version)["AliasArn"]
    destination = {"OnFailure": {"Destination": delivery.queue}}
    delivery.tell(qualifier="live", DestinationConfig=destination, MaximumRetryAttempts=1)
    delivery.subscribe(alias)
    delivery.allow(delivery.topic, qualifier="live")
    delivery.send(failures=99)
    record = eventually(delivery.told, what="the record of a failure")
    assert record["requestContext"]["functionArn"] == alias == f"{delivery.function}:live"
    assert record["requestContext"]["approximateInvokeCount"] == delivery.tries == 2
    assert record["responseContext"]["executedVersion"] == version


def test_a_functions_dead_letter_queue_gets_the_event_itself(delivery: Delivery) -> None:
    delivery.aws.client("lambda").update_function_configuration(
        FunctionName=delivery.name, DeadLetterConfig={"TargetArn": delivery.queue}
    )
    delivery.tell(MaximumRetryAttempts=0)
    delivery.subscribe(delivery.function)
    delivery.send(failures=99)
    event = eventually(delivery.told, what="the dead letter")
    assert json.loads(event["Records"][0]["Sns"]["Message"])["name"] == delivery.name


def test_a_call_to_a_deleted_function_goes_to_the_subscriptions_dead_letter_queue(delivery: Delivery) -> None:
    delivery.subscribe(delivery.function, RedrivePolicy=json.dumps({"deadLetterTargetArn": delivery.queue}))
    delivery.aws.client("lambda").delete_function(FunctionName=delivery.name)
    delivery.send(failures=0)
    notification = eventually(delivery.told, what="the dead letter")
    assert (notification["Type"], notification["TopicArn"]) == ("Notification", delivery.topic)
    assert json.loads(notification["Message"])["name"] == delivery.name


@pytest.mark.parametrize("allowed", [None, "another", "its alias"])
def test_a_call_that_is_not_allowed_goes_to_the_subscriptions_dead_letter_queue(
    delivery: Delivery, allowed: str | None
) -> None:
    delivery.subscribe(delivery.function, RedrivePolicy=json.dumps({"deadLetterTargetArn": delivery.queue}))
    delivery.forbid()
    if allowed == "another":
        delivery.allow(f"{delivery.topic}-too")
    elif allowed == "its alias":
        functions = delivery.aws.client("lambda")
        version = functions.publish_version(FunctionName=delivery.name)["Version"]
        functions.create_alias(FunctionName=delivery.name, Name="live", FunctionVersion=version)
        delivery.allow(delivery.topic, qualifier="live")
    delivery.send(failures=0)
    notification = eventually(delivery.told, what="the dead letter")
    assert json.loads(notification["Message"])["name"] == delivery.name
    assert delivery.tries == 0


def test_a_call_that_is_allowed_by_a_pattern_arrives(delivery: Delivery) -> None:
    delivery.forbid()
    delivery.allow("arn:aws:sns:us-east-1:000000000000:delivery-*")
    delivery.subscribe(delivery.function)
    delivery.send(failures=0)
    eventually(lambda: delivery.tries or None, what="the call")


def test_an_event_sent_to_a_function_goes_the_same_way(delivery: Delivery) -> None:
    delivery.tell(DestinationConfig={"OnFailure": {"Destination": delivery.queue}}, MaximumRetryAttempts=0)
    payload = json.dumps({"Records": []}).encode()
    delivery.aws.client("lambda").invoke(FunctionName=delivery.name, InvocationType="Event", Payload=payload)
    record = eventually(delivery.told, what="the record of a failure")
    assert record["requestPayload"] == {"Records": []}
    assert record["responsePayload"]["errorMessage"] == "list index out of range"
