"""The function that reconciles the registry, over moto's SNS, SSM and DynamoDB."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody

from orchestrator_runtime.contract import Env, Stage
from orchestrator_runtime.deployment import Deployment
from orchestrator_runtime.handlers.reconcile import lambda_handler
from orchestrator_runtime.handlers.registration_environment import reconcile_ports
from orchestrator_runtime.subscription_ports import RepairLog
from tests.unit.handlers.conftest import Core
from tests.unit.samples import a_registration

TOPIC = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:letters"


@pytest.fixture
def subscription(core: Core, session: boto3.Session) -> str:
    """A queue that boto3 alone subscribed; the one that the core's own test queue made is gone."""
    name = Deployment("claims", "dev").topic_parameter("Rate", Stage.PARALLEL)
    session.client("ssm").put_parameter(Name=name, Value=TOPIC, Type="String")
    sns = session.client("sns")
    for other in sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=other["SubscriptionArn"])
    policy = {"FilterPolicy": json.dumps({"plugins": ["Letters"]})}
    return sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE, Attributes=policy)["SubscriptionArn"]


def added(arn: str) -> dict[str, Any]:
    repair = {
        "action": "added",
        "stage": "Rate/parallel",
        "plugin": "Letters",
        "subscription_arn": arn,
        "detail": "it was subscribed, but not registered",
    }
    return {"repairs": [repair], "problems": [], "checked": 1}


SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


@pytest.mark.parametrize(
    "event", [{}, SCHEDULED, {"repair": True, "activity": None}, {"repair": True, "activity": "Rate"}], ids=str
)
def test_what_is_subscribed_is_registered(core: Core, subscription: str, event: dict[str, Any]) -> None:
    assert lambda_handler(event, None) == added(subscription)
    [registered] = core.registry.registrations("Rate", Stage.PARALLEL)
    assert (registered.name, registered.kind, registered.endpoint) == ("Letters", "queue", QUEUE)
    repaired, done = core.lines()
    assert (repaired["message"], repaired["plugin"], repaired["action"]) == (
        "registration repaired",
        "Letters",
        "added",
    )
    assert (done["message"], done["checked"], done["repairs"], done["problems"]) == ("reconciled", 1, 1, 0)
    assert done.get("RegistrationProblems") == (None if event.get("activity") else [0])
    assert lambda_handler(event, None) == {"repairs": [], "problems": [], "checked": 1}


def test_only_looking_says_what_would_be_done(core: Core, subscription: str) -> None:
    found = lambda_handler({"repair": False, "activity": None}, None)
    assert found["repairs"] == added(subscription)["repairs"]
    assert [problem["kind"] for problem in found["problems"]] == ["not-registered"]
    assert json.loads(json.dumps(found)) == found
    assert core.registry.registrations("Rate", Stage.PARALLEL) == []
    problem, done = core.lines()
    assert (problem["message"], problem["level"], problem["kind"]) == (
        "registration problem",
        "WARNING",
        "not-registered",
    )
    assert (done["message"], "RegistrationProblems" in done) == ("reconciled", False)


def test_an_event_of_cloudtrail_leads_to_what_it_names(core: Core, subscription: str, session: boto3.Session) -> None:
    def hear(name: str, **asked: str) -> dict[str, Any]:
        detail = {"eventName": name, "requestParameters": asked, "responseElements": None}
        return lambda_handler({"detail-type": "AWS API Call via CloudTrail", "detail": detail}, None)

    assert hear("Subscribe", topicArn=TOPIC, endpoint=QUEUE, protocol="sqs") == added(subscription)
    session.client("sns").unsubscribe(SubscriptionArn=subscription)
    (repair,) = hear("Unsubscribe", subscriptionArn=subscription)["repairs"]
    assert (repair["action"], repair["detail"]) == ("removed", "its subscription is gone")
    assert core.rows("registry") == []
    assert hear("Publish", topicArn=TOPIC) == {"repairs": [], "problems": [], "checked": 0}


def test_a_managed_registration_goes_with_its_subscription(core: Core, subscription: str) -> None:
    gone = a_registration(owner="arn:stack")
    assert core.registry.register(gone) is None
    found = lambda_handler({}, None)
    assert {repair["plugin"]: repair["action"] for repair in found["repairs"]} == {
        "Letters": "added",
        "Score": "removed",
    }
    assert [plugin.name for plugin in core.registry.registrations("Rate", Stage.PARALLEL)] == ["Letters"]


@pytest.fixture
def function(core: Core, session: boto3.Session) -> Iterator[str]:
    """A function that is subscribed. Lambda's answers are made by hand: moto runs no function without Docker."""
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:score"
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:*"}]}
    says = StreamingBody(io.BytesIO(b'{"pluginName": "Score", "order": 10}'), 36)
    answers: dict[str, dict[str, Any]] = {
        "GetFunctionConfiguration": {"Version": "$LATEST", "RevisionId": "4b1c", "State": "Active"},
        "GetPolicy": {"Policy": json.dumps(policy)},
        "Invoke": {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": says},
    }

    def answer(model: Any, **_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        return SimpleNamespace(status_code=200), answers[model.name]

    # What a hook returns is the answer, though its type says that it returns nothing.
    hook: Any = answer
    session.events.register("before-call.lambda", hook)
    session.client("sns").subscribe(TopicArn=TOPIC, Protocol="lambda", Endpoint=arn)
    yield arn
    session.events.unregister("before-call.lambda", hook)


def test_a_function_is_looked_at_asked_and_registered_as_it_says(core: Core, subscription: str, function: str) -> None:
    lambda_handler({}, None)
    registered = {plugin.name: plugin for plugin in core.registry.registrations("Rate", Stage.PARALLEL)}
    assert (registered["Score"].endpoint, registered["Score"].order) == (function, 10)
    changed = {"eventName": "UpdateFunctionCode20150331v2", "requestParameters": {"functionName": function}}
    followed = lambda_handler({"detail-type": "AWS API Call via CloudTrail", "detail": changed}, None)
    assert (followed["checked"], followed["repairs"]) == (1, [])


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"repair": "yes"}, "repair must be true or false, got str"),
        ({"activity": 7}, "activity must be the name of one, or null for all, got int"),
        ({"detail-type": "Other"}, "events of this detail-type are not understood"),
        ({"detail-type": {"Other": 1}}, "events of this detail-type are not understood"),
        (["Rate"], "the event must be an object, got list"),
    ],
)
def test_what_is_asked_wrongly_is_refused(core: Core, event: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        lambda_handler(event, None)


class Silent:
    """Logs nothing."""

    def repaired(self, repair: object) -> None: ...
    def failed(self, error: Exception, **about: str) -> None: ...


def test_clients_keep_to_what_their_services_can_bear(core: Core) -> None:
    log: RepairLog = Silent()
    ports: Any = reconcile_ports(log)
    for reader in (ports.subscriptions._client, ports.functions._reader):
        assert reader.meta.config.retries["mode"] == "adaptive"
    caller = ports.functions._caller.meta.config
    assert (caller.retries["total_max_attempts"], caller.read_timeout) == (1, 15)


def test_without_its_environment_it_says_what_is_missing(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(Env.ACTIVITIES_PATH)
    with pytest.raises(Exception, match="ORCHESTRATOR_ACTIVITIES_PATH is not set"):
        lambda_handler({}, None)
