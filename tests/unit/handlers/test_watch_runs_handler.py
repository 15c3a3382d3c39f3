"""The function that counts the runs in progress and announces overdue ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from orchestrator_runtime.contract import Env, State
from orchestrator_runtime.handlers import environment, watch_runs
from orchestrator_runtime.protocol.watch_runs import WatchFailedError
from orchestrator_runtime.stores.items import utc_now
from tests.unit.handlers.conftest import Core
from tests.unit.samples import a_plan, a_registration, a_run, run_ref, stage_ref

SECRET = "premium-4711"
PATH = "/claims/dev/workflows/"


@pytest.fixture
def alerts(core: Core, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Receives the alerts since the last call, of a core with a workflow whose runs are expected to take an hour."""
    topic = boto3.client("sns").create_topic(Name="claims-dev-alerts")["TopicArn"]
    queue = boto3.resource("sqs").create_queue(QueueName="alerts")
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.attributes["QueueArn"])
    boto3.client("ssm").put_parameter(Name=f"{PATH}NewBusiness/expected-seconds", Value="3600", Type="String")
    for name, value in {
        Env.WORKFLOWS_PATH: PATH,
        Env.ALERTS_TOPIC_ARN: topic,
        Env.SYSTEM: "claims",
        Env.STAGE: "dev",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "claims-dev")

    def received() -> list[dict[str, Any]]:
        messages = queue.receive_messages(MaxNumberOfMessages=10)
        for message in messages:
            message.delete()
        return [json.loads(json.loads(message.body)["Message"]) for message in messages]

    return received


def start(core: Core, hours_ago: float) -> None:
    now = utc_now()
    expires_at = int(now.timestamp()) + 1_000
    core.status.create_run(
        a_run(metadata={"secret": SECRET}, started_at=now - timedelta(hours=hours_ago), expires_at=expires_at)
    )


@pytest.mark.parametrize("given", [{}, {"detail-type": "Scheduled Event", "source": "aws.events"}], ids=str)
def test_overdue_run_and_its_end_are_announced_once(
    core: Core, alerts: Callable[[], list[dict[str, Any]]], given: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    core.registry.put(a_registration())
    start(core, hours_ago=2)
    expires_at = int(utc_now().timestamp()) + 1_000
    core.status.save_plan(stage_ref(), a_plan(1, "Score", opened_at=utc_now(), expires_at=expires_at))
    ref = run_ref().as_document()
    assert watch_runs.lambda_handler(given, None) == {"announced": [ref], "ended": []}
    assert watch_runs.lambda_handler(given, None) == {"announced": [], "ended": []}
    [alert] = alerts()
    assert (alert["kind"], alert["uid"], alert["deployment"]) == ("overdue", "q-1", "claims-dev")
    [[waits_for]] = [stage["plugins"] for stage in alert["waits_for"]]
    assert (waits_for["name"], waits_for["registered"]) == ("Score", True)
    measured = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each.get("workflow"), each["ActiveRuns"], each["OverdueRuns"]) for each in measured] == [
        ("NewBusiness", [1.0], [1.0]),
        (None, [1.0], [1.0]),
    ] * 2

    run = core.status.get_run("q-1", "NewBusiness")
    assert run is not None
    core.client.update_item(
        TableName="status",
        Key={"uid": {"S": "q-1"}, "path": {"S": "NewBusiness/"}},
        UpdateExpression="SET ended_at = :now, #state = :state REMOVE active, active_since",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":now": {"S": "2099-01-01T00:00:00.000Z"}, ":state": {"S": State.COMPLETE}},
    )
    assert watch_runs.lambda_handler(given, None) == {"announced": [], "ended": [ref]}
    assert watch_runs.lambda_handler(given, None) == {"announced": [], "ended": []}
    assert [alert["kind"] for alert in alerts()] == ["overdue-ended"]
    assert SECRET not in core.log.getvalue()


def test_run_that_is_not_overdue_is_counted(
    core: Core, alerts: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    start(core, hours_ago=0.5)
    assert watch_runs.lambda_handler({}, None) == {"announced": [], "ended": []}
    assert alerts() == []
    [_, total] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert total["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]
    assert total["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "claims-dev"
    assert (total["ActiveRuns"], total["OverdueRuns"]) == ([1.0], [0.0])


def test_error_with_one_workflow_fails_the_invocation_after_the_others(
    core: Core, alerts: Callable[[], list[dict[str, Any]]]
) -> None:
    boto3.client("ssm").put_parameter(Name=f"{PATH}Broken/expected-seconds", Value="soon", Type="String")
    start(core, hours_ago=2)
    with pytest.raises(WatchFailedError, match="Broken"):
        watch_runs.lambda_handler({}, None)
    assert len(alerts()) == 1
    assert "runs could not be watched" in [line["message"] for line in core.lines()]


@pytest.mark.parametrize("given", [[], "x", None, {"detail-type": "AWS API Call via CloudTrail"}], ids=str)
def test_other_event_is_an_error(core: Core, given: Any) -> None:
    with pytest.raises(ValueError, match=r"must be an object|not understood"):
        watch_runs.serve(given, None)  # type: ignore[arg-type]


def test_missing_variable_is_named(core: Core) -> None:
    with pytest.raises(environment.MissingEnvironmentError, match=Env.WORKFLOWS_PATH):
        watch_runs.lambda_handler({}, None)
