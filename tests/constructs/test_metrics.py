"""What can be measured of a deployment, by names that lock no stack."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from orchestrator_constructs import Activity, IActivity, IOrchestratorCore, IWorkflow, OrchestratorCore, Workflow
from orchestrator_runtime.contract import Handler
from tests.constructs.synthesis import StackTemplate, recommended_flags, synthesize

MACHINE = "arn:<Partition>:states:<Region>:<AccountId>:stateMachine:claims-dev-"
OF_MACHINES = {
    "started": ("ExecutionsStarted", "Sum"),
    "succeeded": ("ExecutionsSucceeded", "Sum"),
    "failed": ("ExecutionsFailed", "Sum"),
    "timed_out": ("ExecutionsTimedOut", "Sum"),
    "aborted": ("ExecutionsAborted", "Sum"),
    "duration": ("ExecutionTime", "Average"),
}


def define_alarms(stack: Stack, core: IOrchestratorCore, activity: IActivity, workflow: IWorkflow) -> None:
    """One alarm on each metric."""
    metrics = {"Refused": core.metric_refused_reports()}
    for kind in OF_MACHINES:
        metrics[f"Workflow-{kind}"] = getattr(workflow, f"metric_{kind}")()
        metrics[f"Activity-{kind}"] = getattr(activity, f"metric_{kind}")()
    for name, metric in metrics.items():
        cloudwatch.Alarm(stack, name, alarm_name=name, metric=metric, threshold=1, evaluation_periods=1)


def of_this_app(app: App) -> None:
    stack = Stack(app, "claims-dev")
    core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
    rate = Activity(stack, "Rate", core=core)
    define_alarms(Stack(app, "Alarms"), core, rate, Workflow(stack, "Quote", core=core, activities=[rate]))


def of_another_app(app: App) -> None:
    stack = Stack(app, "Alarms")
    where = {"system": "claims", "stage": "dev"}
    define_alarms(
        stack,
        OrchestratorCore.from_system(stack, "Core", **where),
        Activity.from_system(stack, "Rate", **where),
        Workflow.from_system(stack, "Quote", **where),
    )


@pytest.fixture(scope="module", params=[of_this_app, of_another_app], ids=["of this app", "of another app"])
def alarms(request: pytest.FixtureRequest) -> dict[str, Any]:
    template = synthesize(request.param, flags=recommended_flags()).stacks["Alarms"]
    assert "Fn::ImportValue" not in json.dumps(template.body)
    assert set(template.body.get("Parameters", {})) <= {"BootstrapVersion"}
    found = template.resources("AWS::CloudWatch::Alarm").values()
    return {alarm["Properties"]["AlarmName"]: template.readable(alarm["Properties"]) for alarm in found}


def test_refused_reports_are_counted_as_record_result_writes_them(alarms: dict[str, Any]) -> None:
    refused = alarms["Refused"]
    assert (refused["Namespace"], refused["MetricName"], refused["Statistic"]) == (
        "claims-dev",
        "RefusedReports",
        "Sum",
    )
    assert refused["Dimensions"] == [{"Name": "service", "Value": "record-result"}]


@pytest.mark.parametrize("kind", OF_MACHINES)
@pytest.mark.parametrize(("what", "machine"), [("Workflow", "workflow-Quote"), ("Activity", "activity-Rate")])
def test_executions_are_counted_by_step_functions(alarms: dict[str, Any], what: str, machine: str, kind: str) -> None:
    alarm = alarms[f"{what}-{kind}"]
    name, statistic = OF_MACHINES[kind]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/States", name, statistic)
    assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": f"{MACHINE}{machine}"}]


def test_functions_write_their_metrics_where_they_are_looked_for(claims: StackTemplate) -> None:
    variables = claims.function(Handler.RECORD_RESULT)["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "claims-dev"
    assert variables["POWERTOOLS_SERVICE_NAME"] == "record-result"


def test_a_metric_is_read_as_one_likes() -> None:
    core = OrchestratorCore.from_system(Stack(App(), "S"), "Core", system="claims", stage="dev")
    metric = core.metric(
        "Failures", handler=Handler.END_RUN, statistic="Maximum", period=Duration.minutes(1), label="Most"
    )
    assert (metric.metric_name, metric.statistic, metric.label) == ("Failures", "Maximum", "Most")
    assert metric.period.to_seconds() == 60
    assert metric.dimensions == {"service": "end-run"}
