"""A run as people see it: its rows, put together into one document."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, Run, StagePlan, StageRow


def run_document(
    run: Run,
    stages: Mapping[str, StageRow],
    plans: Mapping[str, StagePlan],
    plugins: Mapping[str, Mapping[str, PluginRow]],
) -> dict[str, Any]:
    """Put a run's rows together.

    What an earlier attempt left unfinished shows as ``Not Started``: it is done again.

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

    def activity(name: str) -> dict[str, Any]:
        documents = {
            str(stage): _stage_document(
                run.ref.attempt,
                stages.get(f"{name}/{stage}"),
                plans.get(f"{name}/{stage}"),
                plugins.get(f"{name}/{stage}", {}),
            )
            for stage in Stage
        }
        return {"state": activity_state([d["state"] for d in documents.values()]), "stages": documents}

    return {
        "uid": run.ref.uid,
        "workflow": run.ref.workflow,
        "state": run.state.value,
        "ending": run.ending.value if run.ending else None,
        "attempt": run.ref.attempt,
        "metadata": run.metadata,
        "message": run.message,
        "execution": run.execution,
        "started_at": _iso(run.started_at),
        "ended_at": _iso(run.ended_at),
        "activities": {name: activity(name) for side_by_side in run.activities for name in side_by_side},
    }


def activity_state(stages: Collection[str]) -> str:
    """Derive an activity's state from those of its stages."""
    states = {State(stage) for stage in stages}
    for telling in (State.ERROR, State.MANDATORY_COMPLETED, State.IN_PROGRESS):
        if telling in states:
            return telling.value
    if states == {State.COMPLETE}:
        return State.COMPLETE.value
    return (State.NOT_STARTED if states == {State.NOT_STARTED} else State.IN_PROGRESS).value


def _stage_document(
    attempt: int, row: StageRow | None, plan: StagePlan | None, rows: Mapping[str, PluginRow]
) -> dict[str, Any]:
    expected = {plugin.name: plugin for plugin in plan.plugins} if plan else {}
    documents = {name: _plugin_document(attempt, rows.get(name), plugin) for name, plugin in expected.items()}
    documents |= {name: _plugin_document(attempt, row, None) for name, row in rows.items() if name not in expected}
    over = row is not None and (row.attempt == attempt or row.state is State.COMPLETE)
    state = row.state if row is not None and over else State.NOT_STARTED
    if state is State.IN_PROGRESS and plan and _only_optional_open(documents):
        state = State.MANDATORY_COMPLETED
    return {
        "state": state.value,
        "message": row.outcome.message if row and over and row.outcome else None,
        "started_at": _iso(row.started_at) if row and over else None,
        "ended_at": _iso(row.ended_at) if row and over else None,
        "plugins": documents,
    }


def _only_optional_open(documents: Mapping[str, Mapping[str, Any]]) -> bool:
    still_open = [d for d in documents.values() if d["expected"] and not State(d["state"]).is_terminal]
    return bool(still_open) and not any(d["mandatory"] for d in still_open)


def _plugin_document(attempt: int, row: PluginRow | None, expected: ExpectedPlugin | None) -> dict[str, Any]:
    current = row if row and (row.attempt == attempt or row.state.is_done) else None
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
