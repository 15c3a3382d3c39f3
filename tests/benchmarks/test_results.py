"""Prices, names, table, picture and lines of the results."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import FOLDER
from benchmarks.calls import CallLog
from benchmarks.comparisons import growth_of_wall, straight_line
from benchmarks.picture import picture
from benchmarks.prices import Consumed, original_without_durations
from benchmarks.table import table
from benchmarks.workload import ALL, Workload, chosen
from orchestrator_cli.local.emulator_process.launcher.recording import OPERATOR
from tests.benchmarks.recorded import invocation, request

ORIGINAL = json.loads((FOLDER / "original.json").read_text())["results"]


def test_the_workloads_are_those_of_the_original() -> None:
    assert [load.name for load in ALL] == list(ORIGINAL)


@pytest.mark.parametrize("load", ALL, ids=[load.name for load in ALL])
def test_a_name_leads_back_to_its_workload(load: Workload) -> None:
    assert Workload.parse(load.name) == load


def test_some_may_be_chosen_with_blanks_in_their_names() -> None:
    names = [load.name for load in chosen("10 x W(3,5) concurrent W(1,1)  W(3,5)")]
    assert names == ["W(1,1)", "W(3,5)", "10 x W(3,5) concurrent"]
    assert chosen(" ") == ALL


def test_another_name_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValueError, match=r"'V\(1,1\)' is no workload: write W\(3,5\)"):
        chosen("V(1,1)")


@pytest.mark.parametrize(
    ("consumed", "part", "dollars"),
    [
        (Consumed(transitions=21), "transitions", 525.0),
        (Consumed(invocations=141), "invocations", 28.2),
        (Consumed(gigabyte_seconds_x86=1), "durations", 16.7),
        (Consumed(gigabyte_seconds_arm=1), "durations", 13.3),
        (Consumed(publishes=3), "publishes", 1.5),
        (Consumed(sqs_requests=10), "sqs", 4.0),
        (Consumed(write_units=411), "writes", 256.9),
        (Consumed(read_units=120), "reads", 15.0),
    ],
)
def test_a_million_runs_cost(consumed: Consumed, part: str, dollars: float) -> None:
    price = consumed.per_million()
    assert (price[part], price["total"]) == (dollars, dollars)


def test_logs_have_a_price_and_are_not_in_the_total() -> None:
    price = Consumed(logged_bytes=2000, publishes=2).per_million()
    assert (price["logs"], price["total"]) == (1.0, 1.0)


def test_the_counts_of_the_original_cost_somewhat_less_than_it_says_in_all() -> None:
    counted = original_without_durations(ORIGINAL["W(3,5)"])
    assert counted == pytest.approx(825.3, abs=0.1)
    assert counted < ORIGINAL["W(3,5)"]["dollars_per_million"]["total"]


def test_a_row_has_ours_the_originals_the_ratio_and_the_floor() -> None:
    lines = list(table({"W(1,1)": {"transitions": 6, "wall_s": 1.25}}, ORIGINAL))
    assert [line.split() for line in lines] == [
        ["W(1,1)", "ours", "original", "ratio", "floor"],
        ["state", "transitions", "6", "9", "0.67", "1"],
        ["wall,", "s", "(of", "this", "machine)", "1.25"],
        [],
    ]


def test_the_picture_has_a_line_for_each_who_was_counted() -> None:
    ours = {name: ORIGINAL[name] for name in ("W(1,1)", "W(1,30)", "W(1,200)")}
    drawn = picture(ours, ORIGINAL)
    assert drawn is not None
    lines = ElementTree.fromstring(drawn).findall("{http://www.w3.org/2000/svg}polyline")
    points = [line.attrib["points"].split() for line in lines]
    # Write units and invocations of three, dollars of the floor alone, seconds of two.
    assert [len(one) for one in points] == [3] * (3 + 3 + 1 + 2)
    assert picture({"W(1,1)": ORIGINAL["W(1,1)"]}, ORIGINAL) is None


def test_a_straight_line_is_known_from_a_curve() -> None:
    line = {f"W(1,{plugins})": {"wru": 20 + 3 * plugins} for plugins in (1, 10, 30, 200)}
    assert straight_line(line, "wru") == {"at_none": 20, "per_plugin": 3, "r2": 1}
    curve = straight_line(ORIGINAL, "wru")
    assert curve is not None
    assert curve["r2"] < 0.98
    assert straight_line({"W(1,1)": {"wru": 1}}, "wru") is None


def test_growth_of_wall_beside_that_of_the_bare_delivery() -> None:
    results: dict[str, dict[str, float]] = {"W(1,1)": {"wall_s": 0.5}, "W(1,200)": {"wall_s": 5}}
    assert growth_of_wall(results, {"to_one_s": 0.1, "to_200_s": 2.1}) == {"ratio": 10, "floor": 5}
    assert growth_of_wall({"W(1,1)": {"wall_s": 0.5}}, {}) is None


def test_of_the_calls_only_those_of_a_runs_functions_are_read_and_whole_lines_only(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    before, beside = invocation(), request("dynamodb", "Query", caller="bench-marks-reconcile")
    file.write_text(json.dumps(before) + "\n")
    log = CallLog(file, beside={"bench-marks-reconcile"})
    log.skip()
    mine, outside = request("sns", "Publish"), request("stepfunctions", "StartExecution", caller=OPERATOR)
    with file.open("a") as more:
        more.write("".join(json.dumps(one) + "\n" for one in (beside, mine, outside)) + '{"kind": "requ')
    assert log.peek() == [mine]
