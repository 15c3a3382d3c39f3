"""Records to test with, each with the few things that a test names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, Run, RunRef, StagePlan, StageRef
from orchestrator_runtime.core.registration import Registration

NOW = datetime(2026, 11, 24, 9, 30, 0, 123_000, tzinfo=UTC)
EXPIRES_AT = int(NOW.timestamp()) + 1000
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-NewBusiness:one"


def run_ref(attempt: int = 1, *, uid: str = "q-1", workflow: str = "NewBusiness") -> RunRef:
    return RunRef(uid, workflow, attempt)


def stage_ref(attempt: int = 1, *, activity: str = "Rate", stage: Stage = Stage.PARALLEL, uid: str = "q-1") -> StageRef:
    return run_ref(attempt, uid=uid).stage(activity, stage)


def a_run(attempt: int = 1, **other: Any) -> Run:
    run = Run(
        ref=run_ref(attempt),
        state=State.IN_PROGRESS,
        metadata={"line": "auto", "premium": 1200.5},
        execution=EXECUTION,
        activities=(("Validate",), ("Rate", "Check")),
        started_at=NOW,
        expires_at=EXPIRES_AT,
    )
    return replace(run, **other)


def a_plan(attempt: int = 1, *names: str, **other: Any) -> StagePlan:
    plan = StagePlan(
        attempt=attempt,
        plugins=tuple(ExpectedPlugin(name=name, timeout_seconds=60) for name in names or ("Score",)),
        opened_at=NOW,
        expires_at=EXPIRES_AT,
    )
    return replace(plan, **other)


def a_row(attempt: int = 1, state: State = State.IN_PROGRESS, **other: Any) -> PluginRow:
    ended_at = NOW if state.is_terminal else None
    row = PluginRow(name="Score", attempt=attempt, state=state, updated_at=NOW, ended_at=ended_at)
    return replace(row, **other)


def a_registration(name: str = "Score", **other: Any) -> Registration:
    registration = Registration(
        activity="Rate",
        stage=Stage.PARALLEL,
        name=name,
        subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:{name}",
        endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
    )
    return replace(registration, **other)
