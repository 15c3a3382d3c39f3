"""The door: what ``orchestrator_constructs`` exports, and that it keeps its own interfaces."""

from __future__ import annotations

import orchestrator_constructs
from orchestrator_constructs import (
    Activity,
    IActivity,
    IActivityStage,
    IOrchestratorCore,
    IWorkflow,
    OrchestratorCore,
    ParallelStage,
    SequentialStage,
    Workflow,
)


def test_exports_are_sorted_and_pinned() -> None:
    assert orchestrator_constructs.__all__ == sorted(orchestrator_constructs.__all__)
    assert set(orchestrator_constructs.__all__) == {
        "Activity",
        "Handler",
        "IActivity",
        "IActivityStage",
        "IOrchestratorCore",
        "IWorkflow",
        "MonitoringAlarms",
        "OrchestratorCore",
        "ParallelStage",
        "Plugin",
        "QueuePlugin",
        "RunStatus",
        "RuntimeLayer",
        "SequentialStage",
        "Stage",
        "StageOptions",
        "Workflow",
        "WorkflowMonitoring",
    }


def test_every_export_is_there() -> None:
    assert all(hasattr(orchestrator_constructs, name) for name in orchestrator_constructs.__all__)


# Never called: mypy proves by these that the constructs are what their interfaces promise.
def _core(construct: OrchestratorCore) -> IOrchestratorCore:
    return construct


def _activity(construct: Activity) -> IActivity:
    return construct


def _stages(one: SequentialStage, other: ParallelStage) -> tuple[IActivityStage, IActivityStage]:
    return one, other


def _workflow(construct: Workflow) -> IWorkflow:
    return construct
