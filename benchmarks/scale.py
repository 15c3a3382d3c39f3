"""Writes what throughput takes into ``docs/scale.md``, reckoned from the results. ``python -m benchmarks.scale``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.average_run import AverageRun
from benchmarks.goals import Document
from benchmarks.page import with_tables
from benchmarks.quotas import OPEN_EXECUTIONS, QUOTAS, Quota
from benchmarks.throughput import Bill, binding, longest_mean_run, shares

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "scale.md"
RESULTS: Final = ROOT / "benchmarks" / "results.json"
BEGIN: Final = "<!-- reckoned from benchmarks/results.json: written by make bench, or python -m benchmarks.scale -->"
END: Final = "<!-- end of what was reckoned -->"
RATES: Final = (1, 100, 10_000)
PLUGINS: Final = (5, 50, 200)
FIRST: Final = 3
_NEEDED: Final = frozenset({"W(1,1)", "W(1,200)"})


def tables(document: Document) -> str:
    """The tables as they stand in the page."""
    runs = [AverageRun.counted(document, plugins) for plugins in PLUGINS]
    parts = (_quotas(runs), _first(runs), _bills(runs))
    return "\n\n".join("\n".join(part) for part in parts)


def _quotas(runs: Sequence[AverageRun]) -> Iterator[str]:
    columns = " / ".join(str(run.plugins) for run in runs)
    yield f"| quota | default | of | a run of {columns} plugins takes | runs a second that use it up | what to do |"
    yield "|---|---:|---|---:|---:|---|"
    for quota in sorted(QUOTAS, key=lambda quota: quota.bears(runs[-1])):
        yield _quota(quota, runs)
    takes = f"{runs[0].executions}, as long as it lasts"
    yield _row(OPEN_EXECUTIONS, takes, f"{figure(OPEN_EXECUTIONS.bears(runs[0]))} by the seconds that runs last")


def _quota(quota: Quota, runs: Iterable[AverageRun]) -> str:
    takes = _together(figure(quota.takes(run)) for run in runs)
    bears = _together(f"{int(quota.bears(run)):,}" for run in runs)
    return _row(quota, takes, bears)


def _row(quota: Quota, takes: str, bears: str) -> str:
    limit = f"{figure(quota.at_most)} {quota.per}"
    return f"| [{quota.name}]({quota.source}) | {limit} | {quota.scope} | {takes} | {bears} | {quota.lift} |"


def _together(cells: Iterable[str]) -> str:
    """For each number of plugins, or once if it is the same for all."""
    different = list(cells)
    return different[0] if len(set(different)) == 1 else " / ".join(different)


def _first(runs: Sequence[AverageRun]) -> Iterator[str]:
    yield (
        "| runs a second | plugins | used most | have AWS raise it to | no request raises "
        "| with defaults: accounts and regions | with all raised: deployments | runs may last |"
    )
    yield "|---:|---:|---|---|---|---:|---:|---:|"
    for rate, run in _each(runs):
        bound = binding(run, rate)
        full = [one for one in bound if one.full]
        cells = (
            ", ".join(f"{one.quota.name} {percent(one.utilisation)}" for one in bound[:FIRST]),
            _list(f"{one.quota.name} {figure(one.asked)}" for one in full if one.quota.raised_by_aws),
            _list(one.quota.name for one in full if not one.quota.raised_by_aws),
            str(shares(bound, raised=False)),
            str(shares(bound, raised=True)),
            duration(longest_mean_run(run, rate)),
        )
        yield f"| {rate:,} | {run.plugins} | " + " | ".join(cells) + " |"


def _bills(runs: Sequence[AverageRun]) -> Iterator[str]:
    yield (
        "| runs a second | plugins | $ for a million runs | … of logs | $ a month | … of logs | … of metrics, at most "
        "| GB of plans kept |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
    for rate, run in _each(runs):
        bill = Bill(run, rate)
        cells = (
            bill.per_million,
            bill.logs_per_million,
            bill.a_month,
            bill.logs_a_month,
            bill.metrics_a_month,
            bill.plan_gigabytes,
        )
        yield f"| {rate:,} | {run.plugins} | " + " | ".join(map(figure, cells)) + " |"


def _each(runs: Sequence[AverageRun]) -> Iterator[tuple[int, AverageRun]]:
    return ((rate, run) for rate in RATES for run in runs)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"


def figure(value: float) -> str:
    """Three digits; more would not be known."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 or rounded.is_integer() else f"{rounded:g}"


def percent(share: float) -> str:
    """Of all, in hundredths: two digits, or whole."""
    return f"{float(f'{100 * share:.2g}'):g} %" if share < 1 else f"{100 * share:,.0f} %"


def duration(seconds: float) -> str:
    """In the largest unit of which there are more than two."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds > 2 * size:
            return f"{figure(seconds / size)} {unit}"
    return f"{figure(seconds)} seconds"


def write(document: Document) -> None:
    """Write the tables into the page, if what they are reckoned from was counted."""
    if document["results"].keys() >= _NEEDED:
        PAGE.write_text(with_tables(PAGE.read_text(), tables(document), begin=BEGIN, end=END))


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text()))
