"""A run's history, told from its attempts and from what was skipped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.history import (
    CORE,
    Attempt,
    HistoryEntry,
    HistoryKind,
    Skip,
    attempt_of,
    cancel_message,
    entry_document,
    history,
    skip_reported,
    skip_unexpected,
)
from tests.unit.samples import EXECUTION, NOW, a_row, a_run, stage_ref

ANN, BOB = "arn:aws:sts::123456789012:assumed-role/Operator/ann", "bob"


def later(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


def attempt(number: int, start: float, end: float | None = None, ending: Ending | None = None, **more: Any) -> Attempt:
    return Attempt(
        number=number,
        execution=f"arn:{number}",
        started_at=later(start),
        ended_at=None if end is None else later(end),
        ending=ending,
        **more,
    )


def order_of(attempts: list[Attempt], skips: list[Skip]) -> list[tuple[int, str, str | None]]:
    return [(entry.attempt, entry.what.value, entry.plugin) for entry in history(attempts, skips)]


def test_an_attempt_is_told_by_its_start_and_its_end() -> None:
    first = attempt(1, 0, 5, Ending.FAILED, by=ANN, message="Rate/parallel: Score: too old")
    assert history([first], []) == [
        HistoryEntry(at=NOW, attempt=1, what=HistoryKind.STARTED, by=ANN, execution="arn:1"),
        HistoryEntry(
            at=later(5),
            attempt=1,
            what=HistoryKind.FAILED,
            detail="Rate/parallel: Score: too old",
            execution="arn:1",
        ),
    ]


def test_a_later_attempt_is_a_resume_and_one_in_progress_has_no_end() -> None:
    [resumed] = history([attempt(2, 9, by=BOB, metadata_replaced=True)], [])
    assert resumed == HistoryEntry(
        at=later(9), attempt=2, what=HistoryKind.RESUMED, by=BOB, execution="arn:2", metadata_replaced=True
    )


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_is_told_by_its_own_word(ending: Ending) -> None:
    assert [entry.what.value for entry in history([attempt(1, 0, 1, ending)], [])] == ["started", ending.value]


@pytest.mark.parametrize("by", [None, ANN])
@pytest.mark.parametrize("reason", [None, "sold twice: no"])
def test_of_a_cancelled_run_who_and_why_are_told_apart(by: str | None, reason: str | None) -> None:
    told = attempt(1, 0, 5, Ending.CANCELLED, ended_by=by, message=cancel_message(by, reason))
    end = history([told], [])[1]
    assert (end.by, end.detail) == (by, reason)


def test_another_end_keeps_its_words_though_they_look_like_a_cancellation() -> None:
    assert history([attempt(1, 0, 5, Ending.FAILED, message="cancelled: x")], [])[1].detail == "cancelled: x"


def test_a_plugin_that_had_nothing_to_do_says_so_itself() -> None:
    row = a_row(1, State.DO_NOT_RUN, message="one car is no fleet")
    assert history([], [skip_reported(stage_ref(), row, at=later(3))]) == [
        HistoryEntry(
            at=later(3),
            attempt=1,
            what=HistoryKind.SKIPPED,
            by="Score",
            detail="one car is no fleet",
            activity="Rate",
            stage=Stage.PARALLEL,
            plugin="Score",
        )
    ]


def test_a_plugin_that_is_not_expected_any_more_is_skipped_by_the_core() -> None:
    [entry] = history([], [skip_unexpected(stage_ref(2), a_row(1, State.ERROR, message="old"), at=later(3))])
    assert (entry.attempt, entry.by, entry.detail) == (2, CORE, "not expected any more")


def test_entries_are_in_the_order_in_which_they_happened() -> None:
    skips = [
        Skip(ref=stage_ref(2), plugin="B", at=later(11), reported=True),
        Skip(ref=stage_ref(2), plugin="A", at=later(11), reported=True),
        Skip(ref=stage_ref(2, stage=Stage.PRE), plugin="Z", at=later(10.5), reported=True),
        Skip(ref=stage_ref(1, stage=Stage.PRE), plugin="Z", at=later(1), reported=True),
        Skip(ref=stage_ref(1), plugin="A", at=later(1), reported=True),
    ]
    attempts = [attempt(2, 10, 12, Ending.COMPLETED), attempt(1, 1, 1, Ending.CANCELLED)]
    assert order_of(attempts, skips) == [
        (1, "started", None),
        (1, "skipped", "A"),
        (1, "skipped", "Z"),
        (1, "cancelled", None),
        (2, "resumed", None),
        (2, "skipped", "Z"),
        (2, "skipped", "A"),
        (2, "skipped", "B"),
        (2, "completed", None),
    ]


def test_clocks_that_differ_do_not_change_the_order() -> None:
    """Attempt 1 began and ended on a clock that is 30 s fast, its plugin reported on one that is 60 s slow."""
    skips = [
        Skip(ref=stage_ref(1), plugin="A", at=later(-55), reported=True),
        Skip(ref=stage_ref(2), plugin="B", at=later(90), reported=True),
    ]
    attempts = [attempt(2, 10, 12, Ending.COMPLETED), attempt(1, 30, 35, Ending.FAILED)]
    assert order_of(attempts, skips) == [
        (1, "started", None),
        (1, "skipped", "A"),
        (1, "failed", None),
        (2, "resumed", None),
        (2, "skipped", "B"),
        (2, "completed", None),
    ]


def test_an_attempt_that_two_tell_of_is_told_once() -> None:
    one = attempt(1, 0, 5, Ending.FAILED)
    assert history([one, one], []) == history([one], [])
    assert len(history([one, attempt(1, 100, 105, Ending.FAILED)], [])) == 4


def test_an_attempt_is_read_from_the_runs_row() -> None:
    run = a_run(
        2,
        by=ANN,
        metadata_replaced=True,
        ended_at=later(5),
        ending=Ending.CANCELLED,
        ended_by=BOB,
        message="cancelled by bob",
    )
    assert attempt_of(run) == Attempt(
        number=2,
        execution=EXECUTION,
        started_at=NOW,
        by=ANN,
        metadata_replaced=True,
        ended_at=later(5),
        ending=Ending.CANCELLED,
        ended_by=BOB,
        message="cancelled by bob",
    )


def test_an_entry_as_json() -> None:
    [entry] = history([], [skip_reported(stage_ref(), a_row(1, State.DO_NOT_RUN), at=NOW)])
    assert entry_document(entry) == {
        "at": "2026-11-24T09:30:00.123Z",
        "attempt": 1,
        "what": "skipped",
        "by": "Score",
        "detail": None,
        "execution": None,
        "metadata_replaced": False,
        "activity": "Rate",
        "stage": "parallel",
        "plugin": "Score",
    }
