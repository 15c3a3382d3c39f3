"""What an operator sees: counted, measured, announced, written down; each by making it happen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_cli.local.function_logs import function_logs
from orchestrator_runtime.contract import Handler, Metric, Stage
from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.conftest import APPS
from tests.e2e.outside_consumer import work_on
from tests.e2e.system import System, eventually

pytestmark = [pytest.mark.e2e]


@pytest.fixture(scope="module")
def outputs(local_aws: Any) -> dict[str, str]:
    local_aws.deploy(APPS / "watched")
    [stack] = local_aws.client("cloudformation").describe_stacks(StackName="watched-e2e")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture(scope="module")
def watched(local_aws: Any, outputs: dict[str, str]) -> System:
    return System(local_aws, "watched", "e2e")


def lines(system: System) -> list[dict[str, Any]]:
    """What the functions wrote that counts or measures something of this system."""
    found = []
    for line in function_logs(system.aws.session):
        text = line.partition("  ")[2]
        if '"_aws"' in text:
            document = json.loads(text)
            [directive] = document["_aws"]["CloudWatchMetrics"]
            if directive["Namespace"] == system.deployment.prefix:
                found.append(document)
    return found


def values(system: System, metric: Metric, **of: str) -> list[float]:
    """All values of a metric with these dimensions, in the order in which they were written."""
    found: list[float] = []
    for line in lines(system):
        [directive] = line["_aws"]["CloudWatchMetrics"]
        sets = [dict.fromkeys(names) for names in directive["Dimensions"]]
        if metric in line and any({name: line[name] for name in names} == of for names in sets):
            found += line[metric]
    return found


def when(look: Callable[[], bool], what: str) -> None:
    eventually(lambda: look() or None, what=what)


def watch(system: System) -> None:
    """Let the watch look, as its schedule does each minute."""
    system.invoke(Handler.WATCH_RUNS, {})


def last(system: System, metric: Metric, **of: str) -> float:
    return values(system, metric, **of)[-1]


def test_each_way_to_end_is_counted(watched: System) -> None:
    assert watched.run("Quick", "q-ok").exit_code == 0
    assert watched.run("Quick", "q-fails", {"do": "fail"}).exit_code == 1
    assert watched.tell("retry", "Quick", "q-fails", "--watch").exit_code == 1
    for metric, number in (
        (Metric.RUNS_STARTED, 2),
        (Metric.RUNS_RESUMED, 1),
        (Metric.RUNS_COMPLETED, 1),
        (Metric.RUNS_FAILED, 2),
    ):
        for of in ({}, {"workflow": "Quick"}):
            assert sum(values(watched, metric, **of)) == number, (metric, of)
    assert len(values(watched, Metric.RUN_DURATION, workflow="Quick")) == 3
    stage = {"activity": "Check", "stage": "parallel"}
    assert len(values(watched, Metric.STAGE_DURATION, **stage)) == 3
    assert sorted(values(watched, Metric.PLUGIN_ERRORS, **stage, plugin="Behaves")) == [0, 1, 1]
    assert all(took >= 0 for took in values(watched, Metric.PLUGIN_DURATION, **stage, plugin="Behaves"))
    assert len(values(watched, Metric.PLUGIN_TIME_TO_START, **stage, plugin="Behaves")) == 3


def test_a_plugin_that_skips_is_no_error(watched: System) -> None:
    stage = {"activity": "Check", "stage": "parallel", "plugin": "Behaves"}
    errors = len(values(watched, Metric.PLUGIN_ERRORS, **stage))
    assert watched.run("Quick", "q-skips", {"do": "skip"}).exit_code == 0
    assert values(watched, Metric.PLUGIN_ERRORS, **stage)[errors:] == [0]


def test_a_refused_report_is_counted(watched: System) -> None:
    before = sum(values(watched, Metric.REFUSED_REPORTS))
    queue = watched.output(CoreOutput.RESULTS_QUEUE_URL)
    watched.aws.client("sqs").send_message(QueueUrl=queue, MessageBody="no report")
    when(lambda: sum(values(watched, Metric.REFUSED_REPORTS)) == before + 1, "the report is refused")


def test_a_problem_with_a_registration_is_counted_until_it_is_mended(watched: System, outputs: dict[str, str]) -> None:
    sns = watched.aws.client("sns")
    parameter = watched.deployment.topic_parameter("Check", Stage.POST)
    topic = watched.aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    gone = topic.replace(":sns:", ":lambda:").rpartition(":")[0] + ":function:gone"
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=gone, ReturnSubscriptionArn=True)
    try:
        assert watched.tell("plugins", "reconcile").exit_code == 0
        assert last(watched, Metric.REGISTRATION_PROBLEMS) >= 1
    finally:
        sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    assert watched.tell("plugins", "reconcile").exit_code == 0
    assert last(watched, Metric.REGISTRATION_PROBLEMS) == 0


class Mailbox:
    """The alerts as a subscribed queue receives them. One that is published twice has the same id, and is dropped."""

    def __init__(self, system: System, url: str) -> None:
        self._sqs, self._url = system.aws.client("sqs"), url
        self.documents: list[dict[str, Any]] = []

    def look(self) -> list[dict[str, Any]]:
        received = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in received.get("Messages", []):
            document = json.loads(json.loads(message["Body"])["Message"])
            if document["id"] not in {known["id"] for known in self.documents}:
                self.documents.append(document)
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self.documents

    def of(self, uid: str) -> list[dict[str, Any]]:
        return [document for document in self.look() if document.get("uid") == uid]


def test_an_overdue_run_is_announced_once_and_once_more_when_it_ends(watched: System, outputs: dict[str, str]) -> None:
    mailbox = Mailbox(watched, outputs["AlertsUrl"])
    assert watched.tell("run", "Slow", "--uid", "s-1").exit_code == 0
    watch(watched)
    assert last(watched, Metric.ACTIVE_RUNS) == last(watched, Metric.ACTIVE_RUNS, workflow="Slow") == 1
    assert last(watched, Metric.ACTIVE_RUNS, workflow="Quick") == 0

    # Nobody calls the watch here: its schedule does.
    [overdue] = eventually(lambda: mailbox.of("s-1") or None, what="the alert that the run is overdue")
    assert (overdue["kind"], overdue["workflow"], overdue["expected_seconds"]) == ("overdue", "Slow", 2)
    [stage] = overdue["waits_for"]
    assert (stage["activity"], stage["stage"]) == ("Wait", "parallel")
    [waits_for] = stage["plugins"]
    assert (waits_for["name"], waits_for["state"], waits_for["description"]) == (
        "Outside",
        "Not Started",
        "Works when a test wants it to",
    )
    assert "watched-e2e" in waits_for["stack"]
    assert overdue["commands"]["status"] == "orchestrator status Slow s-1 --system watched --stage e2e"
    assert last(watched, Metric.OVERDUE_RUNS) == last(watched, Metric.OVERDUE_RUNS, workflow="Slow") == 1
    watch(watched)
    assert mailbox.of("s-1") == [overdue]

    # The operator finds the consumer that hangs, and mends it.
    sqs = watched.aws.client("sqs")
    [message] = sqs.receive_message(QueueUrl=outputs["OutsideUrl"], WaitTimeSeconds=5)["Messages"]
    assert work_on(sqs, "Outside", outputs["OutsideUrl"], message) == "s-1"

    def complete() -> bool | None:
        document = watched.status("Slow", "s-1")
        return (document or {}).get("state") == "Complete" or None

    eventually(complete, what="the run's end")
    watch(watched)
    told = eventually(lambda: mailbox.of("s-1")[1:] or None, what="the alert that it has ended")
    assert [(alert["kind"], alert["outcome"], alert["state"]) for alert in told] == [
        ("overdue-ended", "ended", "Complete")
    ]
    assert last(watched, Metric.OVERDUE_RUNS) == last(watched, Metric.ACTIVE_RUNS) == 0
    watch(watched)
    assert len(mailbox.of("s-1")) == 2


def test_who_did_what_is_written_down(watched: System) -> None:
    assert watched.tell("run", "Slow", "--uid", "s-2").exit_code == 0
    assert watched.tell("cancel", "Slow", "s-2", "--reason", "sold twice").exit_code == 0
    when(lambda: sum(values(watched, Metric.RUNS_CANCELLED, workflow="Slow")) == 1, "the run is cancelled")
    assert watched.tell("retry", "Slow", "s-2").exit_code == 0
    history = watched.tell("history", "Slow", "s-2", "--json").document["entries"]
    assert [f"{entry['attempt']} {entry['what']}" for entry in history] == ["1 started", "1 cancelled", "2 resumed"]
    assert all(entry["by"].startswith("arn:") for entry in history)
    assert history[1]["detail"] == "sold twice"
    assert watched.tell("cancel", "Slow", "s-2").exit_code == 0


def test_an_execution_that_is_stopped_is_counted(watched: System) -> None:
    assert watched.tell("run", "Slow", "--uid", "s-3").exit_code == 0
    document = watched.status("Slow", "s-3")
    assert document is not None
    watched.aws.client("stepfunctions").stop_execution(executionArn=document["execution"])
    when(lambda: sum(values(watched, Metric.RUNS_STOPPED, workflow="Slow")) == 1, "the run is ended")


def test_every_alarm_looks_at_what_was_written(watched: System) -> None:
    """The emulator evaluates no alarms. Each of ours has a metric that a function wrote, and an action."""
    cloudwatch = watched.aws.client("cloudwatch")
    prefix = f"{watched.deployment.prefix}-"
    alarms: list[Any] = [a for p in cloudwatch.get_paginator("describe_alarms").paginate() for a in p["MetricAlarms"]]
    alarms = [alarm for alarm in alarms if alarm["AlarmName"].startswith(prefix)]
    topic = f":{prefix}alerts"
    assert len(alarms) >= 20
    assert all(action.endswith(topic) for alarm in alarms for action in alarm["AlarmActions"])
    assert all(alarm["AlarmActions"] for alarm in alarms)
    written = {metric for line in lines(watched) for metric in line if metric in set(Metric)}
    ours = {alarm["MetricName"] for alarm in alarms if alarm.get("Namespace") == watched.deployment.prefix}
    assert {"RunsFailed", "OverdueRuns", "RegistrationProblems"} <= ours
    # No run here takes 30 days.
    assert ours - written == {"RunsTimedOut"}


def test_the_dashboard_is_there(watched: System) -> None:
    body = watched.aws.client("cloudwatch").get_dashboard(DashboardName=watched.deployment.prefix)["DashboardBody"]
    assert len(json.loads(body)["widgets"]) > 10
