"""``from_*`` imports implement their interfaces from SSM alone."""

from __future__ import annotations

import pytest
from aws_cdk import App, Stack

from orchestrator_constructs import (
    Activity,
    IActivityStage,
    OrchestratorCore,
    ParallelStage,
    SequentialStage,
    Stage,
    Workflow,
)
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import Deployment
from tests.constructs.synthesis import NO_BUNDLING, StackTemplate

CLAIMS = Deployment("claims", "dev")


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack(App(context=dict(NO_BUNDLING)), "Team")


def looked_up(stack: Stack, value: str) -> str:
    """The SSM parameter that a value comes from."""
    reference = stack.resolve(value)["Ref"]
    (parameter,) = [
        child
        for child in stack.node.children
        if child.node.id.startswith("SsmParameterValue")
        and stack.resolve(getattr(child, "value_as_string", None)) == {"Ref": reference}
    ]
    name: str = parameter.default  # type: ignore[attr-defined]
    return name


def test_core(stack: Stack) -> None:
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    assert core.deployment == CLAIMS
    assert core.exports
    assert looked_up(stack, core.status_table.table_arn) == "/claims/dev/core/status-table-arn"
    assert looked_up(stack, core.status_table.table_stream_arn or "") == "/claims/dev/core/status-stream-arn"
    assert looked_up(stack, core.results_queue.queue_url) == "/claims/dev/core/results-queue-url"
    assert looked_up(stack, core.results_queue_arn(consumer=stack)) == "/claims/dev/core/results-queue-arn"
    pattern = StackTemplate({"Resources": {}}).readable(stack.resolve(core.topic_arn_pattern(consumer=stack)))
    assert pattern == "arn:<Partition>:sns:<Region>:<AccountId>:claims-dev-*"
    of_the_core_alone = {Handler.RECORD_RESULT, Handler.CHECK_DEADLINES, Handler.SWEEP_RUNS, Handler.WATCH_RUNS}
    for handler in set(Handler) - of_the_core_alone:
        arn = core.function_arn(handler, consumer=stack)
        assert looked_up(stack, arn) == f"/claims/dev/core/{handler}-arn"


def test_activity(stack: Stack) -> None:
    rate = Activity.from_system(stack, "Rate", system="claims", stage="dev")
    assert rate.activity_name == "Rate"
    assert rate.core.deployment == CLAIMS
    for stage, position in ((rate.pre, Stage.PRE), (rate.parallel, Stage.PARALLEL), (rate.post, Stage.POST)):
        assert_is_stage(stack, stage, position)


def assert_is_stage(stack: Stack, stage: IActivityStage, position: Stage) -> None:
    assert (stage.activity_name, stage.position, stage.core.deployment) == ("Rate", position, CLAIMS)
    parameter = f"/claims/dev/activities/Rate/{position}/topic-arn"
    assert looked_up(stack, stage.topic.topic_arn) == parameter
    assert looked_up(stack, stage.topic_arn(consumer=stack)) == parameter


def test_stages(stack: Stack) -> None:
    where = {"system": "claims", "stage": "dev", "activity_name": "Rate"}
    assert_is_stage(stack, SequentialStage.from_system(stack, "Pre", position="pre", **where), Stage.PRE)
    assert_is_stage(stack, ParallelStage.from_system(stack, "Parallel", **where), Stage.PARALLEL)
    assert_is_stage(stack, SequentialStage.from_system(stack, "Post", position=Stage.POST, **where), Stage.POST)


def test_workflow(stack: Stack) -> None:
    workflow = Workflow.from_system(stack, "Import", system="claims", stage="dev", name="NewBusiness")
    assert workflow.workflow_name == "NewBusiness"
    arn = "/claims/dev/workflows/NewBusiness/state-machine-arn"
    assert looked_up(stack, workflow.state_machine.state_machine_arn) == arn
    assert looked_up(stack, workflow.state_machine_arn(consumer=stack)) == arn


def test_defined_constructs_have_the_interface_of_imported_ones() -> None:
    stack = Stack(App(context=dict(NO_BUNDLING)), "Claims")
    core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
    rate = Activity(stack, "Rate", core=core)
    assert (rate.core, rate.activity_name) == (core, "Rate")
    assert [stage.position for stage in (rate.pre, rate.parallel, rate.post)] == list(Stage)
    for stage in (rate.pre, rate.parallel, rate.post):
        assert (stage.core, stage.activity_name) == (core, "Rate")
        assert stage.topic.topic_arn == stage.topic_arn(consumer=stack)
    assert core.results_queue.queue_arn == core.results_queue_arn(consumer=stack)
    workflow = Workflow(stack, "NewBusiness", core=core, activities=[rate])
    assert workflow.workflow_name == "NewBusiness"
