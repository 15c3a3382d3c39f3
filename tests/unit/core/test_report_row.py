"""Which write is tried first for a report: a wrong guess costs one more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.incoming_report import coalesce
from orchestrator_runtime.core.records import ExpectedPlugin
from orchestrator_runtime.core.report_row import is_likely_first
from tests.rules.world import received

STARTS = ExpectedPlugin(name="Score", timeout_seconds=60, start_within_seconds=30)
STARTS_UNSEEN = ExpectedPlugin(name="Score", timeout_seconds=60)
AT_WORK, DONE = State.IN_PROGRESS, State.COMPLETE
BEGAN = {"started_at": datetime(2026, 11, 24, 9, 30, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("expected", "said", "first"),
    [
        (STARTS, [(DONE, BEGAN)], True),
        (STARTS, [(AT_WORK, BEGAN)], True),
        (STARTS, [(AT_WORK, {"progress": 50, **BEGAN})], True),
        (STARTS, [(AT_WORK, {"message": "again", **BEGAN})], True),
        (STARTS, [(AT_WORK, {"progress": 50, **BEGAN}), (DONE, {})], True),
        (STARTS, [(AT_WORK, {})], True),
        (STARTS, [(AT_WORK, {}), (AT_WORK, {"progress": 50}), (DONE, {})], True),
        (STARTS, [(AT_WORK, {"message": "hello"})], True),
        (STARTS, [(AT_WORK, {"progress": 50})], False),
        (STARTS, [(AT_WORK, {"progress": 50}), (DONE, {})], False),
        (STARTS, [(DONE, {})], False),
        (STARTS_UNSEEN, [(DONE, {})], True),
        (STARTS_UNSEEN, [(AT_WORK, {"progress": 50})], False),
        (None, [(DONE, {})], True),
    ],
)
def test_a_report_that_tells_of_a_start_is_likely_the_first(
    expected: ExpectedPlugin | None, said: list[tuple[State, dict[str, Any]]], first: bool
) -> None:
    [report] = coalesce(received("Score", state, **other) for state, other in said)
    assert is_likely_first(report, expected) is first
