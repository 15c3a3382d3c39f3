"""The custom resource that registers the stages of a stack with their settings, and guards their removal."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration, Stack

from orchestrator_constructs import Activity, OrchestratorCore, ParallelStage, SequentialStage, StageOptions
from tests.constructs import apps
from tests.constructs.synthesis import StackTemplate, Synthesized, synthesize

TYPE = "Custom::OrchestratorStages"


def settings(
    stage: str,
    *,
    timeout: int = 3600,
    start_within: int = 900,
    fail_on_optional_error: bool = False,
    max_output: int = 50_000,
) -> dict[str, str]:
    """A stage as the custom resource lists it: CloudFormation hands on scalars as text."""
    return {
        "Stage": stage,
        "TimeoutSeconds": str(timeout),
        "StartWithinSeconds": str(start_within),
        "FailOnOptionalError": str(fail_on_optional_error).lower(),
        "MaxOutputBytes": str(max_output),
    }


STAGES = [
    settings(f"{activity}/{stage}") for activity in sorted(apps.ACTIVITIES) for stage in ("parallel", "post", "pre")
]


def resource(template: StackTemplate) -> tuple[str, dict[str, Any]]:
    (found,) = template.resources(TYPE).items()
    return found


def define_core(scope: Stack, stage: str = "dev") -> OrchestratorCore:
    return OrchestratorCore(scope, f"Core-{stage}", system="claims", stage=stage)


def test_it_lists_the_stages_for_the_core(claims: StackTemplate) -> None:
    _, definition = resource(claims)
    properties = claims.readable(definition["Properties"])
    assert properties == {"ServiceToken": "<claims-dev-register-stages>", "ServiceTimeout": "120", "Stages": STAGES}
    assert definition["DeletionPolicy"] == "Delete"


def test_each_stack_lists_its_own_stages(three_stacks: Synthesized) -> None:
    own = {
        name: [definition["Properties"].get("Stages") for definition in template.resources(TYPE).values()]
        for name, template in three_stacks.stacks.items()
    }
    assert own == {"claims-dev": [None], "Activities": [STAGES], "Workflows": [], "Users": []}


@pytest.mark.parametrize("layout", [apps.one_stack, apps.activities_alone])
def test_all_of_core_activities_and_workflows_is_deleted_after_it(layout: Any) -> None:
    """And nothing is deleted before it, so that a refusal leaves all as it is; only the user's role may go."""
    (template,) = synthesize(layout).stacks.values()
    name, definition = resource(template)
    others = {key for key in template.body["Resources"] if key != name and not key.startswith("User")}
    assert set(definition["DependsOn"]) == others


def test_its_id_is_frozen(claims: StackTemplate) -> None:
    """Under another id the former one is deleted, and what it lists is not compared with what came before."""
    assert resource(claims)[0] == "OrchestratorStagesclaimsdevBA837C49"


def test_stages_without_an_activity_are_listed_too() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Stages")
        core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
        options = StageOptions(timeout=Duration.minutes(1))
        ParallelStage(stack, "Parallel", core=core, activity_name="Rate", options=options)
        SequentialStage(stack, "Post", core=core, activity_name="Rate", position="post")

    _, definition = resource(synthesize(define).stacks["Stages"])
    assert definition["Properties"]["Stages"] == [settings("Rate/parallel", timeout=60), settings("Rate/post")]


def test_settings_of_an_activity_are_listed() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Stages")
        Activity(
            stack,
            "Rate",
            core=OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev"),
            pre=StageOptions(timeout=Duration.minutes(5), start_within=Duration.minutes(1)),
            parallel=StageOptions(fail_on_optional_error=True),
        )

    _, definition = resource(synthesize(define).stacks["Stages"])
    assert definition["Properties"]["Stages"] == [
        settings("Rate/parallel", fail_on_optional_error=True),
        settings("Rate/post"),
        settings("Rate/pre", timeout=300, start_within=60),
    ]


def test_two_cores_of_a_stack_are_asked_apart() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Both")
        for stage in ("dev", "test"):
            Activity(stack, f"Rate-{stage}", core=define_core(stack, stage), name="Rate")

    template = synthesize(define).stacks["Both"]
    asked = [template.readable(each["Properties"]["ServiceToken"]) for each in template.resources(TYPE).values()]
    assert asked == ["<claims-dev-register-stages>", "<claims-test-register-stages>"]


def test_what_is_imported_is_not_listed() -> None:
    for define in (apps.workflows_alone, apps.users_alone):
        (template,) = synthesize(define).stacks.values()
        assert template.resources(TYPE) == {}
