"""A run as people see it: its rows and plans, put together into one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, Run, StagePlan, StageRow

RUN_ENDED_BEFORE_STAGE: Final = "the run ended before the stage did"
RUN_ENDED: Final = "the run ended"


def run_document(
    run: Run,
    stages: Mapping[str, StageRow],
    plans: Mapping[str, StagePlan],
    plugins: Mapping[str, Mapping[str, PluginRow]],
) -> dict[str, Any]:
    """Put a run's rows and plans together.

    A stage's row is written when the stage closes, and its plan when it opens. A stage for which no plugin matches has
    neither: it is complete as soon as the run is past it. What an earlier attempt left unfinished shows as
    ``Not Started``, because this attempt does it again. What was in progress when the run ended shows as an error.

    Args:
        run: The run's row.
        stages: Its stages' rows, keyed ``activity/stage``.
        plans: Their plans, likewise.
        plugins: Their plugins' rows, likewise, each by name.

    Returns:
        ``{uid, workflow, state, ending, attempt, metadata, message, execution, started_at, ended_at,
        activities: {name: {state, stages: {stage: {state, message, started_at, ended_at,
        plugins: {name: {state, mandatory, …}}}}}}}``; activities, stages and plugins in the order in
        which they run, times in ISO 8601.
    """
    attempt = run.ref.attempt
    current_rows = {key: row for key, row in stages.items() if row.attempt == attempt or row.state is State.COMPLETE}
    current_plans = {key: plan for key, plan in plans.items() if plan.attempt == attempt}
    passed = _passed_stages(run, {*current_rows, *current_plans})

    def stage(key: str) -> dict[str, Any]:
        row, plan = current_rows.get(key), current_plans.get(key)
        # A row of an earlier attempt does not count once this one has opened the stage.
        row = None if row and plan and row.attempt != attempt else row
        documents = _plugin_documents(run, plans.get(key), plugins.get(key, {}))
        return {**_stage_state(run, row, plan, documents, passed=key in passed), "plugins": documents}

    def activity(name: str) -> dict[str, Any]:
        documents = {str(each): stage(f"{name}/{each}") for each in Stage}
        return {"state": _activity_state(documents, run).value, "stages": documents}

    return {
        "uid": run.ref.uid,
        "workflow": run.ref.workflow,
        "state": run.state.value,
        "ending": run.ending.value if run.ending else None,
        "attempt": attempt,
        "metadata": run.metadata,
        "message": run.message,
        "execution": run.execution,
        "started_at": _iso(run.started_at),
        "ended_at": _iso(run.ended_at),
        "activities": {name: activity(name) for side_by_side in run.activities for name in side_by_side},
    }


def _passed_stages(run: Run, opened: set[str]) -> set[str]:
    """The stages that the run is past: a later stage of the activity, or a later step of the run, has opened."""
    passed: set[str] = set()
    is_past = run.state is State.COMPLETE
    for step in reversed(run.activities):
        opened_in_step = False
        for name in step:
            later_opened = is_past
            for stage in reversed(Stage):
                key = f"{name}/{stage}"
                if later_opened:
                    passed.add(key)
                later_opened = later_opened or key in opened
            opened_in_step = opened_in_step or later_opened
        is_past = is_past or opened_in_step
    return passed


def _stage_state(
    run: Run,
    row: StageRow | None,
    plan: StagePlan | None,
    plugins: Mapping[str, Mapping[str, Any]],
    *,
    passed: bool,
) -> dict[str, Any]:
    """State, message and times of a stage."""
    if row is not None:
        message = row.outcome.message if row.outcome else None
        return _times(row.state, message, row.started_at, row.ended_at)
    if plan is not None and not passed:
        if run.ended:
            return _times(State.ERROR, RUN_ENDED_BEFORE_STAGE, plan.opened_at, run.ended_at)
        waits_for_optional = _only_optional_pending(plugins)
        state = State.MANDATORY_COMPLETED if waits_for_optional else State.IN_PROGRESS
        return _times(state, None, plan.opened_at, None)
    return _times(State.COMPLETE if passed else State.NOT_STARTED, None, None, None)


def _times(state: State, message: str | None, started_at: datetime | None, ended_at: datetime | None) -> dict[str, Any]:
    return {"state": state.value, "message": message, "started_at": _iso(started_at), "ended_at": _iso(ended_at)}


def _only_optional_pending(plugins: Mapping[str, Mapping[str, Any]]) -> bool:
    pending = [d for d in plugins.values() if d["expected"] and not State(d["state"]).is_terminal]
    return bool(pending) and not any(d["mandatory"] for d in pending)


def _activity_state(stages: Mapping[str, Mapping[str, Any]], run: Run) -> State:
    """Derive an activity's state from those of its stages."""
    states = {State(stage["state"]) for stage in stages.values()}
    for decisive in (State.ERROR, State.MANDATORY_COMPLETED, State.IN_PROGRESS):
        if decisive in states:
            return decisive
    if len(states) == 1:
        return states.pop()
    if not run.ended:
        return State.IN_PROGRESS
    # No plugin matched the stages that are not started, or else the attempt did not come to the activity.
    left = [stage for stage in stages.values() if stage["state"] == State.NOT_STARTED and stage["plugins"]]
    return State.NOT_STARTED if left else State.COMPLETE


def _plugin_documents(run: Run, plan: StagePlan | None, rows: Mapping[str, PluginRow]) -> dict[str, Any]:
    expected = {plugin.name: plugin for plugin in plan.plugins} if plan else {}
    documents = {name: _plugin_document(run, rows.get(name), plugin) for name, plugin in expected.items()}
    others = {name: _plugin_document(run, row, None) for name, row in rows.items() if name not in expected}
    return documents | others


def _plugin_document(run: Run, row: PluginRow | None, expected: ExpectedPlugin | None) -> dict[str, Any]:
    current = row if row and (row.attempt == run.ref.attempt or row.state.is_done) else None
    if current is not None and current.state is State.IN_PROGRESS and run.ended:
        state = State.ERROR if current.mandatory else State.OPTIONAL_TASK_ERROR
        current = replace(current, state=state, message=RUN_ENDED, ended_at=run.ended_at)
    return {
        "state": (current.state if current else State.NOT_STARTED).value,
        "mandatory": expected.mandatory if expected else (row.mandatory if row else False),
        "expected": expected is not None,
        "order": expected.order if expected else None,
        "message": current.message if current else None,
        "progress": current.progress if current else None,
        "attempt": current.attempt if current else None,
        "started_at": _iso(current.started_at) if current else None,
        "ended_at": _iso(current.ended_at) if current else None,
    }


def _iso(time: datetime | None) -> str | None:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z" if time else None
