"""The state machines as they are rendered: whole, and as short as promised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from aws_cdk import App, Duration, Stack

from orchestrator_constructs import Activity, OrchestratorCore, StageOptions, Workflow
from orchestrator_constructs.asl import RETRY_LAMBDA_SERVICE, RETRY_START, SIGNALLED
from tests.constructs.apps import ACTIVITIES, WORKFLOWS
from tests.constructs.synthesis import StackTemplate, synthesize

EXPECTED = Path(__file__).parent / "expected"
MACHINES = [
    *(f"claims-dev-activity-{name}" for name in ACTIVITIES),
    *(f"claims-dev-workflow-{name}" for name in WORKFLOWS),
]
LOGS_AND_TRACES = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


@pytest.mark.parametrize(
    ("machine", "file"),
    [
        ("claims-dev-activity-Rate", "activity_rate.json"),
        ("claims-dev-workflow-NewBusiness", "workflow_new_business.json"),
    ],
)
def test_rendered_states(claims: StackTemplate, machine: str, file: str) -> None:
    assert claims.asl(machine) == json.loads((EXPECTED / file).read_text())


def happy_path(asl: dict[str, Any]) -> Iterator[str]:
    """The states that an execution enters if nothing fails or times out."""
    name = asl["StartAt"]
    while name:
        yield name
        assert asl["States"][name]["Type"] == "Task"
        name = asl["States"][name].get("Next")


def test_three_activities_take_fourteen_transitions(claims: StackTemplate) -> None:
    transitions = 0
    for state in happy_path(workflow := claims.asl("claims-dev-workflow-NewBusiness")):
        transitions += 1
        arguments = workflow["States"][state]["Arguments"]
        if machine := arguments.get("StateMachineArn"):
            transitions += len(list(happy_path(claims.asl(machine.strip("<>")))))
    assert transitions == 14


@pytest.mark.parametrize("machine", MACHINES)
def test_timeouts_are_never_retried(claims: StackTemplate, machine: str) -> None:
    """A retry may reuse the token of the wait that timed out; a new entry of the state does not."""
    retried = {
        error
        for state in claims.asl(machine)["States"].values()
        for retry in state.get("Retry", [])
        for error in retry["ErrorEquals"]
    }
    assert retried <= {
        *SIGNALLED["ErrorEquals"],
        *RETRY_LAMBDA_SERVICE[0]["ErrorEquals"],
        *RETRY_START["ErrorEquals"],
        "States.TaskFailed",
    }


def test_a_stage_that_ends_badly_on_purpose_is_not_tried_again(claims: StackTemplate) -> None:
    for state in claims.asl("claims-dev-activity-Rate")["States"].values():
        if state["Type"] == "Task":
            assert state["Retry"][0] == {
                "ErrorEquals": ["PluginFailed", "RunSuperseded", "RunEnded", "InvalidRunInput"],
                "MaxAttempts": 0,
            }


def test_a_refused_start_is_not_tried_again(claims: StackTemplate) -> None:
    begin = claims.asl("claims-dev-workflow-NewBusiness")["States"]["Begin run"]
    assert [error for retry in begin["Retry"] for error in retry["ErrorEquals"]] == [
        *RETRY_LAMBDA_SERVICE[0]["ErrorEquals"]
    ]


@pytest.mark.parametrize("stage", ["pre", "parallel", "post"])
def test_a_stage_waits_longer_with_its_age_and_always_as_the_same_task(claims: StackTemplate, stage: str) -> None:
    states = claims.asl("claims-dev-activity-Rate")["States"]
    choice = states[f"{stage} waits on"]
    rungs = [choice["Default"], *(rule["Next"] for rule in reversed(choice["Choices"]))]
    assert [states[rung]["TimeoutSeconds"] for rung in rungs] == [60, 600, 3600, 21600]
    without_wait = [{**states[rung], "TimeoutSeconds": None} for rung in rungs]
    assert all(state == without_wait[0] for state in without_wait)


@pytest.mark.parametrize("machine", MACHINES)
def test_states_pass_cfn_lint(claims: StackTemplate, machine: str) -> None:
    """In the template they are a join of strings and references, which cfn-lint does not look into."""
    definition = json.dumps(claims.asl(machine)).replace("<Partition>", "aws")
    template = {
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"RoleArn": "arn:aws:iam::123456789012:role/Machine", "DefinitionString": definition},
            }
        }
    }
    assert cfnlint.api.lint(json.dumps(template), config=cfnlint.api.ManualArgs(regions=["eu-west-1"])) == []


def test_a_machine_logs_errors_without_data_and_is_traced(claims: StackTemplate) -> None:
    for machine in claims.resources("AWS::StepFunctions::StateMachine").values():
        properties = machine["Properties"]
        logging = properties["LoggingConfiguration"]
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
        assert properties["TracingConfiguration"] == {"Enabled": True}
        (destination,) = logging["Destinations"]
        log_group = claims.resources("AWS::Logs::LogGroup")[
            destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"][0]
        ]
        assert log_group["Properties"] == {
            "LogGroupName": f"/aws/vendedlogs/states/{properties['StateMachineName']}",
            "RetentionInDays": 30,
        }


def test_an_activity_may_call_advance_stage_alone(claims: StackTemplate) -> None:
    assert claims.allowed(claims.named("claims-dev-activity-Rate")) == {
        "<claims-dev-advance-stage>": {"lambda:InvokeFunction"},
        "*": LOGS_AND_TRACES,
    }


def test_a_workflow_may_run_its_own_activities_alone(claims: StackTemplate) -> None:
    here = "<Partition>:{}:<Region>:<AccountId>"
    executions = f"arn:{here.format('states')}:execution:claims-dev-activity-{{}}:*"
    rule = f"arn:{here.format('events')}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
    assert claims.allowed(claims.named("claims-dev-workflow-Cancel")) == {
        "<claims-dev-begin-run>": {"lambda:InvokeFunction"},
        "<claims-dev-end-run>": {"lambda:InvokeFunction"},
        **{f"<claims-dev-activity-{name}>": {"states:StartExecution"} for name in WORKFLOWS["Cancel"]},
        **{
            executions.format(name): {"states:DescribeExecution", "states:StopExecution"}
            for name in WORKFLOWS["Cancel"]
        },
        rule: {"events:PutTargets", "events:PutRule", "events:DescribeRule"},
        "*": LOGS_AND_TRACES,
    }


def test_options_reach_the_states() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
        activity = Activity(
            stack,
            "A",
            core=core,
            name="Rate",
            pre=StageOptions(timeout=Duration.minutes(5), start_within=Duration.minutes(1)),
            parallel=StageOptions(fail_on_optional_error=True),
            check_every=Duration.seconds(20),
        )
        Workflow(stack, "W", core=core, name="Quote", activities=[activity], timeout=Duration.hours(2))

    template = synthesize(define).stacks["S"]
    states = template.asl("claims-dev-activity-Rate")["States"]
    payloads = {stage: states[stage]["Arguments"]["Payload"] for stage in ("pre", "parallel", "post")}
    keys = ("timeout_seconds", "start_within_seconds", "fail_on_optional_error")
    assert {stage: tuple(payload[key] for key in keys) for stage, payload in payloads.items()} == {
        "pre": (300, 60, False),
        "parallel": (3600, 900, True),
        "post": (3600, 900, False),
    }
    assert states["pre"]["TimeoutSeconds"] == 20
    workflow = template.asl("claims-dev-workflow-Quote")
    assert (workflow["TimeoutSeconds"], workflow["States"]["Rate"]["TimeoutSeconds"]) == (7200, 7200)
    assert workflow["States"]["Begin run"]["Arguments"]["Payload"]["timeout_seconds"] == 7200
