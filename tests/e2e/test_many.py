"""Many at once: two hundred plugins on one stage, five hundred runs, ten starts of one run.

The plugins are queues that a program outside of Lambda reads: the emulator runs each function as a process
of its own, and two hundred of those would say more about this machine than about the core.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from orchestrator_runtime.contract import MAX_PLUGINS_PER_STAGE, DeadLetters, ErrorName, Stage
from orchestrator_runtime.deployment import CoreOutput
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.e2e.outside_consumer import outside_consumer, work_on
from tests.e2e.system import System, eventually, states, told

pytestmark = pytest.mark.e2e

Given = TypeVar("Given")
Got = TypeVar("Got")

RUNS = int(os.environ.get("ORCHESTRATOR_TEST_RUNS", "100"))
AT_ONCE = 10
"""Calls of the test itself; an AWS client has as many connections."""
LONG = 600.0
WAITING: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


@dataclass(frozen=True)
class QueuePlugins:
    """Queues that are subscribed to the parallel stage of an activity with the AWS API alone.

    Attributes:
        system: The system.
        activity: The activity.
        names: The plugins' names, by the URLs of their queues.
    """

    system: System
    activity: str
    names: dict[str, str]

    @classmethod
    def subscribe(cls, system: System, activity: str, names: Sequence[str]) -> QueuePlugins:
        """Make the queues, subscribe them, and let reconciliation register them."""
        topic = _topic(system, activity)
        sqs, sns = system.aws.client("sqs"), system.aws.client("sns")

        def subscribed(name: str) -> str:
            url = sqs.create_queue(QueueName=f"{activity}-{name}")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            attributes = {"FilterPolicy": json.dumps({"plugins": [name]}), "RawMessageDelivery": "true"}
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
            return url

        urls = _at_once(subscribed, names)
        said = system.tell("plugins", "reconcile", "--activity", activity, "--json")
        assert said.exit_code == 0, said.stderr
        assert {repair["plugin"] for repair in said.document["repairs"]} == set(names)
        return cls(system, activity, dict(zip(urls, names, strict=True)))

    def work_once(self) -> dict[str, int]:
        """Work on what is in each queue as soon as there is something; return how many messages each plugin got."""
        sqs = self.system.aws.client("sqs")

        def work(queue: str) -> int:
            name = self.names[queue]
            received = eventually(
                lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"),
                what=f"a message to {name}",
            )
            for message in received:
                work_on(sqs, name, queue, message)
            return len(received)

        return dict(zip(self.names.values(), _at_once(work, list(self.names)), strict=True))

    def remove(self) -> None:
        """Unsubscribe them, and let reconciliation forget them."""
        sns = self.system.aws.client("sns")
        topic = _topic(self.system, self.activity)
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        arns = [subscription["SubscriptionArn"] for page in pages for subscription in page["Subscriptions"]]
        _at_once(lambda arn: sns.unsubscribe(SubscriptionArn=arn), arns)
        assert self.system.tell("plugins", "reconcile", "--activity", self.activity).exit_code == 0


def _topic(system: System, activity: str) -> str:
    parameter = system.deployment.topic_parameter(activity, Stage.PARALLEL)
    return system.aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]


def _at_once(call: Callable[[Given], Got], given: Sequence[Given]) -> list[Got]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(call, given))


@pytest.fixture
def crowd(core: System) -> Iterator[QueuePlugins]:
    """As many plugins on one stage as SNS allows."""
    names = [f"Plugin{number:03}" for number in range(MAX_PLUGINS_PER_STAGE)]
    crowd = QueuePlugins.subscribe(core, "Crowd", names)
    yield crowd
    crowd.remove()


@pytest.fixture(scope="module")
def flood(core: System) -> Iterator[QueuePlugins]:
    """An activity with one plugin, for many runs."""
    flood = QueuePlugins.subscribe(core, "Flood", ["Drop"])
    yield flood
    flood.remove()


def waiting(system: System, queues: Sequence[str]) -> int:
    """How many messages are in queues, delivered or not."""
    sqs = system.aws.client("sqs")
    attributes = _at_once(lambda url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=WAITING), queues)
    return sum(int(count) for each in attributes for count in each["Attributes"].values())


def dead_letters(system: System) -> int:
    """How many messages are in the core's queues of what could not be handled."""
    stack = system.aws.client("cloudformation").describe_stack_resources(StackName=system.deployment.prefix)
    dead = [
        resource["PhysicalResourceId"]
        for resource in stack["StackResources"]
        if resource["ResourceType"] == "AWS::SQS::Queue" and "DeadLetters" in resource["LogicalResourceId"]
    ]
    assert len(dead) == len(DeadLetters)
    return waiting(system, dead)


def test_as_many_plugins_as_sns_allows_complete_one_stage(core: System, crowd: QueuePlugins) -> None:
    running = core.begin("Crowded", "crowd-1")
    called = crowd.work_once()
    run = told(running)
    assert run.exit_code == 0, run.stderr
    names = list(crowd.names.values())
    assert (run.document["state"], run.document["attempt"]) == ("Complete", 1)
    assert states(run.document) == {f"Crowd/parallel/{name}": "Complete" for name in names}
    assert called == dict.fromkeys(names, 1)
    assert waiting(core, list(crowd.names)) == 0
    assert core.tell("plugins", "doctor", "--activity", "Crowd").exit_code == 0


def test_of_starts_of_one_run_at_once_one_is_accepted(core: System, flood: QueuePlugins) -> None:
    accepted: dict[str, str] = {}
    for uid in (f"one-{number}" for number in range(5)):
        executions = start(core, [uid] * AT_ONCE)
        refused = ended(core, executions, at_least=AT_ONCE - 1)
        [accepted[uid]] = executions - refused.keys()
        for one in refused.values():
            assert (one["status"], one["error"]) == ("FAILED", ErrorName.RUN_IN_PROGRESS)
            assert f"is in progress, attempt 1, in execution {accepted[uid]}" in one["cause"]
        document = document_of(core, uid)
        assert (document["state"], document["attempt"]) == ("In Progress", 1)
        assert document["execution"] == accepted[uid]

    # Nobody read the plugin's queue, so that all five are still there.
    with outside_consumer(lambda: core.aws.client("sqs"), "Drop", list(flood.names)) as done:
        assert statuses(ended(core, set(accepted.values()), at_least=len(accepted))) == {("SUCCEEDED", ""): 5}
    assert sorted(done) == sorted(accepted)
    for uid, execution in accepted.items():
        document = document_of(core, uid)
        assert (document["state"], document["attempt"], document["execution"]) == ("Complete", 1, execution)


def test_runs_that_start_together_all_complete(core: System, flood: QueuePlugins) -> None:
    before = dead_letters(core)
    uids = {f"flood-{number}" for number in range(RUNS)}
    (queue,) = flood.names
    with outside_consumer(lambda: core.aws.client("sqs"), "Drop", [queue] * 2) as done:
        executions = start(core, sorted(uids))
        assert statuses(ended(core, executions, at_least=RUNS)) == {("SUCCEEDED", ""): RUNS}
    assert Counter(done) == Counter(uids)
    for uid in uids:
        document = document_of(core, uid)
        assert (document["state"], document["attempt"]) == ("Complete", 1)
        assert document["execution"] in executions
        assert states(document) == {"Flood/parallel/Drop": "Complete"}
    assert waiting(core, [core.output(CoreOutput.RESULTS_QUEUE_URL), queue]) == 0
    assert dead_letters(core) == before


def start(system: System, uids: Sequence[str]) -> set[str]:
    """Start an execution of the workflow Flooded for each uid, as many at once as can be; returns their ARNs."""
    sfn, machine = system.aws.client("stepfunctions"), system.machine("Flooded")
    inputs = [json.dumps({"uid": uid}) for uid in uids]
    started = _at_once(lambda given: sfn.start_execution(stateMachineArn=machine, input=given), inputs)
    executions = {one["executionArn"] for one in started}
    assert len(executions) == len(uids)
    return executions


def ended(system: System, executions: Collection[str], *, at_least: int) -> dict[str, dict[str, Any]]:
    """Wait until so many executions have ended; describes those that have."""
    sfn = system.aws.client("stepfunctions")
    running = set(executions)
    over: dict[str, dict[str, Any]] = {}

    def look() -> bool | None:
        for one in _at_once(lambda arn: sfn.describe_execution(executionArn=arn), sorted(running)[:AT_ONCE]):
            if one["status"] != "RUNNING":
                running.remove(one["executionArn"])
                over[one["executionArn"]] = {**one}
        return True if len(over) >= at_least else None

    eventually(look, what=f"the end of {at_least} executions", within=LONG)
    return over


def statuses(executions: Mapping[str, Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """How many ended in what way, and why."""
    return Counter((one["status"], one.get("cause", "")) for one in executions.values())


def document_of(system: System, uid: str) -> dict[str, Any]:
    """A run of the workflow Flooded, read as the command reads it."""
    status = DynamoStatusStore(system.aws.client("dynamodb"), system.output(CoreOutput.STATUS_TABLE_NAME))
    document = status.run_document(uid=uid, workflow="Flooded")
    assert document is not None
    return document
