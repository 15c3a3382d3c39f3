"""Plugins that are dead, each in one way: every one ends by name, and says what happened and since when."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from orchestrator_cli.aws_gateway import AwsGateway
from orchestrator_cli.local import LocalEnvironment
from orchestrator_cli.runs.runs import RunWatcher, find_workflow, start_run
from orchestrator_runtime.contract import CHECK_DEADLINES_EVERY_SECONDS, DEFAULT_START_WITHIN_SECONDS
from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.conftest import APPS, ROOT
from tests.e2e.system import System, eventually, plugins

pytestmark = pytest.mark.e2e

PAGE = ROOT / "docs" / "dead-plugins.md"
RECORD: dict[str, Any] = json.loads((ROOT / "tests" / "data" / "invocation_records.json").read_text())["out of memory"]

KINDS = {
    "its function was deleted": "Deleted",
    "its function does not let the topic call it any more": "NotAllowed",
    "its function raises each time": "Throws",
    "its function raises each time, and Lambda reports for it": "ThrowsAsItIs",
    "its process ends": "Exits",
    "its process is killed: out of memory": "OutOfMemory",
    "its function runs out of time": "TimesOut",
    "it runs, and reports nothing": "Silent",
    "it reports its start, and no end": "Stalls",
    "it reports garbage": "Garbage",
    "it reports after its deadline": "Late",
    "its subscription was removed while the run waited for it": "Unsubscribed",
    "nobody reads its queue": "Unread",
    "what is behind its queue fails each time": "NotHandled",
    "it is optional, runs, and reports nothing": "Optional",
}
"""What the page's table calls them, and the plugin that is dead in that way: the case of its run, too."""

AT_ITS_DEADLINE = "at its deadline"
DEADLINE = timedelta(seconds=5)
CHECK_EVERY = timedelta(seconds=CHECK_DEADLINES_EVERY_SECONDS)
SLACK = timedelta(minutes=1)
"""How late a check may come where many runs are checked by few processors; less than any deadline by default."""
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z"


def page() -> dict[str, tuple[str, str]]:
    """The page's table: for each kind when it is noticed, and what the row says."""
    cells = (re.split(r" *\| *", line.strip("| \n")) for line in PAGE.read_text().splitlines() if line.startswith("| "))
    rows = [row for row in cells if row[-1].startswith("`")]
    return {kind: (noticed, says.strip("`")) for kind, noticed, says in rows}


def expression(says: str) -> str:
    """What the page quotes, as a regular expression: any time for a time, any text for an ellipsis."""
    return _TIME.join(re.escape(part).replace("…", ".*") for part in re.split(_TIME, says))


@dataclass(frozen=True)
class Dead:
    """The system with its dead plugins, and how their runs ended."""

    system: System
    outputs: dict[str, str]
    runs: dict[str, dict[str, Any]]

    def row(self, name: str) -> dict[str, Any]:
        """A plugin's row in the run that is named like it."""
        [row] = [plugin for path, plugin in plugins(self.runs[name]).items() if path.endswith(f"/{name}")]
        return row

    def report(self, name: str, **end: Any) -> None:
        """Report for a plugin, as it might itself."""
        report = {**about(name), "stage": "parallel", "plugin": name, **end}
        if function := self.outputs.get(f"{name}Name"):
            self.system.send_as(function, json.dumps(report))
            return
        queue = self.system.output(CoreOutput.RESULTS_QUEUE_URL)
        self.system.aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(report))

    def refused(self) -> list[dict[str, Any]]:
        """The reports that were refused, as the log tells of them."""
        return [line for line in record_result_log(self.system) if line.get("message") == "report refused"]

    def counted(self) -> int:
        """How many the metric has."""
        lines = [line for line in record_result_log(self.system) if "_aws" in line]
        return round(sum(sum(line.get("RefusedReports", [])) for line in lines))


def about(uid: str) -> dict[str, Any]:
    """What a report says of its run."""
    return {"uid": uid, "workflow": "Dead", "activity": "Work", "attempt": 1}


def record_result_log(system: System) -> Iterator[dict[str, Any]]:
    """The JSON lines of the function that reads reports."""
    stack = system.aws.client("cloudformation").get_paginator("list_stack_resources")
    [group] = [
        resource["PhysicalResourceId"]
        for page in stack.paginate(StackName=system.deployment.prefix)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Logs::LogGroup" and "RecordResult" in resource["LogicalResourceId"]
    ]
    for events in system.aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group):
        for event in events["events"]:
            for line in event["message"].splitlines():
                if line.startswith("{"):
                    yield json.loads(line)


@pytest.fixture(scope="module")
def dead(local_aws: LocalEnvironment) -> Dead:
    """All runs at once, each for a plugin that is dead, or dies meanwhile."""
    local_aws.deploy(APPS / "dead")
    system = System(local_aws, "dead", "e2e")
    system.settle()
    stack: Any = local_aws.client("cloudformation").describe_stacks(StackName=system.deployment.prefix)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    functions = local_aws.client("lambda")
    functions.delete_function(FunctionName=outputs["DeletedName"])
    forbid(functions, outputs["NotAllowedName"])
    gateway = AwsGateway(local_aws.session)
    workflow = find_workflow(gateway, system.deployment, "Dead")
    dead = Dead(system, outputs, {})
    watchers: dict[str, RunWatcher] = {}
    for name in (*KINDS.values(), "Twice"):
        watchers[name] = watcher = RunWatcher(gateway, start_run(gateway, workflow, name, {"case": name}))
        # One after the other: a function that is called by many at once gets a process, and a layer, for each.
        dead.runs[name] = eventually(partial(waiting, watcher), what=f"the plugins of {name}")
    unsubscribe_behind_the_gate(dead)
    run_out_of_memory(dead)
    for name, watcher in watchers.items():
        dead.runs[name] = eventually(partial(ended, watcher), what=f"the end of {name}")
    return dead


def waiting(watcher: RunWatcher) -> dict[str, Any] | None:
    """A run that knows whom it waits for."""
    document = watcher.look().document
    return document if document and plugins(document) else None


def ended(watcher: RunWatcher) -> dict[str, Any] | None:
    """A run that has ended."""
    look = watcher.look()
    return look.document if look.ended else None


def forbid(functions: Any, name: str) -> None:
    """Take back every permission to call a function."""
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    for statement in policy["Statement"]:
        functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])


def unsubscribe_behind_the_gate(dead: Dead) -> None:
    """Remove a subscription when the stage has planned with it, and then let the stage go on to it."""
    message = taken(dead, "GateUrl")
    dead.system.aws.client("sns").unsubscribe(SubscriptionArn=dead.outputs["UnsubscribedSubscription"])
    report = {**about(message["uid"]), "stage": "pre", "plugin": "Gate", "state": "Complete"}
    dead.system.aws.client("sqs").send_message(QueueUrl=message["report_to"], MessageBody=json.dumps(report))


def run_out_of_memory(dead: Dead) -> None:
    """Send what Lambda sends of a function that was killed; its call is the one that the run waits for."""
    now = dead.runs["OutOfMemory"]["activities"]["Work"]["stages"]["parallel"]["started_at"]
    queue = dead.system.output(CoreOutput.RESULTS_QUEUE_URL)
    called = {**about("OutOfMemory"), "stage": "parallel", "plugins": ["OutOfMemory"], "now": now, "report_to": queue}
    notification = {"Message": json.dumps({**called, "metadata": {}, "outputs": {}})}
    event = {"EventSubscriptionArn": dead.outputs["OutOfMemorySubscription"], "Sns": notification}
    record = RECORD | {"requestPayload": {"Records": [event]}}
    dead.system.send_as(dead.outputs["OutOfMemoryName"], json.dumps(record))


def taken(dead: Dead, queue: str) -> dict[str, Any]:
    """The next message of a plugin's queue."""
    sqs = dead.system.aws.client("sqs")

    def receive() -> dict[str, Any] | None:
        messages = sqs.receive_message(QueueUrl=dead.outputs[queue], WaitTimeSeconds=1).get("Messages")
        document: dict[str, Any] | None = json.loads(messages[0]["Body"]) if messages else None
        return document

    return eventually(receive, what=f"a message in {queue}")


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_the_page_tells_of_every_kind() -> None:
    assert page().keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_by_name_and_its_row_says_what_happened(dead: Dead, kind: str) -> None:
    name, (_, says) = KINDS[kind], page()[kind]
    run, row = dead.runs[name], dead.row(name)
    assert re.fullmatch(expression(says), row["message"]), row["message"]
    if name == "Optional":
        assert (row["state"], run["state"]) == ("Optional Task Error", "Complete")
        return
    assert (row["state"], run["state"]) == ("Error", "Error")
    stage = "pre" if name == "Unsubscribed" else "parallel"
    assert f"Work/{stage}: {name}: {row['message']}" in run["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_ends_in_time_and_it_is_known_since_when(dead: Dead, kind: str) -> None:
    name, (noticed, _) = KINDS[kind], page()[kind]
    row = dead.row(name)
    said = re.search(f"(?:dispatched|started) at ({_TIME})", row["message"])
    if name == "Throws":
        assert said is None, "it speaks for itself"
        since = dead.runs[name]["activities"]["Work"]["stages"]["parallel"]["started_at"]
    else:
        assert said is not None
        since = said[1]
    took = time_of(row["ended_at"]) - time_of(since)
    if noticed == AT_ITS_DEADLINE:
        assert DEADLINE <= took <= DEADLINE + CHECK_EVERY + SLACK
    else:
        # No deadline of its own was over when it was noticed.
        assert timedelta(0) <= took < timedelta(seconds=DEFAULT_START_WITHIN_SECONDS)


@pytest.mark.parametrize("name", ["Deleted", "NotAllowed"])
def test_what_was_not_delivered_is_kept(dead: Dead, name: str) -> None:
    envelope = taken(dead, f"{name}Undelivered")
    assert envelope["Type"] == "Notification"
    assert json.loads(envelope["Message"])["plugins"] == [name]


def test_the_doctor_names_what_is_gone(dead: Dead) -> None:
    found = dead.system.tell("plugins", "doctor", "--json").document
    problems = {problem["plugin"]: problem["kind"] for problem in found["problems"]}
    assert problems == {"Deleted": "function-gone", "NotAllowed": "no-permission"}
    assert {repair["plugin"]: repair["action"] for repair in found["repairs"]} == {
        "Deleted": "removed",
        "Unsubscribed": "removed",
    }


def test_garbage_is_refused_and_counted(dead: Dead) -> None:
    assert sum(line["reason"] == "malformed" for line in dead.refused()) == 3
    assert dead.counted() == len(dead.refused())


def test_a_second_end_changes_nothing(dead: Dead) -> None:
    run, row = dead.runs["Twice"], dead.row("Twice")
    assert (row["state"], run["state"]) == ("Complete", "Complete")
    assert row["message"] in {"one end", "the other"}, "a queue promises no order"
    dead.report("Twice", state="Error", message="a third")
    refusal = eventually(lambda: refusal_of(dead, "Twice"), what="the refusal")
    assert refusal["reason"] == "already-ended"
    assert dead.system.status("Dead", "Twice") == run
    assert dead.counted() == len(dead.refused())


def test_a_report_after_the_deadline_is_refused_and_counted(dead: Dead) -> None:
    message = taken(dead, "LateUrl")
    assert message["uid"] == "Late"
    dead.report("Late", state="Complete")
    refusal = eventually(lambda: refusal_of(dead, "Late"), what="the refusal")
    assert refusal["reason"] == "already-ended"
    assert dead.system.status("Dead", "Late") == dead.runs["Late"]
    assert dead.counted() == len(dead.refused())


def refusal_of(dead: Dead, name: str) -> dict[str, Any] | None:
    """The log's line about a report of that plugin that was refused."""
    return next((line for line in dead.refused() if line.get("plugin") == name), None)
