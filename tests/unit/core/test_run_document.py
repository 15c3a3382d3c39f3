"""A run as people see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.records import ExpectedPlugin, Outcome, PluginRow, StagePlan, StageRow
from orchestrator_runtime.core.run_document import RUN_ENDED, RUN_ENDED_BEFORE_STAGE, run_document
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
    plugins = (
        ExpectedPlugin(name="Zeta", order=1, timeout_seconds=60),
        ExpectedPlugin(name="Alpha", mandatory=False, timeout_seconds=60),
    )
    plan = StagePlan(attempt=2, plugins=plugins, opened_at=NOW, expires_at=0)
    zeta = a_row(2, name="Zeta", message="half way", progress=50.0, started_at=NOW)
    stranger = a_row(2, State.COMPLETE, name="Stranger", expected=False, mandatory=False, ended_at=LATER)

    stage = stage_of(None, plan, stranger, zeta)

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


STAGE_KEYS = ("state", "message", "started_at", "ended_at")


@pytest.mark.parametrize(
    ("row", "plan", "shown"),
    [
        (None, None, ("Not Started", None, None, None)),
        (None, a_plan(2), ("In Progress", None, ISO, None)),
        (None, a_plan(1), ("Not Started", None, None, None)),
        (closed_row(State.COMPLETE), a_plan(2), ("Complete", None, ISO, ISO_LATER)),
        (closed_row(State.ERROR), a_plan(2), ("Error", "why", ISO, ISO_LATER)),
        (closed_row(State.ERROR), None, ("Error", "why", ISO, ISO_LATER)),
        (closed_row(State.ERROR, 1), a_plan(1), ("Not Started", None, None, None)),
        (closed_row(State.COMPLETE, 1), a_plan(1), ("Complete", None, ISO, ISO_LATER)),
        (closed_row(State.COMPLETE, 1), a_plan(2), ("In Progress", None, ISO, None)),
        (closed_row(State.ERROR, 1), a_plan(2), ("In Progress", None, ISO, None)),
    ],
)
def test_a_stage_shows_what_holds_in_this_attempt(
    row: StageRow | None, plan: StagePlan | None, shown: tuple[str | None, ...]
) -> None:
    assert tuple(stage_of(row, plan)[key] for key in STAGE_KEYS) == shown


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
    plugin = stage_of(None, a_plan(2, "Score"), row)["plugins"]["Score"]

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
    plugin = stage_of(None, a_plan(2, "Other"), row)["plugins"]["Score"]

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

    assert stage_of(None, plan, *rows)["state"] == state


def test_unexpected_plugin_does_not_keep_a_stage_from_mandatory_completed() -> None:
    plan = replace(a_plan(2, "May"), plugins=(ExpectedPlugin(name="May", mandatory=False, timeout_seconds=60),))
    stranger = a_row(2, name="Stranger", mandatory=True, expected=False)

    assert stage_of(None, plan, stranger)["state"] == "Mandatory Completed"


# Stages and activities across the run: Validate, then Rate and Check side by side


def states_of(document: dict[str, Any]) -> dict[str, Any]:
    """The states of each activity: its own, and its stages'."""
    return {
        name: (activity["state"], *(stage["state"] for stage in activity["stages"].values()))
        for name, activity in document["activities"].items()
    }


def run_of(
    rows: dict[str, StageRow] | None = None, plans: dict[str, StagePlan] | None = None, **run: Any
) -> dict[str, Any]:
    return states_of(run_document(a_run(2, **run), rows or {}, plans or {}, {}))


NS, IP, OK, ERR = "Not Started", "In Progress", "Complete", "Error"
NOTHING = (NS, NS, NS, NS)
FAILED: dict[str, Any] = {"state": State.ERROR, "ending": Ending.FAILED, "ended_at": LATER}
COMPLETED: dict[str, Any] = {"state": State.COMPLETE, "ending": Ending.COMPLETED, "ended_at": LATER}


def test_nothing_has_started_before_the_first_plan() -> None:
    assert run_of() == {"Validate": NOTHING, "Rate": NOTHING, "Check": NOTHING}


@pytest.mark.parametrize(
    ("stage", "shown"),
    [("pre", (IP, IP, NS, NS)), ("parallel", (IP, OK, IP, NS)), ("post", (IP, OK, OK, IP))],
)
def test_stage_without_a_trace_is_complete_once_a_later_stage_has_a_plan(stage: str, shown: tuple[str, ...]) -> None:
    shown_of = run_of(plans={f"Validate/{stage}": a_plan(2)})

    assert shown_of == {"Validate": shown, "Rate": NOTHING, "Check": NOTHING}


def test_stage_without_a_trace_is_complete_once_a_later_stage_has_closed() -> None:
    shown = run_of({"Validate/parallel": closed_row(State.ERROR)})

    assert shown["Validate"] == (ERR, OK, ERR, NS)


def test_activity_is_complete_once_a_later_step_has_opened_a_stage() -> None:
    shown = run_of({"Validate/parallel": closed_row(State.COMPLETE)}, {"Check/pre": a_plan(2)})

    assert shown == {"Validate": (OK, OK, OK, OK), "Rate": NOTHING, "Check": (IP, IP, NS, NS)}


def test_activity_that_nothing_matches_is_complete_once_the_run_is_past_it() -> None:
    assert run_of()["Validate"] == NOTHING
    assert run_of({"Rate/pre": closed_row(State.COMPLETE)})["Validate"] == (OK, OK, OK, OK)


def test_activity_beside_another_is_not_past_by_what_that_has_opened() -> None:
    shown = run_of({"Rate/pre": closed_row(State.COMPLETE)}, {"Check/parallel": a_plan(2)})

    assert (shown["Rate"], shown["Check"]) == ((IP, OK, NS, NS), (IP, OK, IP, NS))


def test_everything_of_a_complete_run_is_complete() -> None:
    shown = run_of({"Rate/pre": closed_row(State.COMPLETE)}, **COMPLETED)

    assert shown == dict.fromkeys(("Validate", "Rate", "Check"), (OK, OK, OK, OK))


def test_plan_of_an_earlier_attempt_is_no_evidence() -> None:
    assert run_of(plans={"Rate/parallel": a_plan(1)})["Validate"] == NOTHING


def test_complete_stage_of_an_earlier_attempt_is_evidence() -> None:
    assert run_of({"Rate/parallel": closed_row(State.COMPLETE, 1)}) == {
        "Validate": (OK, OK, OK, OK),
        "Rate": (IP, OK, OK, NS),
        "Check": NOTHING,
    }


def test_mandatory_completed_stage_shows_in_its_activity() -> None:
    plan = a_plan(2, plugins=(ExpectedPlugin(name="May", mandatory=False, timeout_seconds=60),))

    assert run_of(plans={"Rate/post": plan})["Rate"] == ("Mandatory Completed", OK, OK, "Mandatory Completed")


def test_error_of_a_stage_shows_in_its_activity() -> None:
    shown = run_of({"Rate/parallel": closed_row(State.ERROR), "Rate/pre": closed_row(State.COMPLETE)})

    assert shown["Rate"] == (ERR, OK, ERR, NS)


# A run that has ended


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.CANCELLED, Ending.STOPPED, Ending.TIMED_OUT])
def test_stage_in_progress_at_the_end_of_the_run_shows_an_error(ending: Ending) -> None:
    run = a_run(2, state=State.ERROR, ending=ending, ended_at=LATER)
    document = run_document(run, {}, {STAGE: a_plan(2)}, {})

    stage = document["activities"]["Rate"]["stages"]["parallel"]
    assert tuple(stage[key] for key in STAGE_KEYS) == ("Error", RUN_ENDED_BEFORE_STAGE, ISO, ISO_LATER)
    assert document["activities"]["Rate"]["state"] == "Error"


def test_stage_that_waited_for_optional_plugins_only_shows_an_error_too() -> None:
    plan = a_plan(2, plugins=(ExpectedPlugin(name="May", mandatory=False, timeout_seconds=60),))

    assert run_of(plans={"Rate/post": plan}, **FAILED)["Rate"] == (ERR, OK, OK, ERR)


def test_plugin_in_progress_at_the_end_of_the_run_shows_an_error() -> None:
    plugins = (
        ExpectedPlugin(name="Must", timeout_seconds=60),
        ExpectedPlugin(name="May", mandatory=False, timeout_seconds=60),
        ExpectedPlugin(name="Done", timeout_seconds=60),
        ExpectedPlugin(name="Silent", timeout_seconds=60),
        ExpectedPlugin(name="Reset", timeout_seconds=60),
        ExpectedPlugin(name="Old", timeout_seconds=60),
    )
    rows = [
        a_row(2, name="Must", message="half way", progress=50.0, started_at=NOW),
        a_row(2, name="May", mandatory=False),
        a_row(2, State.COMPLETE, name="Done", message="done"),
        a_row(2, State.NOT_STARTED, name="Reset"),
        a_row(1, name="Old"),
        a_row(2, name="Stranger", expected=False, mandatory=False),
    ]
    document = run_document(
        a_run(2, **FAILED), {}, {STAGE: a_plan(2, plugins=plugins)}, {STAGE: {row.name: row for row in rows}}
    )

    shown = document["activities"]["Rate"]["stages"]["parallel"]["plugins"]
    assert {name: (each["state"], each["message"], each["ended_at"]) for name, each in shown.items()} == {
        "Must": ("Error", RUN_ENDED, ISO_LATER),
        "May": ("Optional Task Error", RUN_ENDED, ISO_LATER),
        "Done": ("Complete", "done", ISO),
        "Silent": ("Not Started", None, None),
        "Reset": ("Not Started", None, None),
        "Old": ("Not Started", None, None),
        "Stranger": ("Optional Task Error", RUN_ENDED, ISO_LATER),
    }
    assert (shown["Must"]["progress"], shown["Must"]["started_at"]) == (50.0, ISO)


def test_plugin_in_progress_in_a_closed_stage_of_an_ended_run_shows_an_error() -> None:
    document = run_document(
        a_run(2, **FAILED), {STAGE: closed_row(State.ERROR)}, {STAGE: a_plan(2)}, {STAGE: {"Score": a_row(2)}}
    )

    stage = document["activities"]["Rate"]["stages"]["parallel"]
    assert (stage["message"], stage["plugins"]["Score"]["state"]) == ("why", "Error")


def test_stage_that_the_run_did_not_come_to_stays_not_started() -> None:
    shown = run_of({"Validate/pre": closed_row(State.ERROR)}, **FAILED)

    assert shown == {"Validate": (ERR, ERR, NS, NS), "Rate": NOTHING, "Check": NOTHING}


def test_activity_of_an_ended_run_is_complete_if_no_plugin_matched_its_last_stages() -> None:
    """Beside an activity that failed the run: nothing of an ended run is in progress."""
    rows = {"Rate/parallel": closed_row(State.COMPLETE), "Check/pre": closed_row(State.ERROR)}

    assert run_of(rows, **FAILED)["Rate"] == (OK, OK, OK, NS)


def test_activity_that_an_ended_attempt_did_not_come_to_is_not_started() -> None:
    rows = {"Rate/pre": closed_row(State.COMPLETE, 1), "Rate/parallel": closed_row(State.ERROR, 1)}
    document = run_document(a_run(2, **FAILED), rows, {STAGE: a_plan(1)}, {})

    assert states_of(document)["Rate"] == (NS, OK, NS, NS)
