"""The state machines as they are rendered: whole, and as short as promised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from aws_cdk import App, Duration, Stack

from orchestrator_constructs import Activity, OrchestratorCore, Workflow
from orchestrator_constructs.asl import RETRY_LAMBDA_SERVICE
from tests.constructs.apps import WORKFLOWS
from tests.constructs.synthesis import StackTemplate, synthesize

EXPECTED = Path(__file__).parent / "expected"
MACHINES = [f"claims-dev-workflow-{name}" for name in WORKFLOWS]
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


def test_rendered_states(claims: StackTemplate) -> None:
    rendered = claims.asl("claims-dev-workflow-NewBusiness")
    assert rendered == json.loads((EXPECTED / "workflow_new_business.json").read_text())


def happy_path(asl: dict[str, Any]) -> Iterator[str]:
    """The states that an execution enters if nothing fails or times out."""
    name = asl["StartAt"]
    while name:
        yield name
        assert asl["States"][name]["Type"] == "Task"
        name = asl["States"][name].get("Next")


def test_three_activities_take_five_transitions(claims: StackTemplate) -> None:
    path = list(happy_path(claims.asl("claims-dev-workflow-NewBusiness")))
    assert path == ["Begin run", *WORKFLOWS["NewBusiness"], "End run"]


def states_that_wait(asl: dict[str, Any]) -> dict[str, Any]:
    return {name: state for name, state in asl["States"].items() if state.get("Resource", "").endswith("TaskToken")}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_an_activity_enters_itself_again_when_its_timeout_passes(claims: StackTemplate, workflow: str) -> None:
    waiting = states_that_wait(claims.asl(f"claims-dev-workflow-{workflow}"))
    assert tuple(waiting) == WORKFLOWS[workflow]
    for name, state in waiting.items():
        assert state["TimeoutSeconds"] == 86_400
        again, failed = state["Catch"]
        assert again == {"ErrorEquals": ["States.Timeout"], "Output": "{% $states.input %}", "Next": name}
        assert (failed["ErrorEquals"], failed["Next"]) == (["States.ALL"], "Run failed")


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_wait_is_never_retried_after_a_timeout(claims: StackTemplate, workflow: str) -> None:
    """A retry may reuse the token of the wait that timed out; a new entry of the state does not."""
    for state in states_that_wait(claims.asl(f"claims-dev-workflow-{workflow}")).values():
        retried = [error for retry in state["Retry"] if retry["MaxAttempts"] for error in retry["ErrorEquals"]]
        assert retried == [*RETRY_LAMBDA_SERVICE["ErrorEquals"], "States.TaskFailed"]


NAMED = {
    "Begin run": ["InvalidRunInput", "MetadataDiffers", "MetadataTooLarge", "RunInProgress"],
    "Rate": ["PluginFailed", "RunSuperseded", "RunEnded", "InvalidRunInput", "UnknownActivity"],
    "End run": ["RunCancelled", "RunEnded"],
}


@pytest.mark.parametrize("state", NAMED)
def test_errors_that_are_raised_on_purpose_are_not_retried(claims: StackTemplate, state: str) -> None:
    first = claims.asl("claims-dev-workflow-NewBusiness")["States"][state]["Retry"][0]
    assert first == {"ErrorEquals": NAMED[state], "MaxAttempts": 0}


@pytest.mark.parametrize("state", ["Begin run", "End run", "Run failed"])
def test_every_other_error_of_what_begins_and_ends_a_run_is_retried(claims: StackTemplate, state: str) -> None:
    """Also a timeout: these functions give an execution the same answer however often it invokes them."""
    last = claims.asl("claims-dev-workflow-NewBusiness")["States"][state]["Retry"][-1]
    assert (last["ErrorEquals"], last["MaxAttempts"]) == (["States.ALL"], 4)


def test_an_execution_ends_as_the_row_of_its_run(claims: StackTemplate) -> None:
    states = claims.asl("claims-dev-workflow-NewBusiness")["States"]
    choice = states[states["Run failed"]["Next"]]
    assert choice == {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $exists($states.input.error) %}", "Next": "Fail run"}],
        "Default": "Run complete",
    }
    assert (states["Fail run"]["Type"], states["Run complete"]["Type"]) == ("Fail", "Succeed")


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


def test_a_workflow_may_invoke_three_functions_of_the_core_and_nothing_else(claims: StackTemplate) -> None:
    invoke = {"lambda:InvokeFunction"}
    assert claims.allowed(claims.named("claims-dev-workflow-Cancel")) == {
        "<claims-dev-begin-run>": invoke,
        "<claims-dev-open-activity>": invoke,
        "<claims-dev-end-run>": invoke,
        "*": LOGS_AND_TRACES,
    }


@pytest.mark.parametrize(
    ("beside", "timeout", "wait"),
    [(1, Duration.hours(2), 7200), (1, Duration.days(365), 86_400), (50, Duration.days(365), 7 * 86_400)],
)
def test_a_wait_is_as_long_as_the_longest_history_needs(beside: int, timeout: Duration, wait: int) -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
        activities = [Activity.from_attributes(stack, f"A{number}", core=core) for number in range(beside)]
        Workflow(stack, "Quote", core=core, activities=[activities], timeout=timeout)

    workflow = synthesize(define).stacks["S"].asl("claims-dev-workflow-Quote")
    seconds = timeout.to_seconds()
    assert workflow["TimeoutSeconds"] == seconds
    assert workflow["States"]["Begin run"]["Arguments"]["Payload"]["timeout_seconds"] == seconds
    flows = workflow["States"]["Step 1"]["Branches"] if beside > 1 else [workflow]
    waits = [state["TimeoutSeconds"] for flow in flows for state in states_that_wait(flow).values()]
    assert waits == [wait] * beside
