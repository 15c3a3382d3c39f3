"""Subscriptions made with boto3 alone: found by reconciliation, and by CloudTrail's events, replayed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.system import System, eventually, plugins

pytestmark = pytest.mark.e2e

EVENTS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[1] / "data" / "cloudtrail_events.json").read_text()
)
ROLE = "arn:aws:iam::000000000000:role/plain"
TOPIC = "/faults/e2e/activities/Plain/{stage}/topic-arn"
CODE = """
import json

def handler(event, context):
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    if message.get("initialize"):
        return {answer}
    return {{"seen": message["uid"]}}
"""
"""A function as it is, with an answer to initialize; Lambda's destinations report for it."""


class Team:
    """A team that has boto3 and the names of SSM parameters."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.functions, self.sns = system.aws.client("lambda"), system.aws.client("sns")
        self._queue = system.output(CoreOutput.RESULTS_QUEUE_ARN)

    def function(self, name: str, answer: object) -> str:
        """Deploy a function; returns its ARN."""
        arn = self.functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="index.handler",
            Code={"ZipFile": code(answer)},
        )["FunctionArn"]
        self.functions.add_permission(
            FunctionName=name, StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
        )
        report: Any = {"Destination": self._queue}
        self.functions.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": report, "OnFailure": report}
        )
        return arn

    def subscribe(self, stage: str, endpoint: str, policy: dict[str, Any], protocol: str = "lambda") -> str:
        """Subscribe to a stage of the activity Plain; returns the subscription's ARN."""
        return self.sns.subscribe(
            TopicArn=self.topic(stage),
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes={"FilterPolicy": json.dumps(policy)},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]

    def topic(self, stage: str) -> str:
        parameter = self.system.aws.client("ssm").get_parameter(Name=TOPIC.format(stage=stage))
        return parameter["Parameter"]["Value"]

    def registered(self, stage: str) -> dict[str, dict[str, Any]]:
        """Who is registered to a stage of the activity Plain."""
        document = self.system.tell("plugins", "--activity", "Plain", "--json").document
        found = document["activities"]["Plain"]["stages"][stage]["plugins"]
        return {plugin["name"]: plugin for plugin in found}

    def hear(self, event: str, response: object = None, **request: Any) -> None:
        """Let EventBridge's targets hear CloudTrail's event of that name, about something that has happened."""
        record = EVENTS[event]
        asked = record["detail"]["requestParameters"] | request
        detail = record["detail"] | {"requestParameters": asked, "responseElements": response}
        heard = {**record, "detail": detail, "account": detail["recipientAccountId"], "region": detail["awsRegion"]}
        heard |= {"id": "1", "time": detail["eventTime"], "resources": []}
        # Each core in the account hears of every function.
        ours = self.system.deployment.function(Handler.RECONCILE)
        [function] = [arn for arn in self._targets(json.dumps(heard)) if arn.endswith(f":{ours}")]
        # As EventBridge calls it: asynchronously, and again where it fails.
        self.functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(heard))

    def _targets(self, event: str) -> list[str]:
        """The functions that EventBridge calls for an event. Only AWS itself may put events of its own sources."""
        events = self.system.aws.client("events")
        rules = [rule for rule in events.list_rules()["Rules"] if "EventPattern" in rule]
        matching = [
            rule["Name"]
            for rule in rules
            if events.test_event_pattern(EventPattern=rule["EventPattern"], Event=event)["Result"]
        ]
        return [target["Arn"] for name in matching for target in events.list_targets_by_rule(Rule=name)["Targets"]]


def code(answer: object) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", CODE.format(answer=repr(answer)))
    return archive.getvalue()


@pytest.fixture(scope="module")
def team(core: System) -> Iterator[Team]:
    team = Team(core)
    yield team
    for stage in ("pre", "parallel", "post"):
        for subscription in team.sns.list_subscriptions_by_topic(TopicArn=team.topic(stage))["Subscriptions"]:
            team.sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    assert core.tell("plugins", "reconcile").exit_code == 0


def test_a_subscription_is_picked_up_by_reconciliation(team: Team) -> None:
    answer = {"pluginName": "Archive", "default": {"mandatory": True}, "order": 7}
    arn = team.function("archive", answer)
    subscription = team.subscribe("pre", arn, {"plugins": ["Archive"], "archive": ["yes"]})
    said = team.system.tell("plugins", "reconcile", "--activity", "Plain")
    assert "added Plain/pre Archive" in said.stdout, said.stderr
    assert team.registered("pre")["Archive"]["order"] == 7
    run = team.system.run("Foreign", "archived", {"archive": "yes"})
    assert run.exit_code == 0, run.stderr
    assert plugins(run.document)["Plain/pre/Archive"]["state"] == "Complete"

    again = team.system.tell("plugins", "reconcile", "--activity", "Plain", "--json").document
    assert again["repairs"] == [], "there is nothing left to repair"
    team.sns.unsubscribe(SubscriptionArn=subscription)
    assert "removed Plain/pre Archive" in team.system.tell("plugins", "reconcile").stdout


def test_events_of_cloudtrail_are_followed(team: Team) -> None:
    arn = team.function("billing", {"pluginName": "Billing", "default": {"mandatory": False}})
    subscription = team.subscribe("parallel", arn, {"plugins": ["Billing"]})
    topic = team.topic("parallel")

    team.hear("Subscribe", topicArn=topic, protocol="lambda", endpoint=arn)
    # Of a function that was deployed a moment ago the answer may be missing at first.
    found = eventually(
        lambda: plugin if (plugin := team.registered("parallel").get("Billing")) and not plugin["mandatory"] else None,
        what="the subscription, with what its function answers",
    )
    assert found["filter_policy"] == {"plugins": ["Billing"]}

    policy = {"plugins": ["Billing"], "line": ["auto"]}
    team.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
    )
    team.hear("SetSubscriptionAttributes", subscriptionArn=subscription)
    changed = eventually(
        lambda: plugin if (plugin := team.registered("parallel")["Billing"])["filter_policy"] == policy else None,
        what="the changed filter",
    )
    assert changed["subscription_arn"] == subscription
    assert plugins(team.system.run("Foreign", "no-auto", {"line": "home"}).document) == {}
    called = team.system.run("Foreign", "auto", {"line": "auto"})
    assert plugins(called.document)["Plain/parallel/Billing"]["state"] == "Complete"

    team.functions.update_function_code(
        FunctionName="billing", ZipFile=code({"pluginName": "Billing", "default": {"mandatory": True}})
    )
    team.hear("UpdateFunctionCode20150331v2", functionName=arn)
    eventually(lambda: team.registered("parallel")["Billing"]["mandatory"] or None, what="the new answer")

    team.functions.delete_function(FunctionName="billing")
    team.hear("DeleteFunction20150331", functionName="billing")
    eventually(lambda: "Billing" not in team.registered("parallel") or None, what="the end of the function")


def test_a_queue_is_registered_by_its_filter_and_removed_when_it_unsubscribes(team: Team) -> None:
    sqs = team.system.aws.client("sqs")
    url = sqs.create_queue(QueueName="letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = team.subscribe("post", arn, {"plugins": ["Letters"], "letters": ["yes"]}, protocol="sqs")
    answer = {"subscriptionArn": subscription}
    team.hear("Subscribe", answer, topicArn=team.topic("post"), protocol="sqs", endpoint=arn)
    found = eventually(lambda: team.registered("post").get("Letters"), what="the queue")
    assert (found["kind"], found["reports_start"]) == ("queue", False)
    team.sns.unsubscribe(SubscriptionArn=subscription)
    team.hear("Unsubscribe", subscriptionArn=subscription)
    eventually(lambda: "Letters" not in team.registered("post") or None, what="the end of the subscription")


def test_keys_that_do_not_fit_are_a_problem_of_the_newcomer(team: Team) -> None:
    """Two subscriptions name eight keys, which is as many as travel; a third one names another."""
    keys = [f"key{number}" for number in range(8)]
    named = {"First": keys[:4], "Second": keys[4:], "Newcomer": ["another"]}
    for name, its_keys in named.items():
        arn = team.function(name.lower(), {"pluginName": name, "default": {"mandatory": True}})
        team.subscribe("parallel", arn, {"plugins": [name], **{key: ["yes"] for key in its_keys}})
        assert f"added Plain/parallel {name}" in team.system.tell("plugins", "reconcile", "--activity", "Plain").stdout
    doctor = team.system.tell("plugins", "doctor", "--activity", "Plain").stdout
    assert "keys-do-not-fit Plain/parallel Newcomer: " in doctor
    assert '"another"' in doctor

    crowded = team.system.run("Foreign", "crowded", dict.fromkeys([*keys, "another"], "yes"))
    assert crowded.exit_code == 0, crowded.stderr
    assert {name: row["state"] for name, row in plugins(crowded.document).items()} == {
        "Plain/parallel/First": "Complete",
        "Plain/parallel/Second": "Complete",
    }
    alone = team.system.run("Foreign", "alone", {"another": "yes"})
    assert plugins(alone.document)["Plain/parallel/Newcomer"]["state"] == "Complete"
