"""What a plugin adds to a run by taking long: computed from the rendered definition and the core's due times.

No run of a day is needed: the definition says when a waiting task enters itself again, and ``core.activity`` when the
deadline check looks at an activity. ``tests/benchmarks/test_waiting.py`` checks both against the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from benchmarks.prices import MILLION, READ_UNIT, TRANSITION, WRITE_UNIT
from orchestrator_constructs.workflow.run_states import DEFAULT_RUN_DAYS
from orchestrator_constructs.workflow.task_timeout import DAY, task_timeout_seconds
from orchestrator_runtime.contract import (
    CHECK_DEADLINES_EVERY_SECONDS,
    DEFAULT_START_WITHIN_SECONDS,
    START_REPORTED_AFTER_SECONDS,
    Stage,
)
from orchestrator_runtime.core.activity import ActivitySnapshot, due_after_dispatch, next_due
from orchestrator_runtime.core.records import Dispatch, ExpectedPlugin, StagePlan

VERSION_1: Final = {timedelta(minutes=10): 20, timedelta(hours=1): 120, timedelta(days=1): 396}
"""Transitions that one plugin of this duration added in version 1."""
READS_OF_A_CHECK: Final = 4
"""Units of a check that finds nothing to do: the activity's item twice, the run, the stage's items."""
WRITES_OF_A_CHECK: Final = 3
"""Units of such a check: the next due time, in the item, and in the index, whose entry is deleted and put."""
_BEGAN: Final = datetime(2026, 11, 24, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wait:
    """One plugin that reports its start and takes long.

    Attributes:
        takes: How long.
        transitions: State transitions that it adds to the run.
        checks: How often the deadline check looks at the activity.
    """

    takes: timedelta
    transitions: int
    checks: int

    @property
    def dollars(self) -> float:
        """The price of both, for a million runs."""
        check = READS_OF_A_CHECK * READ_UNIT + WRITES_OF_A_CHECK * WRITE_UNIT
        return (self.transitions * TRANSITION + self.checks * check) * MILLION


def waits() -> list[Wait]:
    """The waits of the page, computed."""
    return [Wait(takes, transitions_added(takes), checks_of(takes)) for takes in VERSION_1]


def transitions_added(takes: timedelta, *, activities: int = 3, run_days: int = DEFAULT_RUN_DAYS) -> int:
    """How often the waiting task enters itself again while a plugin works: each is one state transition."""
    timeout = task_timeout_seconds("Work", [1] * activities, run_timeout_seconds=run_days * DAY)
    return int(takes.total_seconds()) // timeout


def checks_of(takes: timedelta) -> int:
    """How often the deadline check looks at an activity while a plugin works that reports its start."""
    return sum(1 for _ in _checks(takes))


def _checks(takes: timedelta) -> Iterator[datetime]:
    plugin = ExpectedPlugin(
        name="Slow",
        timeout_seconds=2 * int(takes.total_seconds()),
        start_within_seconds=DEFAULT_START_WITHIN_SECONDS,
    )
    plan = StagePlan(attempt=1, plugins=(plugin,), opened_at=_BEGAN, expires_at=0)
    started, ended = _BEGAN + timedelta(seconds=START_REPORTED_AFTER_SECONDS), _BEGAN + takes
    activity = ActivitySnapshot(
        stage=Stage.PARALLEL,
        plan=plan,
        pending=frozenset({0}),
        dispatch=Dispatch(ordinal=0, claimed_at=_BEGAN, published_at=_BEGAN),
        reported={0: started},
        enforce_deadlines=True,
    )
    due = due_after_dispatch(plan, [0], _BEGAN)
    while due < ended:
        # The schedule comes once a minute.
        checked = due + timedelta(seconds=CHECK_DEADLINES_EVERY_SECONDS)
        yield checked
        due = next_due(activity, checked)
