"""Counts the workloads: ``python -m benchmarks [--only 'W(1,1) W(3,5)'] [--runs 5] [--to results.json]``."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.comparisons import MANY, against_hops, growth_of_wall, serial_delivery, straight_line
from benchmarks.picture import picture
from benchmarks.table import table
from benchmarks.workload import Workload, chosen
from benchmarks.workload_runs import deployed

FOLDER: Final = Path(__file__).parent
PICTURE: Final = FOLDER.parent / "docs" / "performance.svg"


def main() -> None:
    """Measure what was asked for, write it down, and print it."""
    arguments = _arguments()
    original = json.loads((FOLDER / "original.json").read_text())
    results: dict[str, Any] = {}
    comparisons: dict[str, Any] = {}
    for (activities, plugins), loads in itertools.groupby(arguments.only, lambda load: (load.activities, load.plugins)):
        with deployed(Workload(activities, plugins), _say) as system:
            for load in loads:
                _say(f"measure {load.name}")
                results[load.name] = (
                    system.measure(arguments.runs) if load.at_once == 1 else system.measure_at_once(load.at_once)
                )
            if (activities, plugins) == (1, 1):
                _say("compare with three bare hops")
                comparisons["W(1,1) against three bare hops"] = against_hops(system, 2 * arguments.runs)
    if f"W(1,{MANY})" in results:
        _say("deliver one message to many functions, bare")
        delivery = comparisons["bare delivery"] = serial_delivery(arguments.runs)
        comparisons[f"W(1,{MANY}) against W(1,1)"] = growth_of_wall(results, delivery)
    for key in ("wru", "lambda_core"):
        comparisons[f"straight line of {key} over P"] = straight_line(results, key)
    comparisons = {name: found for name, found in comparisons.items() if found}
    document = {
        "what": f"This project, on the original's emulator, {os.cpu_count()} processors, {platform.machine()}.",
        "workload": original["workload"],
        "counting": "docs/performance.md",
        "runs": arguments.runs,
        "results": results,
        "comparisons": comparisons,
    }
    arguments.to.write_text(json.dumps(document, indent=1) + "\n")
    print("\n".join(table(results, original["results"])))
    for name, found in comparisons.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in found.items()))
    if drawn := picture(results, original["results"]):
        arguments.picture.write_text(drawn)
    print(f"written to {arguments.to}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Count what a run costs.")
    parser.add_argument("--only", type=chosen, default="", help="names of workloads, apart by blanks")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, after one to warm up; default: 5")
    parser.add_argument("--to", type=Path, default=FOLDER / "results.json", help="where the results go")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where the picture goes")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
