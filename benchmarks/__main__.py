"""Counts the workloads: ``python -m benchmarks [--only 'W(1,1) W(3,5)'] [--runs 5] [--to results.json]``."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.comparisons import MANY, against_hops, growth_of_wall, serial_delivery, straight_line
from benchmarks.goals import EMPTY
from benchmarks.page import write
from benchmarks.picture import picture
from benchmarks.scale import write as write_scale
from benchmarks.table import table
from benchmarks.workload import Workload, chosen
from benchmarks.workload_runs import deployed

FOLDER: Final = Path(__file__).parent
ORIGINAL: Final = json.loads((FOLDER / "original.json").read_text())
VERSION_1: Final = json.loads((FOLDER / "version1.json").read_text())
RESULTS: Final = FOLDER / "results.json"
PICTURE: Final = FOLDER.parent / "docs" / "performance.svg"


def main() -> None:
    """Measure what was asked for, write it down, and print it."""
    arguments = _arguments()
    document = _before(arguments.to)
    comparisons = document["comparisons"]
    measured: dict[str, Any] = {}
    for load, found, compared in _measured(arguments.only, arguments.runs):
        measured[load.name] = found
        document["results"][load.name] = found
        comparisons.update(compared)
        _write(arguments.to, document)
    if f"W(1,{MANY})" in measured:
        _say("deliver one message to many functions, bare")
        delivery = comparisons["bare delivery"] = serial_delivery(arguments.runs)
        if grown := growth_of_wall(measured, delivery):
            comparisons[f"W(1,{MANY}) against W(1,1)"] = grown
    for key in ("wru", "lambda_core"):
        if line := straight_line(document["results"], key):
            comparisons[f"straight line of {key} over P"] = line
    _write(arguments.to, document)
    print("\n".join(table(measured, ORIGINAL["results"])))
    for name, values in comparisons.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in values.items()))


def _measured(loads: Sequence[Workload], runs: int) -> Iterator[tuple[Workload, dict[str, Any], dict[str, Any]]]:
    """Each workload with its figures and comparisons; those with the same plugins on the same local AWS."""
    for (activities, plugins), same in itertools.groupby(loads, lambda load: (load.activities, load.plugins)):
        with deployed(Workload(activities, plugins), _say) as system:
            for load in same:
                _say(f"measure {load.name}")
                found = system.measure(runs) if load.at_once == 1 else system.measure_at_once(load.at_once)
                compared: dict[str, Any] = {}
                if load.name == "W(1,1)":
                    _say("compare with three bare hops")
                    compared["W(1,1) against three bare hops"] = against_hops(system, 2 * runs)
                    _say("run an activity without a matching plugin")
                    compared[EMPTY] = system.measure_empty()
                yield load, found, compared


def _before(file: Path) -> dict[str, Any]:
    """What was measured before: workloads that are not chosen now keep their figures."""
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return {
        "what": f"This project, on the original's emulator, {os.cpu_count()} processors, {platform.machine()}.",
        "workload": ORIGINAL["workload"],
        "counting": "docs/performance.md",
        "results": known.get("results", {}),
        "comparisons": known.get("comparisons", {}),
    }


def _write(file: Path, document: dict[str, Any]) -> None:
    # In the original's order; what it has not comes last.
    order = {name: number for number, name in enumerate(ORIGINAL["results"])}
    document["results"] = dict(sorted(document["results"].items(), key=lambda one: order.get(one[0], len(order))))
    file.write_text(json.dumps(document, indent=1) + "\n")
    if file == RESULTS:
        write(document, VERSION_1["results"], ORIGINAL["results"])
        write_scale(document)
        if drawn := picture(document["results"], ORIGINAL["results"]):
            PICTURE.write_text(drawn)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Count what a run costs.")
    parser.add_argument("--only", type=chosen, default="", help="names of workloads, apart by blanks")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, after one to warm up; default: 5")
    parser.add_argument(
        "--to",
        type=Path,
        default=RESULTS,
        help="where the results go; default: where the page has them from",
    )
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
