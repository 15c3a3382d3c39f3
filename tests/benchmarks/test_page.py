"""The page has the figures of the results, and the picture is theirs."""

from __future__ import annotations

import json

import pytest

from benchmarks.__main__ import ORIGINAL, PICTURE, RESULTS, VERSION_1
from benchmarks.goals import GOALS
from benchmarks.page import BEGIN, END, PAGE, tables, with_tables
from benchmarks.picture import picture

DOCUMENT = json.loads(RESULTS.read_text())


def test_the_page_has_what_was_measured() -> None:
    page = PAGE.read_text()
    measured = tables(DOCUMENT, VERSION_1["results"], ORIGINAL["results"])
    assert with_tables(page, measured) == page, "run make bench, or benchmarks.page.write"


def test_the_picture_is_of_what_was_measured() -> None:
    assert PICTURE.read_text() == picture(DOCUMENT["results"], ORIGINAL["results"])


def test_a_goal_is_met_missed_or_not_measured() -> None:
    [goal] = [goal for goal in GOALS if goal.label == "state transitions, W(3,5)"]
    assert goal.verdict({"results": {"W(3,5)": {"transitions": 5}}}) == ("5", "met")
    assert goal.verdict({"results": {"W(3,5)": {"transitions": 5.2}}}) == ("5.2", "**missed**")
    assert goal.verdict({"results": {}}) == ("", "not measured")


def test_a_straight_line_has_to_be_straight_enough() -> None:
    [goal] = [goal for goal in GOALS if goal.at_least]
    name = "straight line of wru over P"
    assert goal.verdict({"comparisons": {name: {"r2": 0.9991}}}) == ("0.9991", "met")
    assert goal.verdict({"comparisons": {name: {"r2": 0.99}}}) == ("0.99", "**missed**")


def test_tables_take_the_place_of_those_before() -> None:
    page = with_tables(f"one\n{BEGIN}\nold\n{END}\ntwo\n", "new")
    assert page == f"one\n{BEGIN}\n\nnew\n\n{END}\ntwo\n"
    with pytest.raises(ValueError, match="no place for the tables"):
        with_tables("one\n", "new")
