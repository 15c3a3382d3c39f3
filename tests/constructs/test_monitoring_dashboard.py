"""The dashboard as CloudWatch lays it out: nothing overlaps, and each metric that it names is one that is written."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Any

import pytest

from orchestrator_runtime.contract import PLUGIN_DIMENSIONS, RUN_DIMENSIONS, STAGE_DIMENSIONS, Dimension, Metric
from tests.constructs.drawn_dashboard import PICTURE, dashboard_of, draw, lines_of, monitored

NAMESPACE = "claims-dev"
SEARCH = re.compile(r"SEARCH\('\{([^}]*)\} MetricName=\"(\w+)\"', '(\w+)'\)")
RUNS = {metric for metric in Metric if metric.name.startswith(("RUN", "ACTIVE", "OVERDUE"))}
STAGES = {Metric.STAGE_DURATION}
OF_ALL = RUNS | {Metric.REFUSED_REPORTS, Metric.REGISTRATION_PROBLEMS}
FUNCTIONS = {"FILL", "SUM", "SORT", "SEARCH", "MAX", "DESC"}


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    return dashboard_of(monitored())


def entries(body: dict[str, Any]) -> list[list[Any]]:
    return [entry for widget in body["widgets"] for entry in widget["properties"].get("metrics", [])]


def dimensions_of(metric: Metric) -> tuple[Dimension, ...]:
    if metric in RUNS:
        return RUN_DIMENSIONS
    return STAGE_DIMENSIONS if metric in STAGES else PLUGIN_DIMENSIONS


def test_widgets_stay_in_their_columns_and_do_not_overlap(body: dict[str, Any]) -> None:
    places = [(w["x"], w["y"], w["x"] + w["width"], w["y"] + w["height"]) for w in body["widgets"]]
    assert all(0 <= left < right <= 24 for left, _, right, _ in places)
    for one, other in combinations(places, 2):
        beside = one[2] <= other[0] or other[2] <= one[0]
        above = one[3] <= other[1] or other[3] <= one[1]
        assert beside or above, (one, other)


def test_rows_are_full(body: dict[str, Any]) -> None:
    rows: dict[int, int] = {}
    for widget in body["widgets"]:
        rows[widget["y"]] = rows.get(widget["y"], 0) + widget["width"]
    assert set(rows.values()) == {24}


def test_no_graph_is_empty(body: dict[str, Any]) -> None:
    assert all(lines_of(widget) for widget in body["widgets"] if widget["type"] == "metric")


def test_searches_name_metrics_with_the_dimensions_that_are_written(body: dict[str, Any]) -> None:
    found = searches(body)
    assert found
    for schema, name, _ in found:
        namespace, *dimensions = schema.split(",")
        assert namespace == f'"{NAMESPACE}"'
        metric = Metric(name)
        allowed = {dimensions_of(metric), PLUGIN_DIMENSIONS if metric is Metric.REFUSED_REPORTS else ()}
        assert tuple(dimensions) in allowed, name


def searches(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    expressions = [entry[0]["expression"] for entry in entries(body) if isinstance(entry[0], dict)]
    found = [match for expression in expressions for match in SEARCH.findall(expression)]
    assert len(found) == sum(expression.count("SEARCH(") for expression in expressions)
    return found


def test_own_metrics_without_dimensions_are_those_that_are_written_without(body: dict[str, Any]) -> None:
    own = [entry for entry in entries(body) if entry[0] == NAMESPACE]
    assert own
    assert {entry[1] for entry in own} <= OF_ALL
    assert all(isinstance(entry[2], dict) for entry in own)


def test_what_an_expression_names_is_in_the_same_graph(body: dict[str, Any]) -> None:
    for widget in body["widgets"]:
        metrics = widget["properties"].get("metrics", [])
        ids = {entry[-1]["id"] for entry in metrics if isinstance(entry[-1], dict) and "id" in entry[-1]}
        expressions = [entry[0]["expression"] for entry in metrics if isinstance(entry[0], dict)]
        named = {word for one in expressions for word in re.findall(r"\b[A-Za-z_]\w*", SEARCH.sub("", one))} - FUNCTIONS
        assert named == ids, widget["properties"]["title"]


def test_the_picture_is_the_dashboard(body: dict[str, Any]) -> None:
    assert PICTURE.read_text() == draw(body), "run: python -m tests.constructs.drawn_dashboard"
