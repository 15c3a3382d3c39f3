"""An activity's snapshot, from its plugins' rows and from its control item."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.activity import PluginFailure, count_rows, read_control
from orchestrator_runtime.core.records import ActivityControl, Dispatch, Outcome, PluginRow
from tests.unit.samples import NOW, a_plan, a_row

CONTROL = ActivityControl(
    attempt=2, stage=Stage.PARALLEL, pending=frozenset({0}), dispatch=Dispatch(ordinal=0, claimed_at=NOW)
)
PLAN = a_plan(2, "Score")
PLUGIN = PLAN.plugins[0]


@pytest.mark.parametrize(
    ("row", "is_pending", "fails"),
    [
        (None, True, False),
        (a_row(2, State.NOT_STARTED), True, False),
        (a_row(2, State.IN_PROGRESS), True, False),
        (a_row(2, State.COMPLETE), False, False),
        (a_row(2, State.DO_NOT_RUN), False, False),
        (a_row(2, State.ERROR, message="why"), False, True),
        (a_row(2, State.OPTIONAL_TASK_ERROR, message="why"), False, True),
        (a_row(1, State.COMPLETE), True, False),
        (a_row(1, State.ERROR), True, False),
        (a_row(3, State.COMPLETE), True, False),
    ],
)
def test_a_row_counts_by_its_state_in_this_attempt(row: PluginRow | None, is_pending: bool, fails: bool) -> None:
    rows = {"Score": row} if row else {}

    stage = count_rows(PLAN, rows, CONTROL, None, enforce_deadlines=False)

    assert stage.pending == ({0} if is_pending else set())
    assert stage.failures == ((PluginFailure(plugin=PLUGIN, message="why"),) if fails else ())


def test_a_plugin_that_was_kept_is_closed_whatever_its_row_says() -> None:
    plan = replace(PLAN, plugins=(replace(PLUGIN, kept=State.COMPLETE),))

    stage = count_rows(plan, {"Score": a_row(2, State.ERROR)}, CONTROL, None, enforce_deadlines=False)

    assert (stage.pending, stage.failures) == (frozenset(), ())


def test_who_is_not_expected_does_not_count() -> None:
    rows = {"Score": a_row(2), "Stranger": a_row(2, State.ERROR, name="Stranger")}

    stage = count_rows(PLAN, rows, CONTROL, None, enforce_deadlines=False)

    assert (stage.pending, stage.failures) == (frozenset({0}), ())


def test_pending_plugins_that_have_reported_are_known_with_their_starts() -> None:
    plan = a_plan(2, "A", "B", "C")
    rows = {
        "A": a_row(2, name="A", started_at=NOW),
        "B": a_row(2, State.COMPLETE, name="B", started_at=NOW),
        "C": a_row(2, name="C"),
    }

    stage = count_rows(plan, rows, CONTROL, None, enforce_deadlines=False)

    assert stage.reported == {0: NOW, 2: None}


def test_a_recount_says_what_else_is_known() -> None:
    finished = Outcome(state=State.COMPLETE)
    control = replace(CONTROL, run_ended=True, outcome=finished)
    outcome = Outcome(state=State.ERROR)

    stage = count_rows(PLAN, {}, control, outcome, enforce_deadlines=True)

    assert (stage.plan, stage.dispatch, stage.run_ended) == (PLAN, control.dispatch, True)
    assert (stage.stage, stage.outcome, stage.finished) == (Stage.PARALLEL, outcome, finished)
    assert stage.enforce_deadlines


def test_the_control_item_is_read_as_it_stands() -> None:
    plan = a_plan(2, "A", "B", "C")
    finished = Outcome(state=State.ERROR)
    control = replace(CONTROL, pending=frozenset({1}), failed=frozenset({2, 0}), run_ended=True, outcome=finished)

    stage = read_control(plan, control)

    assert (stage.stage, stage.pending) == (Stage.PARALLEL, frozenset({1}))
    assert [failure.plugin.name for failure in stage.failures] == ["A", "C"]
    assert (stage.dispatch, stage.run_ended, stage.outcome, stage.finished) == (control.dispatch, True, None, finished)
    assert not stage.enforce_deadlines


@pytest.mark.parametrize("control", [replace(CONTROL, stage=None), replace(CONTROL, dispatch=None)])
def test_an_activity_that_has_not_opened_has_no_snapshot(control: ActivityControl) -> None:
    with pytest.raises(ValueError, match="the activity has not opened"):
        read_control(PLAN, control)
    with pytest.raises(ValueError, match="its run ended before that"):
        count_rows(PLAN, {}, control, None, enforce_deadlines=False)
