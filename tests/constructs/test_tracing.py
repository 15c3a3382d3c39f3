"""Traces: on everywhere by default, off everywhere by one prop."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Stack

from orchestrator_constructs import Activity, IOrchestratorCore, OrchestratorCore, ParallelStage, Workflow
from orchestrator_runtime.contract import OFF, Env
from tests.constructs.synthesis import StackTemplate, synthesize


def define_runs(stack: Stack, core: IOrchestratorCore, tracing: bool | None = None) -> None:
    activity = Activity(stack, "Rate", core=core, tracing=tracing)
    Workflow(stack, "Quote", core=core, activities=[activity], tracing=tracing)


def whole(tracing: bool | None) -> StackTemplate:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        given: dict[str, Any] = {} if tracing is None else {"tracing": tracing}
        define_runs(stack, OrchestratorCore(stack, "Core", system="claims", stage="dev", **given))

    return synthesize(define).stacks["S"]


def functions(template: StackTemplate) -> set[tuple[str | None, bool]]:
    """The tracing mode of the functions, and whether their environment turns tracing off."""
    found = [function["Properties"] for function in template.resources("AWS::Lambda::Function").values()]
    return {
        (
            properties.get("TracingConfig", {}).get("Mode"),
            properties["Environment"]["Variables"].get(Env.TRACING.value) == OFF,
        )
        for properties in found
    }


def machines(template: StackTemplate) -> list[Any]:
    found = template.resources("AWS::StepFunctions::StateMachine").values()
    return [machine["Properties"].get("TracingConfiguration") for machine in found]


def topics(template: StackTemplate) -> list[Any]:
    return [topic["Properties"].get("TracingConfig") for topic in template.resources("AWS::SNS::Topic").values()]


def rights(template: StackTemplate) -> bool:
    return '"xray:' in str(template.body).replace("'", '"')


@pytest.mark.parametrize("tracing", [None, True])
def test_everything_is_traced(tracing: bool | None) -> None:
    template = whole(tracing)
    assert functions(template) == {("Active", False)}
    assert machines(template) == [{"Enabled": True}]
    assert topics(template) == ["Active"] * 3
    assert rights(template)


def test_one_prop_turns_all_of_it_off_with_its_permissions() -> None:
    template = whole(tracing=False)
    assert functions(template) == {(None, True)}
    assert machines(template) == [{"Enabled": False}]
    assert topics(template) == [None] * 3
    assert not rights(template)


@pytest.mark.parametrize(("tracing", "traced"), [(None, True), (True, True), (False, False)])
def test_beside_an_imported_core_each_construct_has_its_own_prop(tracing: bool | None, traced: bool) -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        define_runs(stack, OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev"), tracing)

    template = synthesize(define).stacks["S"]
    assert machines(template) == [{"Enabled": traced}]
    assert topics(template) == ["Active" if traced else None] * 3


def test_an_activity_may_differ_from_its_core() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev", tracing=False)
        define_runs(stack, core, tracing=True)
        ParallelStage(stack, "Alone", core=core, activity_name="Alone", tracing=True)

    template = synthesize(define).stacks["S"]
    assert functions(template) == {(None, True)}
    assert machines(template) == [{"Enabled": True}]
    assert topics(template) == ["Active"] * 4
