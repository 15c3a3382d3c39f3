"""Core, activities and plugins are updated, refused and removed while runs are under way, and at last destroyed.

One story, told in order, by a system of its own: its stacks disturb nobody else's.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator_cli.local import LocalEnvironment
from orchestrator_cli.local.cdk import CdkError
from orchestrator_runtime.contract import DeadLetters, Handler, Stage
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.deployment import CoreOutput
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.e2e.conftest import APPS
from tests.e2e.inventory import inventory, more
from tests.e2e.outside_consumer import outside_consumer
from tests.e2e.system import System, Told, eventually, plugins, states, told

pytestmark = pytest.mark.e2e

VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    "platform": ("platform", {}),
    "plugins": ("plugins", {}),
    "changed platform": ("platform", {"processor": "x86", "spare": "Fresh"}),
    "changed plugins": ("plugins", {"version": "2"}),
    "refused plugins": ("plugins", {"version": "3"}),
    "platform without Work": ("platform", {"processor": "x86", "without": "Work"}),
}
"""Each app with its context, in the order in which the story needs them."""

OF_THE_CORE = set(Handler) - {Handler.WATCH_RUNS}
"""This platform has no monitoring."""


@dataclass(frozen=True)
class Life:
    """The system, and what the AWS had before it."""

    system: System
    assemblies: dict[str, Future[Path]]
    before: dict[str, set[str]]

    @property
    def aws(self) -> LocalEnvironment:
        return self.system.aws

    def deploy(self, variant: str, *stacks: str) -> None:
        self.aws.deploy(self.assemblies[variant].result(), stacks=stacks or ("--all",))
        self.system.settle()

    def destroy(self, variant: str, *stacks: str) -> None:
        self.aws.destroy(self.assemblies[variant].result(), stacks=stacks or ("--all",))

    def stack_status(self, name: str) -> str:
        return self.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

    def queue(self, plugin: str) -> str:
        """The queue of a plugin that has no function."""
        outputs = self.aws.client("cloudformation").describe_stacks(StackName="life-plugins")["Stacks"][0]["Outputs"]
        [url] = [output["OutputValue"] for output in outputs if output["OutputKey"] == f"{plugin}Url"]
        return url

    def begin(self, uid: str, case: str, waits_for: str) -> subprocess.Popen[str]:
        """Begin a run that waits for a plugin without a function; its message is in the queue when this returns."""
        process = self.system.begin("Flow", uid, {"case": case})
        sqs, queue = self.aws.client("sqs"), self.queue(waits_for)

        def arrived() -> bool | None:
            count = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])
            return count["Attributes"]["ApproximateNumberOfMessages"] != "0" or None

        eventually(arrived, what=f"the message of {uid} to {waits_for}")
        return process

    def end(self, process: subprocess.Popen[str], waits_for: str) -> Told:
        """Let the plugin work, and wait for the run's end."""
        with outside_consumer(lambda: self.aws.client("sqs"), waits_for, [self.queue(waits_for)]):
            return told(process)

    def output(self, uid: str, plugin: str) -> Any:
        """What a plugin returned."""
        table = self.system.output(CoreOutput.STATUS_TABLE_NAME)
        key = {"uid": {"S": uid}, "path": {"S": f"~outputs/Flow/{plugin}/"}}
        item = self.aws.client("dynamodb").get_item(TableName=table, Key=key)["Item"]
        return json.loads(item["output"]["S"])

    def planned_timeout(self, uid: str, stage: Stage, plugin: str) -> int | None:
        """The deadline that a plugin of Work has by the plan of the run."""
        status = DynamoStatusStore(self.aws.client("dynamodb"), self.system.output(CoreOutput.STATUS_TABLE_NAME))
        plan = status.get_plan(RunRef(uid, "Flow", 1).stage("Work", stage))
        assert plan is not None
        [timeout] = [each.timeout_seconds for each in plan.plugins if each.name == plugin]
        return timeout

    def standing(self) -> dict[str, Any]:
        """Who is registered, and how; and what SNS lets through to whom."""
        registered = self.system.tell("plugins", "--json").document["activities"]
        for activity in registered.values():
            for stage in activity["stages"].values():
                for plugin in stage["plugins"]:
                    del plugin["seen_at"]
        sns = self.aws.client("sns")
        subscriptions = {
            arn: sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
            for page in sns.get_paginator("list_subscriptions").paginate()
            for arn in [subscription["SubscriptionArn"] for subscription in page["Subscriptions"]]
            if ":life-e2e-" in arn
        }
        return {"registered": registered, "subscriptions": subscriptions}

    def topics(self) -> set[str]:
        """The activities that have topics."""
        pages = self.aws.client("sns").get_paginator("list_topics").paginate()
        found = [re.search(r":life-e2e-(\w+)-\w+$", topic["TopicArn"]) for page in pages for topic in page["Topics"]]
        return {match[1] for match in found if match}


@pytest.fixture(scope="module")
def life(local_aws: LocalEnvironment) -> Iterator[Life]:
    local_aws.bootstrap()
    before = inventory(local_aws)
    with ThreadPoolExecutor(2) as pool:
        assemblies = {
            name: pool.submit(local_aws.synth, APPS / "life" / app, context=context)
            for name, (app, context) in VARIANTS.items()
        }
        life = Life(System(local_aws, "life", "e2e"), assemblies, before)
        life.deploy("platform")
        life.deploy("plugins")
        yield life


@pytest.fixture(scope="module")
def updated(life: Life) -> dict[str, subprocess.Popen[str]]:
    """Runs by the plugin that they wait for; since they began, Versioned was changed and Leaving was removed."""
    runs = {
        "Gate": life.begin("gated", "update", "Gate"),
        "Leaving": life.begin("left", "leaving", "Leaving"),
        "Outside": life.begin("filtered", "outside", "Outside"),
    }
    life.deploy("changed plugins")
    return runs


def test_a_core_is_updated_under_its_plugins_and_a_run(life: Life) -> None:
    run, standing = life.begin("under-way", "outside", "Outside"), life.standing()
    life.deploy("changed platform", "life-e2e")
    pages = life.aws.client("lambda").get_paginator("list_functions").paginate()
    processors = [
        function["Architectures"]
        for page in pages
        for function in page["Functions"]
        if function["FunctionName"].startswith("life-e2e-")
    ]
    assert processors == [["x86_64"]] * len(OF_THE_CORE)
    assert life.standing() == standing
    ended = life.end(run, "Outside")
    assert ended.exit_code == 0, ended.stderr
    assert (ended.document["state"], ended.document["attempt"]) == ("Complete", 1)
    assert states(ended.document) == {"Work/parallel/Outside": "Complete"}


def test_a_run_in_progress_keeps_the_plan_of_a_plugin_that_is_changed(
    life: Life, updated: dict[str, subprocess.Popen[str]]
) -> None:
    ended = life.end(updated["Gate"], "Gate")
    assert ended.exit_code == 0, ended.stderr
    versioned = plugins(ended.document)["Work/post/Versioned"]
    assert (versioned["state"], versioned["mandatory"], versioned["order"]) == ("Complete", True, 20)
    assert life.planned_timeout("gated", Stage.POST, "Versioned") == 60
    # The code is what is deployed when it is called.
    assert life.output("gated", "Work/post/Versioned") == "version 2"


def test_a_changed_filter_holds_from_the_next_stage_that_opens(
    life: Life, updated: dict[str, subprocess.Popen[str]]
) -> None:
    """The run waited in the parallel stage, and at that time the filter of Versioned did not match it."""
    ended = life.end(updated["Outside"], "Outside")
    assert ended.exit_code == 0, ended.stderr
    assert states(ended.document) == {"Work/parallel/Outside": "Complete", "Work/post/Versioned": "Complete"}


def test_the_next_run_goes_by_the_new_registration(life: Life, updated: object) -> None:
    ended = life.end(life.begin("next", "update", "Gate"), "Gate")
    assert ended.exit_code == 0, ended.stderr
    versioned = plugins(ended.document)["Work/post/Versioned"]
    assert (versioned["state"], versioned["mandatory"], versioned["order"]) == ("Complete", False, 30)
    assert life.planned_timeout("next", Stage.POST, "Versioned") == 120


def test_a_removed_plugin_is_not_expected_by_the_next_run(life: Life, updated: object) -> None:
    run = life.system.run("Flow", "not-left", {"case": "leaving"})
    assert run.exit_code == 0, run.stderr
    assert plugins(run.document) == {}


def test_a_run_that_waits_for_a_removed_plugin_ends_by_its_deadline(
    life: Life, updated: dict[str, subprocess.Popen[str]]
) -> None:
    ended = told(updated["Leaving"])
    assert ended.exit_code == 1
    left = plugins(ended.document)["Work/pre/Leaving"]
    assert left["state"] == "Error"
    assert "within 40 s" in left["message"]
    assert (ended.document["state"], "Leaving" in ended.document["message"]) == ("Error", True)


@pytest.fixture(scope="module")
def taken(life: Life, updated: object) -> str:
    """A subscription that no construct made, registered as Taken; its ARN."""
    sqs, ssm = life.aws.client("sqs"), life.aws.client("ssm")
    url = sqs.create_queue(QueueName="life-taken")["QueueUrl"]
    topic = ssm.get_parameter(Name="/life/e2e/activities/Work/post/topic-arn")["Parameter"]["Value"]
    arn = life.aws.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"],
        Attributes={"FilterPolicy": json.dumps({"plugins": ["Taken"], "case": ["taken"]})},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    assert "added Work/post Taken" in life.system.tell("plugins", "reconcile").stdout
    return arn


def test_a_refused_registration_leaves_all_as_it_was(life: Life, taken: str) -> None:
    run, standing = life.begin("meanwhile", "outside", "Outside"), life.standing()
    with pytest.raises(CdkError, match="a plugin named 'Taken' is registered to Work/post already"):
        life.deploy("refused plugins")
    assert life.stack_status("life-plugins") == "UPDATE_ROLLBACK_COMPLETE"
    assert life.standing() == standing
    ended = life.end(run, "Outside")
    assert ended.exit_code == 0, ended.stderr
    again = life.end(life.begin("again", "update", "Gate"), "Gate")
    assert again.exit_code == 0, again.stderr
    assert life.output("again", "Work/post/Versioned") == "version 2"


def test_an_activity_with_plugins_is_not_removed(life: Life, taken: str) -> None:
    """The same deployment would add another one, which is taken back."""
    standing = life.standing()
    with pytest.raises(CdkError, match="stages of activity 'Spare' cannot be removed while plugins") as refused:
        life.deploy("changed platform", "life-spare")
    assert "'OnSpare' of Spare/pre (stack life-plugins)" in str(refused.value)
    assert life.stack_status("life-spare") == "UPDATE_ROLLBACK_COMPLETE"
    assert life.topics() == {"Work", "Spare"}
    assert life.standing() == standing


def test_nor_is_one_in_the_stack_of_its_core(life: Life, taken: str) -> None:
    standing = life.standing()
    with pytest.raises(CdkError, match="stages of activity 'Work' cannot be removed while plugins") as refused:
        life.deploy("platform without Work", "life-e2e")
    told = " ".join(str(refused.value).split())  # the CDK CLI breaks its lines where they end
    for name in ("'Outside' of Work/parallel (stack life-plugins)", f"'Taken' of Work/post (subscription {taken}"):
        assert name in told
    assert life.stack_status("life-e2e") == "UPDATE_ROLLBACK_COMPLETE"
    assert life.standing() == standing
    run = life.system.run("Flow", "still", {"case": "none"})
    assert run.exit_code == 0, run.stderr


def test_a_stack_with_plugins_on_its_activities_is_not_destroyed(life: Life, taken: str) -> None:
    """Here the local AWS deletes the rest of the stack all the same, so it comes last."""
    with pytest.raises(CdkError, match="stages of activity 'Spare' cannot be removed while plugins"):
        life.destroy("platform", "life-spare")
    assert life.stack_status("life-spare") == "DELETE_FAILED"


def test_destroying_all_leaves_what_the_removal_policy_keeps(life: Life, taken: str) -> None:
    """Of the core that retains; the other one, and its plugins of each kind, leave nothing."""
    run = System(life.aws, "life", "gone").run("Flow", "once", {})
    assert run.exit_code == 0, run.stderr
    assert states(run.document) == {f"Work/parallel/{name}": "Complete" for name in ("Once", "Queued", "Fifo")}
    sqs = life.aws.client("sqs")
    life.aws.client("sns").unsubscribe(SubscriptionArn=taken)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="life-taken")["QueueUrl"])
    assert "removed Work/post Taken" in life.system.tell("plugins", "reconcile").stdout

    life.destroy("changed plugins")
    life.destroy("platform")

    kept = more(inventory(life.aws), life.before)
    assert {what: sorted(map(logical_id, names)) for what, names in kept.items()} == {
        "dynamodb TableNames": ["CoreControl", "CoreRegistry", "CoreStatus"],
        "sqs QueueUrls": sorted(f"CoreDeadLetters{kind.capitalize()}" for kind in DeadLetters),
        "logs logGroups": sorted(
            f"CoreFunctions{''.join(part.capitalize() for part in handler.split('-'))}Logs" for handler in OF_THE_CORE
        ),
    }


def logical_id(name: str) -> str:
    """What is behind a name that CloudFormation made, in the stack of the core that retains."""
    match = re.search(r"life-e2e[-/](\w+?)[0-9A-F]{8}(-|$)", name)
    return match[1] if match else name
