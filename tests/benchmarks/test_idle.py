"""The bill of a month in which nothing runs: its counts are those of the template."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk.assertions import Template

from benchmarks.idle import ALARMS, CHECK_GIGABYTES, CORE_ALARMS, OTHER_GIGABYTES, idle
from orchestrator_constructs import OrchestratorCore, WorkflowMonitoring
from orchestrator_runtime.contract import Handler

Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def resources() -> Resources:
    app = App(context={"aws:cdk:bundling-stacks": []})
    stack = Stack(app, "claims-dev", env=Environment(account="123456789012", region="eu-west-1"))
    core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
    WorkflowMonitoring(stack, "Monitoring", core=core)
    found: Resources = Template.from_stack(stack).to_json()["Resources"]
    return found


def of_type(resources: Resources, kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in resources.values() if resource["Type"] == kind]


def test_alarms_are_those_of_the_template(resources: Resources) -> None:
    assert len(of_type(resources, "AWS::CloudWatch::Alarm")) == ALARMS + CORE_ALARMS
    assert len(of_type(resources, "AWS::SQS::Queue")) == 1 + CORE_ALARMS


def test_one_key_and_one_function_that_reads_a_queue(resources: Resources) -> None:
    assert len(of_type(resources, "AWS::KMS::Key")) == 1
    assert len(of_type(resources, "AWS::Lambda::EventSourceMapping")) == 1


def test_schedules_are_those_of_the_template(resources: Resources) -> None:
    rules = of_type(resources, "AWS::Events::Rule")
    rates = sorted(rule["ScheduleExpression"] for rule in rules if "ScheduleExpression" in rule)
    assert rates == ["rate(1 hour)", "rate(1 hour)", "rate(1 minute)", "rate(1 minute)"]


@pytest.mark.parametrize(
    ("handler", "gigabytes"),
    [
        (Handler.CHECK_DEADLINES, CHECK_GIGABYTES),
        (Handler.SWEEP_RUNS, OTHER_GIGABYTES),
        (Handler.RECONCILE, OTHER_GIGABYTES),
        (Handler.WATCH_RUNS, OTHER_GIGABYTES),
    ],
)
def test_memory_is_that_of_the_template(resources: Resources, handler: Handler, gigabytes: float) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")
    [memory] = [f["MemorySize"] for f in functions if f.get("FunctionName") == f"claims-dev-{handler}"]
    assert memory == gigabytes * 1024


def test_deployment_without_monitoring_costs_less_than_a_dollar_a_month() -> None:
    assert sum(line.core for line in idle()) < 1
