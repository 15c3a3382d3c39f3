"""The arithmetic of waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_constructs.activity.ladder import DAY, HOUR, MAX_HISTORY_EVENTS, YEAR, ladder, most_events, wakes


def test_rungs_grow_with_age() -> None:
    assert [(rung.from_age, rung.every) for rung in ladder(60)] == [
        (0, 60),
        (HOUR, 600),
        (DAY, HOUR),
        (10 * DAY, 6 * HOUR),
    ]


def test_a_longer_check_raises_the_rungs_below_it() -> None:
    assert [rung.every for rung in ladder(2 * HOUR)] == [2 * HOUR, 2 * HOUR, 2 * HOUR, 6 * HOUR]


@pytest.mark.parametrize(
    ("age", "expected"),
    [(1, 1), (60, 1), (61, 2), (HOUR, 60), (DAY, 60 + 138), (10 * DAY, 60 + 138 + 216)],
)
def test_wakes_are_counted_by_age(age: int, expected: int) -> None:
    assert wakes(ladder(60), age) == expected


@given(st.integers(20, 7 * DAY), st.integers(0, YEAR), st.integers(0, YEAR))
def test_no_split_of_a_year_among_stages_exceeds_the_history(check_every: int, one: int, other: int) -> None:
    rungs = ladder(check_every)
    first, second = sorted((one, other))
    spent = sum(wakes(rungs, part) for part in (first, second - first, YEAR - second))
    assert spent * 8 <= most_events(rungs) + 3 * 8 < MAX_HISTORY_EVENTS


@pytest.mark.parametrize("check_every", [1, 19])
def test_too_short_a_check_is_refused(check_every: int) -> None:
    with pytest.raises(ValueError, match=f"check_every is {check_every} s: use 20 s or more"):
        ladder(check_every)
