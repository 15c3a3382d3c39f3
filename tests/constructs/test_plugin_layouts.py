"""In which stacks a plugin, its function and its core may lie."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Stack

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.plugin.plugin import Plugin
from orchestrator_constructs.plugin.queue_plugin import QueuePlugin
from tests.constructs.plugin_stacks import define_function, imported_activity
from tests.constructs.synthesis import NO_BUNDLING

KINDS = pytest.mark.parametrize("kind", [Plugin, QueuePlugin])


def stacks(*names: str) -> tuple[App, list[Stack]]:
    app = App(context=dict(NO_BUNDLING))
    return app, [Stack(app, name) for name in names]


def defined_activity(stack: Stack) -> Activity:
    return Activity(stack, "Rate", core=OrchestratorCore(stack, "Core", system="claims", stage="dev"))


@KINDS
@pytest.mark.parametrize("behind", ["function", "alias"])
def test_refuses_a_plugin_in_the_core_s_stack_whose_function_lies_in_another(kind: Any, behind: str) -> None:
    _, (platform, team) = stacks("Platform", "Team")
    function = define_function(team)
    with pytest.raises(
        ValueError, match=f"stack 'Platform', and its .* in the stack 'Team'.*Define the {kind.__name__}"
    ):
        kind(
            platform,
            "Score",
            stage=defined_activity(platform).pre,
            function=function if behind == "function" else function.add_alias("live"),
        )


@KINDS
@pytest.mark.parametrize("third", ["Team", "Third"], ids=["the function's", "a third"])
def test_a_plugin_may_lie_in(kind: Any, third: str) -> None:
    app, (platform, team) = stacks("Platform", "Team")
    stack = team if third == "Team" else Stack(app, third)
    kind(stack, "Score", stage=defined_activity(platform).pre, function=define_function(team))
    app.synth()  # refuses stacks that need each other


@KINDS
def test_all_may_lie_together(kind: Any) -> None:
    app, (platform,) = stacks("Platform")
    kind(platform, "Score", stage=defined_activity(platform).pre, function=define_function(platform))
    app.synth()


@KINDS
def test_a_plugin_of_an_imported_core_may_lie_apart_from_its_function(kind: Any) -> None:
    app, (team, functions) = stacks("Team", "Functions")
    kind(team, "Score", stage=imported_activity(team).pre, function=define_function(functions))
    app.synth()
