"""A run as people see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.records import ExpectedPlugin, Outcome, PluginRow, StagePlan, StageRow
from orchestrator_runtime.core.run_document import activity_state, run_document
from tests.unit.samples import EXECUTION, NOW, a_plan, a_row, a_run

LATER = NOW + timedelta(seconds=5)
ISO = "2026-11-24T09:30:00.123Z"
ISO_LATER = "2026-11-24T09:30:05.123Z"
STAGE = "Rate/parallel"
NOTHING_YET: dict[str, Any] = {
    "state": "Not Started",
    "message": None,
    "started_at": None,
    "ended_at": None,
    "plugins": {},
}


def stage_of(
    row: StageRow | None, plan: StagePlan | None = None, *plugins: PluginRow, attempt: int = 2
) -> dict[str, Any]:
    document = run_document(
        a_run(attempt),
        {STAGE: row} if row else {},
        {STAGE: plan} if plan else {},
        {STAGE: {plugin.name: plugin for plugin in plugins}},
    )
    found: dict[str, Any] = document["activities"]["Rate"]["stages"]["parallel"]
    return found


def open_row(attempt: int = 2) -> StageRow:
    return StageRow(attempt=attempt, state=State.IN_PROGRESS, started_at=NOW)


def closed_row(state: State, attempt: int = 2) -> StageRow:
    outcome = Outcome(state=state, message="why" if state is State.ERROR else None)
    return StageRow(attempt=attempt, state=state, started_at=NOW, ended_at=LATER, outcome=outcome)


def test_a_run_that_has_just_begun() -> None:
    document = run_document(a_run(), {}, {}, {})

    assert {key: value for key, value in document.items() if key != "activities"} == {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "state": "In Progress",
        "ending": None,
        "attempt": 1,
        "metadata": {"line": "auto", "premium": 1200.5},
        "message": None,
        "execution": EXECUTION,
        "started_at": ISO,
        "ended_at": None,
    }
    stages = dict.fromkeys(("pre", "parallel", "post"), NOTHING_YET)
    assert document["activities"] == {
        name: {"state": "Not Started", "stages": stages} for name in ("Validate", "Rate", "Check")
    }
    assert [*document["activities"]] == ["Validate", "Rate", "Check"]
    assert [*document["activities"]["Rate"]["stages"]] == [str(stage) for stage in Stage]


def test_a_run_that_failed() -> None:
    run = a_run(state=State.ERROR, ending=Ending.FAILED, message="why", ended_at=LATER)

    document = run_document(run, {}, {}, {})

    assert (document["state"], document["ending"], document["message"]) == ("Error", "failed", "why")
    assert document["ended_at"] == ISO_LATER


def test_a_stage_with_all_that_can_be_in_it() -> None:
    plan = StagePlan(
        attempt=2,
        rule=a_plan().rule,
        plugins=(
            ExpectedPlugin(name="Zeta", order=1, timeout_seconds=60),
            ExpectedPlugin(name="Alpha", mandatory=False, timeout_seconds=60),
        ),
        expires_at=0,
    )
    zeta = a_row(2, name="Zeta", message="half way", progress=50.0, started_at=NOW)
    stranger = a_row(2, State.COMPLETE, name="Stranger", expected=False, mandatory=False, ended_at=LATER)

    stage = stage_of(open_row(), plan, stranger, zeta)

    unknown = {"message": None, "progress": None, "attempt": None, "started_at": None, "ended_at": None}
    assert stage["plugins"] == {
        "Zeta": {
            "state": "In Progress",
            "mandatory": True,
            "expected": True,
            "order": 1,
            "message": "half way",
            "progress": 50.0,
            "attempt": 2,
            "started_at": ISO,
            "ended_at": None,
        },
        "Alpha": {"state": "Not Started", "mandatory": False, "expected": True, "order": 90, **unknown},
        "Stranger": {
            "state": "Complete",
            "mandatory": False,
            "expected": False,
            "order": None,
            **unknown,
            "attempt": 2,
            "ended_at": ISO_LATER,
        },
    }
    assert [*stage["plugins"]] == ["Zeta", "Alpha", "Stranger"]


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (open_row(), ("In Progress", None, ISO, None)),
        (closed_row(State.COMPLETE), ("Complete", None, ISO, ISO_LATER)),
        (closed_row(State.ERROR), ("Error", "why", ISO, ISO_LATER)),
        (open_row(1), ("Not Started", None, None, None)),
        (closed_row(State.ERROR, 1), ("Not Started", None, None, None)),
        (closed_row(State.COMPLETE, 1), ("Complete", None, ISO, ISO_LATER)),
    ],
)
def test_a_stage_shows_what_holds_in_this_attempt(row: StageRow, shown: tuple[str | None, ...]) -> None:
    stage = stage_of(row)

    assert tuple(stage[key] for key in ("state", "message", "started_at", "ended_at")) == shown


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (a_row(2, State.ERROR, message="why"), ("Error", "why", 2)),
        (a_row(1, State.COMPLETE, message="done"), ("Complete", "done", 1)),
        (a_row(1, State.DO_NOT_RUN), ("Do Not Run", None, 1)),
        (a_row(1, State.ERROR, message="why"), ("Not Started", None, None)),
        (a_row(1, State.IN_PROGRESS, message="half"), ("Not Started", None, None)),
    ],
)
def test_a_plugin_shows_what_holds_in_this_attempt(row: PluginRow, shown: tuple[str | int | None, ...]) -> None:
    plugin = stage_of(open_row(), a_plan(2, "Score"), row)["plugins"]["Score"]

    assert tuple(plugin[key] for key in ("state", "message", "attempt")) == shown


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (a_row(2, State.IN_PROGRESS, mandatory=False), ("In Progress", False, 2)),
        (a_row(1, State.IN_PROGRESS, mandatory=False), ("Not Started", False, None)),
        (a_row(1, State.COMPLETE, mandatory=True), ("Complete", True, 1)),
    ],
)
def test_a_plugin_that_is_not_expected_shows_what_its_row_says(row: PluginRow, shown: tuple[object, ...]) -> None:
    plugin = stage_of(open_row(), a_plan(2, "Other"), row)["plugins"]["Score"]

    assert tuple(plugin[key] for key in ("state", "mandatory", "attempt")) == shown


@pytest.mark.parametrize(
    ("must", "may", "state"),
    [
        (State.COMPLETE, State.IN_PROGRESS, "Mandatory Completed"),
        (State.COMPLETE, None, "Mandatory Completed"),
        (State.IN_PROGRESS, State.IN_PROGRESS, "In Progress"),
        (State.IN_PROGRESS, State.OPTIONAL_TASK_ERROR, "In Progress"),
        (State.COMPLETE, State.COMPLETE, "In Progress"),
    ],
)
def test_a_stage_that_waits_for_optional_plugins_only_says_so(must: State, may: State | None, state: str) -> None:
    plan = a_plan(2, "Must", "May")
    plan = replace(plan, plugins=(plan.plugins[0], replace(plan.plugins[1], mandatory=False)))
    rows = [a_row(2, must, name="Must"), *([a_row(2, may, name="May", mandatory=False)] if may else [])]

    assert stage_of(open_row(), plan, *rows)["state"] == state


def test_who_is_not_expected_keeps_no_stage_from_saying_what_it_waits_for() -> None:
    plan = replace(a_plan(2, "May"), plugins=(ExpectedPlugin(name="May", mandatory=False, timeout_seconds=60),))
    stranger = a_row(2, name="Stranger", mandatory=True, expected=False)

    assert stage_of(open_row(), plan, stranger)["state"] == "Mandatory Completed"


@pytest.mark.parametrize(
    ("stages", "state"),
    [
        (["Not Started", "Not Started", "Not Started"], "Not Started"),
        (["In Progress", "Not Started", "Not Started"], "In Progress"),
        (["Complete", "Not Started", "Not Started"], "In Progress"),
        (["Complete", "Mandatory Completed", "Not Started"], "Mandatory Completed"),
        (["Complete", "Error", "Not Started"], "Error"),
        (["Error", "In Progress", "Mandatory Completed"], "Error"),
        (["Complete", "Complete", "In Progress"], "In Progress"),
        (["Complete", "Complete", "Complete"], "Complete"),
    ],
)
def test_an_activity_is_what_its_stages_are(stages: list[str], state: str) -> None:
    assert activity_state(stages) == state
