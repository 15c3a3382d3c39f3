"""A plugin of another account, as far as the local AWS knows accounts.

It subscribes, is called and reports across accounts. CloudFormation of one account calling a function of another is
beyond it: that request is handed over by the test. Who is kept out is beyond it as well, and tested by template.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from orchestrator_cli.local import LocalEnvironment
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE, RegistrationProperty
from tests.e2e.conftest import APPS
from tests.e2e.outside_consumer import outside_consumer
from tests.e2e.system import System, plugins

pytestmark = pytest.mark.e2e

PARTNER = "111111111111"
QUEUE = f"arn:aws:sqs:us-east-1:{PARTNER}:asked"
TOPIC = "arn:aws:sns:us-east-1:000000000000:open-e2e-Partners-parallel"
POLICY = {"ask": ["partner"]}


@pytest.fixture(scope="module")
def system(local_aws: LocalEnvironment) -> System:
    local_aws.deploy(APPS / "open")
    return System(local_aws, "open", "e2e")


@pytest.fixture(scope="module")
def partner(system: System) -> Callable[[str], Any]:
    """Makes clients of the other account; the local AWS takes a key of twelve digits for an account."""
    session: Any = boto3.Session(PARTNER, "none", region_name="us-east-1")
    return lambda service: session.client(service, endpoint_url=system.aws.endpoint_url)


@pytest.fixture(scope="module")
def subscription(system: System, partner: Callable[[str], Any]) -> Iterator[str]:
    """The partner's queue, subscribed to the stage."""
    sqs = partner("sqs")
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allowed, "Resource": QUEUE}]}
    url = sqs.create_queue(QueueName="asked", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    arn = partner("sns").subscribe(
        TopicArn=TOPIC,
        Protocol="sqs",
        Endpoint=QUEUE,
        Attributes={"FilterPolicy": json.dumps({"plugins": ["Partner"]}), "RawMessageDelivery": "true"},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    with outside_consumer(lambda: partner("sqs"), "Partner", [url]):
        yield arn


def registration(subscription: str) -> dict[str, str]:
    """What the partner's Plugin construct would ask the core's function to register."""
    return {
        RegistrationProperty.ACTIVITY: "Partners",
        RegistrationProperty.STAGE: "parallel",
        RegistrationProperty.NAME: "Partner",
        RegistrationProperty.SUBSCRIPTION_ARN: subscription,
        RegistrationProperty.KIND: "queue",
        RegistrationProperty.REPORTS_START: "false",
        RegistrationProperty.FILTER_POLICY: json.dumps(POLICY),
    }


def test_a_plugin_of_another_account_takes_part(system: System, subscription: str) -> None:
    s3 = system.aws.client("s3")
    s3.create_bucket(Bucket="answers")
    request: dict[str, Any] = {
        "RequestType": "Create",
        "ResponseURL": f"{system.aws.endpoint_url}/answers/partner",
        "StackId": f"arn:aws:cloudformation:us-east-1:{PARTNER}:stack/partner/1",
        "RequestId": "1",
        "LogicalResourceId": "Partner",
        "ResourceType": REGISTRATION_RESOURCE_TYPE,
        "ResourceProperties": registration(subscription),
    }
    register = system.deployment.function(Handler.REGISTER_PLUGIN)
    system.aws.client("lambda").invoke(FunctionName=register, Payload=json.dumps(request))
    answer = json.loads(s3.get_object(Bucket="answers", Key="partner")["Body"].read())
    assert answer["Status"] == "SUCCESS", answer["Reason"]

    run = system.run("Ask", "asked", {"ask": "partner"})
    assert run.exit_code == 0, run.stderr
    assert plugins(run.document)["Partners/parallel/Partner"]["state"] == "Complete"

    looked = system.tell("plugins", "reconcile", "--json").document
    assert looked["repairs"] == [], "what cannot be read of another account is as its construct said"
    assert plugins(system.run("Ask", "not-asked", {"ask": "nobody"}).document) == {}
