"""A stage's snapshot, from its plugins' rows and from its tally."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.records import Control, Outcome, PluginRow, Release
from orchestrator_runtime.core.stage import Failure, count_rows, read_tally
from tests.unit.samples import NOW, a_plan, a_row

CONTROL = Control(attempt=2, token="t", opened=True)
PLAN = a_plan(2, "Score")
PLUGIN = PLAN.plugins[0]


@pytest.mark.parametrize(
    ("row", "is_open", "fails"),
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
def test_a_row_counts_by_its_state_in_this_attempt(row: PluginRow | None, is_open: bool, fails: bool) -> None:
    rows = {"Score": row} if row else {}

    stage = count_rows(PLAN, rows, CONTROL, None, enforce_deadlines=False)

    assert stage.open == ({0} if is_open else set())
    assert stage.failures == ((Failure(plugin=PLUGIN, message="why"),) if fails else ())


def test_a_plugin_that_was_kept_is_closed_whatever_its_row_says() -> None:
    plan = replace(PLAN, plugins=(replace(PLUGIN, kept=State.COMPLETE),))

    stage = count_rows(plan, {"Score": a_row(2, State.ERROR)}, CONTROL, None, enforce_deadlines=False)

    assert (stage.open, stage.failures) == (frozenset(), ())


def test_who_is_not_expected_does_not_count() -> None:
    rows = {"Score": a_row(2), "Stranger": a_row(2, State.ERROR, name="Stranger")}

    stage = count_rows(PLAN, rows, CONTROL, None, enforce_deadlines=False)

    assert (stage.open, stage.failures) == (frozenset({0}), ())


def test_starts_are_known_of_those_that_are_open() -> None:
    plan = a_plan(2, "A", "B", "C")
    rows = {
        "A": a_row(2, name="A", started_at=NOW),
        "B": a_row(2, State.COMPLETE, name="B", started_at=NOW),
        "C": a_row(2, name="C"),
    }

    stage = count_rows(plan, rows, CONTROL, None, enforce_deadlines=False)

    assert stage.started_at == {0: NOW}


def test_a_recount_says_what_else_is_known() -> None:
    control = replace(CONTROL, release=Release(ordinal=0, claimed_at=NOW), ended=True)
    outcome = Outcome(state=State.ERROR)

    stage = count_rows(PLAN, {}, control, outcome, enforce_deadlines=True)

    assert (stage.plan, stage.release, stage.run_ended, stage.outcome) == (PLAN, control.release, True, outcome)
    assert stage.enforce_deadlines


def test_the_tally_is_read_as_it_stands() -> None:
    plan = a_plan(2, "A", "B", "C")
    control = replace(
        CONTROL,
        open=frozenset({1}),
        failed=frozenset({2, 0}),
        release=Release(ordinal=0, claimed_at=NOW),
        ended=True,
    )

    stage = read_tally(plan, control)

    assert stage.open == {1}
    assert [failure.plugin.name for failure in stage.failures] == ["A", "C"]
    assert (stage.release, stage.run_ended, stage.outcome) == (control.release, True, None)
    assert not stage.enforce_deadlines
