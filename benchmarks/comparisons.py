"""Seconds of this machine, beside what the services alone take in the same run."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.bare import Bare
from benchmarks.table import Results
from benchmarks.workload import GROWTH
from benchmarks.workload_runs import Deployed
from orchestrator_cli.local import LocalEnvironment

MANY: Final = 200


def against_hops(system: Deployed, pairs: int) -> dict[str, float]:
    """A run of W(1,1) and three bare hops in one execution, in turns: medians and their ratio."""
    bare = Bare(system.aws, functions=1)
    system.run()
    ours, hops = [], []
    for _ in range(pairs):
        ours.append(system.run()[1])
        hops.append(bare.hops())
    run, least = statistics.median(ours), statistics.median(hops)
    return {"run_s": round(run, 3), "three_hops_s": round(least, 3), "ratio": round(run / least, 2)}


def serial_delivery(repeats: int) -> dict[str, float]:
    """One message to one function and to many and back, bare, in turns: medians, and their ratio."""
    with LocalEnvironment(record_calls=True) as aws:
        bare = Bare(aws, functions=MANY)
        bare.to_one()
        one, many = [], []
        for _ in range(repeats):
            one.append(bare.to_one())
            many.append(bare.to_many())
    few, all_of_them = statistics.median(one), statistics.median(many)
    return {"to_one_s": round(few, 3), f"to_{MANY}_s": round(all_of_them, 3), "ratio": round(all_of_them / few, 1)}


def growth_of_wall(results: Results, delivery: Mapping[str, float]) -> dict[str, float] | None:
    """W(1,200) against W(1,1), and the same if nothing but bare delivery grew; ``None``: not both were run."""
    if not {"W(1,1)", f"W(1,{MANY})"} <= results.keys():
        return None
    one, many = (float(results[name]["wall_s"]) for name in ("W(1,1)", f"W(1,{MANY})"))
    floor = (one + delivery[f"to_{MANY}_s"] - delivery["to_one_s"]) / one
    return {"ratio": round(many / one, 1), "floor": round(floor, 1)}


def straight_line(results: Results, key: str) -> dict[str, Any] | None:
    """How well a figure follows a straight line over P, of workloads with one activity; ``None``: fewer than three."""
    points = [(load.plugins, float(results[load.name][key])) for load in GROWTH if load.name in results]
    if len(points) < 3:
        return None
    plugins, values = zip(*points, strict=True)
    line = statistics.linear_regression(plugins, values)
    r2 = _determination(values, [line.intercept + line.slope * p for p in plugins])
    return {"at_none": round(line.intercept, 1), "per_plugin": round(line.slope, 3), "r2": round(r2, 5)}


def _determination(values: Sequence[float], fitted: Sequence[float]) -> float:
    mean = statistics.fmean(values)
    left = sum((value - fit) ** 2 for value, fit in zip(values, fitted, strict=True))
    return 1 - left / sum((value - mean) ** 2 for value in values)
