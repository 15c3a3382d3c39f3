"""A workflow whose activities stand side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cfnlint.api
import pytest
from aws_cdk import App, Stack

from orchestrator_constructs import Activity, IActivity, OrchestratorCore, Workflow
from tests.constructs.synthesis import NO_BUNDLING, StackTemplate, synthesize

EXPECTED = Path(__file__).parent / "expected" / "workflow_side_by_side.json"
ACTIVITIES = ("Validate", "Rate", "Check", "Print")
MACHINE = "claims-dev-workflow-Quote"


@pytest.fixture(scope="module")
def template() -> StackTemplate:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        validate, rate, check, output = (Activity(stack, name, core=core) for name in ACTIVITIES)
        Workflow(stack, "Quote", core=core, activities=[validate, [rate, check], [output]])

    return synthesize(define).stacks["S"]


def test_rendered_states(template: StackTemplate) -> None:
    assert template.asl(MACHINE) == json.loads(EXPECTED.read_text())


def test_no_state_has_the_name_of_an_activity(template: StackTemplate) -> None:
    """Activities' names have no space, and those are the names of all other states."""
    names = set(template.asl(MACHINE)["States"])
    assert {name for name in names if " " not in name} == {"Validate", "Print"}


def test_a_branch_enters_itself_again_and_leaves_its_failure_to_the_step(template: StackTemplate) -> None:
    step = template.asl(MACHINE)["States"]["Step 2"]
    for branch in step["Branches"]:
        ((name, task),) = branch["States"].items()
        assert branch["StartAt"] == name
        assert task["End"]
        assert task["TimeoutSeconds"] == 86_400
        assert task["Catch"] == [{"ErrorEquals": ["States.Timeout"], "Output": "{% $states.input %}", "Next": name}]
    assert step["Catch"][0] | {"Output": ""} == {"ErrorEquals": ["States.ALL"], "Output": "", "Next": "Run failed"}


def test_states_pass_cfn_lint(template: StackTemplate) -> None:
    definition = json.dumps(template.asl(MACHINE)).replace("<Partition>", "aws")
    linted = {
        "Resources": {
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"RoleArn": "arn:aws:iam::123456789012:role/Machine", "DefinitionString": definition},
            }
        }
    }
    assert cfnlint.api.lint(json.dumps(linted), config=cfnlint.api.ManualArgs(regions=["eu-west-1"])) == []


@pytest.fixture
def stack() -> Stack:
    return Stack(App(context=dict(NO_BUNDLING)), "S")


def found(stack: Stack, name: str) -> IActivity:
    core = OrchestratorCore.from_system(stack, f"CoreOf{name}", system="claims", stage="dev")
    return Activity.from_attributes(stack, name, core=core)


def refused(stack: Stack, activities: Sequence[IActivity | Sequence[IActivity]], problem: str) -> None:
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    with pytest.raises(ValueError, match=problem):
        Workflow(stack, "Quote", core=core, activities=activities)


def test_an_empty_list_is_refused(stack: Stack) -> None:
    refused(stack, [found(stack, "Rate"), []], "workflow 'Quote' has an empty list among its activities: name some")


def test_deeper_lists_are_refused(stack: Stack) -> None:
    nested: list[IActivity] = [found(stack, "Rate")]
    refused(
        stack,
        [[found(stack, "Check"), nested]],  # type: ignore[list-item]
        "workflow 'Quote' has a list in a list of a list: activities in a list run side by side",
    )


def test_an_activity_twice_is_refused_wherever_it_stands(stack: Stack) -> None:
    rate = found(stack, "Rate")
    refused(stack, [rate, [found(stack, "Check"), rate]], r"workflow 'Quote' has activities more than once, \['Rate'\]")


def test_an_activity_of_another_core_is_refused_wherever_it_stands(stack: Stack) -> None:
    other = Activity.from_system(stack, "Alien", system="other", stage="dev")
    refused(
        stack, [[found(stack, "Rate"), other]], r"workflow 'Quote' belongs to 'claims-dev', its activities \['Alien'\]"
    )
