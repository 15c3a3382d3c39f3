"""What can be measured of a deployment, by names that lock no stack."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from orchestrator_constructs import (
    Activity,
    IActivity,
    IOrchestratorCore,
    IWorkflow,
    OrchestratorCore,
    Plugin,
    QueuePlugin,
    Workflow,
)
from orchestrator_runtime.contract import Handler
from tests.constructs.plugin_stacks import define_function
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
OF_RUNS = {
    "active_runs": ("ActiveRuns", "Maximum"),
    "overdue_runs": ("OverdueRuns", "Maximum"),
    "runs_started": ("RunsStarted", "Sum"),
    "runs_resumed": ("RunsResumed", "Sum"),
    "runs_completed": ("RunsCompleted", "Sum"),
    "runs_failed": ("RunsFailed", "Sum"),
    "runs_cancelled": ("RunsCancelled", "Sum"),
    "runs_stopped": ("RunsStopped", "Sum"),
    "runs_timed_out": ("RunsTimedOut", "Sum"),
    "run_duration": ("RunDuration", "p50"),
}
OF_CORE = {
    "refused_reports": ("RefusedReports", "Sum"),
    "registration_problems": ("RegistrationProblems", "Maximum"),
    "refused_requests": ("RefusedRequests", "Sum"),
}
OF_STAGES = {"duration": ("StageDuration", "p50")}
OF_PLUGINS = {
    "calls": ("PluginErrors", "SampleCount"),
    "errors": ("PluginErrors", "Sum"),
    "duration": ("PluginDuration", "p50"),
    "time_to_start": ("PluginTimeToStart", "p50"),
    "refused_reports": ("RefusedReports", "Sum"),
}
STAGE = {"activity": "Rate", "stage": "parallel"}


def define_alarms(stack: Stack, core: IOrchestratorCore, activity: IActivity, workflow: IWorkflow) -> None:
    """One alarm on each metric."""
    metrics: dict[str, cloudwatch.Metric] = {}
    for kind in OF_RUNS:
        metrics[f"Core-{kind}"] = getattr(core, f"metric_{kind}")()
        metrics[f"Workflow-{kind}"] = getattr(workflow, f"metric_{kind}")()
    for kind in OF_CORE:
        metrics[f"Core-{kind}"] = getattr(core, f"metric_{kind}")()
    for kind in OF_STAGES:
        metrics[f"Stage-{kind}"] = getattr(activity.parallel, f"metric_{kind}")()
    for kind in OF_PLUGINS:
        metrics[f"Plugin-{kind}"] = getattr(activity.parallel, f"metric_plugin_{kind}")("Score")
    for kind in OF_MACHINES:
        metrics[f"Workflow-{kind}"] = getattr(workflow, f"metric_{kind}")()
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


OWN = [
    *((f"Core-{kind}", read, {}) for kind, read in {**OF_RUNS, **OF_CORE}.items()),
    *((f"Workflow-{kind}", read, {"workflow": "Quote"}) for kind, read in OF_RUNS.items()),
    *((f"Stage-{kind}", read, STAGE) for kind, read in OF_STAGES.items()),
    *((f"Plugin-{kind}", read, {**STAGE, "plugin": "Score"}) for kind, read in OF_PLUGINS.items()),
]


@pytest.mark.parametrize(("name", "read", "dimensions"), OWN, ids=[name for name, _, _ in OWN])
def test_what_the_core_measures_is_read_as_it_is_written(
    alarms: dict[str, Any], name: str, read: tuple[str, str], dimensions: dict[str, str]
) -> None:
    alarm = alarms[name]
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    assert (alarm["Namespace"], alarm["MetricName"], statistic) == ("claims-dev", *read)
    assert {one["Name"]: one["Value"] for one in alarm.get("Dimensions", [])} == dimensions


@pytest.mark.parametrize("kind", OF_MACHINES)
def test_executions_are_counted_by_step_functions(alarms: dict[str, Any], kind: str) -> None:
    alarm = alarms[f"Workflow-{kind}"]
    name, statistic = OF_MACHINES[kind]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/States", name, statistic)
    assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": f"{MACHINE}workflow-Quote"}]


def test_functions_write_their_metrics_where_they_are_looked_for(claims: StackTemplate) -> None:
    variables = claims.function(Handler.RECORD_RESULT)["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "claims-dev"
    assert variables["POWERTOOLS_SERVICE_NAME"] == "record-result"


def test_a_metric_is_read_as_one_likes() -> None:
    core = OrchestratorCore.from_system(Stack(App(), "S"), "Core", system="claims", stage="dev")
    metric = core.metric_runs_failed(statistic="Maximum", period=Duration.minutes(1), label="Most")
    assert (metric.metric_name, metric.statistic, metric.label) == ("RunsFailed", "Maximum", "Most")
    assert metric.period.to_seconds() == 60


def test_a_plugin_that_there_cannot_be_has_no_metrics() -> None:
    rate = Activity.from_system(Stack(App(), "S"), "Rate", system="claims", stage="dev")
    with pytest.raises(ValueError, match="the plugin name 'a b' is not allowed"):
        rate.parallel.metric_plugin_calls("a b")


@pytest.mark.parametrize("kind", [Plugin, QueuePlugin])
def test_a_plugin_names_its_own_metrics(stack: Stack, rate: IActivity, kind: type[Plugin | QueuePlugin]) -> None:
    plugin = kind(stack, "Score", stage=rate.parallel, function=define_function(stack, "Function"))
    for what, (name, statistic) in OF_PLUGINS.items():
        metric = getattr(plugin, f"metric_{what}")()
        assert (metric.metric_name, metric.statistic) == (name, statistic)
        assert metric.dimensions == {**STAGE, "plugin": "Score"}
