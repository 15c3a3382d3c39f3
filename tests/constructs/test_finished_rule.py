"""The end of a run as an EventBridge rule, in every layout."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs

from orchestrator_constructs import Activity, IWorkflow, OrchestratorCore, RunStatus, Workflow
from tests.constructs.synthesis import NO_BUNDLING, StackTemplate, synthesize

MACHINE = "stateMachine:claims-dev-workflow-Quote"


def workflow_in(stack: Stack) -> IWorkflow:
    core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
    return Workflow(stack, "Quote", core=core, activities=[Activity(stack, "Rate", core=core)])


def same_stack(app: App) -> None:
    stack = Stack(app, "Users")
    workflow_in(stack).on_finished(stack, "Finished")


def other_stack(app: App) -> None:
    workflow_in(Stack(app, "claims-dev")).on_finished(Stack(app, "Users"), "Finished")


def other_app(app: App) -> None:
    stack = Stack(app, "Users")
    Workflow.from_system(stack, "Quote", system="claims", stage="dev").on_finished(stack, "Finished")


def rule_of(template: StackTemplate) -> Any:
    (rule,) = [
        template.readable(rule["Properties"])
        for key, rule in template.resources("AWS::Events::Rule").items()
        if key.startswith("Finished")
    ]
    return rule


@pytest.mark.parametrize(
    ("define", "machine"),
    [
        (same_stack, "<claims-dev-workflow-Quote>"),
        (other_stack, f"arn:<Partition>:states:<Region>:<AccountId>:{MACHINE}"),
        (other_app, "</claims/dev/workflows/Quote/state-machine-arn>"),
    ],
    ids=["same stack", "other stack", "other app"],
)
def test_all_ends_are_told(define: Any, machine: str) -> None:
    template = synthesize(define).stacks["Users"]
    rule = rule_of(template)
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine], "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]},
    }
    assert "Targets" not in rule
    assert "Fn::ImportValue" not in json.dumps(template.body)


def test_some_ends_are_told_to_a_target() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Users")
        workflow = Workflow.from_system(stack, "Quote", system="claims", stage="dev")
        queue = sqs.Queue(stack, "Failures")
        workflow.on_finished(
            stack, "Finished", target=targets.SqsQueue(queue), statuses=[RunStatus.FAILED, RunStatus.TIMED_OUT]
        )

    template = synthesize(define).stacks["Users"]
    rule = rule_of(template)
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT"]
    (queue,) = template.resources("AWS::SQS::Queue")
    assert [target["Arn"] for target in rule["Targets"]] == [f"<{queue}>"]


def test_no_end_is_refused() -> None:
    stack = Stack(App(context=dict(NO_BUNDLING)), "S")
    workflow = Workflow.from_system(stack, "Quote", system="claims", stage="dev")
    problem = "statuses of rule 'Finished' on workflow 'Quote' is empty: name some of SUCCEEDED, FAILED"
    with pytest.raises(ValueError, match=problem):
        workflow.on_finished(stack, "Finished", statuses=[])
