"""A deployed core as its functions see it: tables, a topic, a queue, and the environment that names them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.contract import Env, Stage
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from orchestrator_runtime.handlers import custom_resource, environment, reconcile, record_result
from orchestrator_runtime.handlers.record_result import PlanMemory
from orchestrator_runtime.handlers.register_plugin import lambda_handler as register_plugin
from orchestrator_runtime.protocol.report_memory import ReportMemory
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.registry import DynamoRegistry
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.unit.cloudformation_desk import Desk, desk
from tests.unit.handlers.events import STACK, SUBSCRIPTION
from tests.unit.moto_tables import CONTROL, REGION, REGISTRY, STATUS, create_tables, items, refuse_bad_keys
from tests.unit.samples import NOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sns import SNSClient


@dataclass
class Core:
    """What a test looks at from outside the functions."""

    client: DynamoDBClient
    sns: SNSClient
    queue: Any
    log: io.StringIO
    signals: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    dead_tokens: set[str] = field(default_factory=set)

    @property
    def status(self) -> DynamoStatusStore:
        return DynamoStatusStore(self.client, STATUS)

    @property
    def control(self) -> DynamoControlStore:
        return DynamoControlStore(self.client, CONTROL)

    @property
    def registry(self) -> DynamoRegistry:
        return DynamoRegistry(self.client, REGISTRY)

    def deploy(self, *registrations: Registration, activity: str = "Rate", **settings: Any) -> None:
        """Deploy an activity's three stages, and register plugins."""
        endpoint = self.queue.attributes["QueueArn"]
        for stage in Stage:
            if stage.is_sequential:
                topic = self.sns.create_topic(Name=f"claims-dev-{activity}-{stage}")["TopicArn"]
                self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
            self.registry.put_settings(activity, stage, StageSettings(**settings), owner="arn:stack", now=NOW)
        for registration in registrations:
            assert self.registry.put(registration)

    def rows(self, table: str = STATUS) -> list[dict[str, Any]]:
        return items(self.client, table)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def published(self) -> list[dict[str, Any]]:
        """The bodies published to the topics of the stages since the last look."""
        messages = self.queue.receive_messages(MaxNumberOfMessages=10)
        for message in messages:
            message.delete()
        return [json.loads(json.loads(message.body)["Message"]) for message in messages]

    def document(self, uid: str = "q-1", workflow: str = "NewBusiness") -> dict[str, Any]:
        document = self.status.run_document(uid=uid, workflow=workflow)
        assert document is not None
        return document

    def on_signal(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        """Answers SendTaskSuccess and SendTaskFailure; moto has no task tokens."""
        sent = json.loads(params["body"])
        self.signals.append((model.name, sent))
        if sent["taskToken"] in self.dead_tokens:
            return SimpleNamespace(status_code=400), {"Error": {"Code": "TaskTimedOut", "Message": "dead"}}
        return SimpleNamespace(status_code=200), {}


@pytest.fixture
def cloudformation(aws: None, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with desk() as taken:
        monkeypatch.setenv("AWS_REGION", REGION)
        # The functions take requests of the local AWS alone; their clients still are moto's.
        monkeypatch.setenv("AWS_ENDPOINT_URL", taken.origin)
        monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
        hook: Any = taken.attributes
        session.events.register("before-call.sns.GetSubscriptionAttributes", hook)
        yield taken
        session.events.unregister("before-call.sns.GetSubscriptionAttributes", hook)


def request(cloudformation: Desk, kind: str, properties: Any, **other: Any) -> dict[str, Any]:
    """A request for a plugin's custom resource."""
    return {
        "RequestType": kind,
        "ResponseURL": cloudformation.url,
        "StackId": STACK,
        "RequestId": f"r-{len(cloudformation.told)}",
        "LogicalResourceId": "Score",
        "ResourceType": REGISTRATION_RESOURCE_TYPE,
        "ResourceProperties": properties,
        **({} if kind == "Create" else {"PhysicalResourceId": SUBSCRIPTION}),
    } | other


def ask(cloudformation: Desk, kind: str, properties: Any, **other: Any) -> dict[str, Any]:
    """Deploy a plugin's subscription and its custom resource as CloudFormation does; what it was told."""
    if kind != "Delete" and isinstance(properties, dict) and properties.get(P.SUBSCRIPTION_ARN):
        cloudformation.subscribe(properties[P.SUBSCRIPTION_ARN], str(properties.get(P.NAME)))
    answer: dict[str, Any] = told(cloudformation, register_plugin, request(cloudformation, kind, properties, **other))
    return answer


def told(cloudformation: Desk, handler: Callable[[dict[str, Any], object], None], event: dict[str, Any]) -> Any:
    """Send a request; what CloudFormation was told."""
    before = len(cloudformation.told)
    handler(event, None)
    assert len(cloudformation.told) == before + 1
    answer: dict[str, Any] = cloudformation.told[-1].document
    assert answer["RequestId"] == event["RequestId"]
    return answer


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    """One session for all tests: it remembers the services' models, which take long to read."""
    return boto3.Session("testing", "testing", region_name=REGION)


@pytest.fixture
def core(aws: None, session: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    environment.client.cache_clear()
    queue = session.resource("sqs").create_queue(QueueName="plugins")
    sns = session.client("sns")
    topic = sns.create_topic(Name="claims-dev-Rate-parallel")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.attributes["QueueArn"])
    client = session.client("dynamodb")
    create_tables(client)
    for name, value in {
        Env.STATUS_TABLE: STATUS,
        Env.CONTROL_TABLE: CONTROL,
        Env.REGISTRY_TABLE: REGISTRY,
        Env.RESULTS_QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results",
        Env.TOPIC_ARN_PREFIX: topic.removesuffix("Rate-parallel"),
        Env.RETENTION_DAYS: "90",
        Env.ACTIVITIES_PATH: "/claims/dev/activities/",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(record_result, "_memory", PlanMemory())
    monkeypatch.setattr(record_result, "_reports", ReportMemory())
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "claims-dev")
    log = io.StringIO()
    core = Core(client=client, sns=sns, queue=queue, log=log)
    hooks: dict[str, Callable[..., Any]] = {
        "before-parameter-build.dynamodb": refuse_bad_keys,
        "before-call.sfn.SendTaskSuccess": core.on_signal,
        "before-call.sfn.SendTaskFailure": core.on_signal,
    }
    for event, hook in hooks.items():
        session.events.register(event, hook)
    lines = logging.StreamHandler(log)
    lines.setFormatter(environment.logger.registered_formatter)
    environment.logger.addHandler(lines)
    # In Lambda all lines go to standard output.
    for module in (environment, reconcile, custom_resource):
        monkeypatch.setattr(module, "journal", lambda: LoggedJournal(environment.logger, stream=log))
    try:
        yield core
    finally:
        logging.getLogger(environment.logger.name).removeHandler(lines)
        for event, hook in hooks.items():
            session.events.unregister(event, hook)
        environment.client.cache_clear()
