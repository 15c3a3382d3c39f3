"""Writes the measured tables into ``docs/performance.md``, so that its figures are those of the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.floor import floor
from benchmarks.goals import GOALS, Document, number
from benchmarks.idle import idle
from benchmarks.table import value_of
from benchmarks.waiting import VERSION_1, waits
from benchmarks.workload import Workload

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN: Final = "<!-- measured: written by make bench -->"
END: Final = "<!-- end of what was measured -->"
_COLUMNS: Final = (
    ("transitions", "transitions"),
    ("lambda_core", "core invocations"),
    ("sns_publishes", "publishes"),
    ("sqs_requests", "SQS requests"),
    ("wru", "write units"),
    ("rru", "read units"),
    ("log_bytes", "log bytes"),
    ("dollars_per_million", "$ per million"),
)
_OTHERS: Final = (
    ("lambda_plugin", "plugin invocations"),
    ("wru_billed", "write units as billed"),
    ("rru_billed", "read units as billed"),
    ("item_bytes", "largest item"),
    ("item_bytes_padded", "… with a token of 1,000"),
    ("plan_bytes", "plan"),
    ("log_bytes_billed", "log bytes as billed"),
    ("dollars_per_million.as_billed", "$ with units as billed"),
    ("dollars_per_million.logs", "$ of logs"),
    ("wall_s", "wall, s"),
)


Counts = Mapping[str, Mapping[str, Any]]
"""The figures of each workload."""


def tables(document: Document, version_1: Counts, original: Counts) -> str:
    """The tables as they stand in the page."""
    parts = (_goals(document), _counts(document, version_1, original), _more(document), _walls(document))
    return "\n\n".join("\n".join(part) for part in (*parts, _waits(), _idle()))


def _goals(document: Document) -> Iterator[str]:
    yield "| goal | version 1 | at most | ours | |"
    yield "|---|---:|---:|---:|---|"
    for goal in GOALS:
        got, verdict = goal.verdict(document)
        limit = f"at least {number(goal.limit)}" if goal.at_least else number(goal.limit)
        yield f"| {goal.label} | {goal.version_1} | {limit} | {got} | {verdict} |"


def _counts(document: Document, version_1: Counts, original: Counts) -> Iterator[str]:
    yield "Ours / version 1's / the original's / the floor:"
    yield ""
    yield "| of a run | " + " | ".join(label for _, label in _COLUMNS) + " |"
    yield "|---|" + "---:|" * len(_COLUMNS)
    for name, figures in document["results"].items():
        sources = (figures, version_1.get(name, {}), original.get(name, {}), floor(Workload.parse(name)))
        cells = [" / ".join(_cell(source, key) for source in sources) for key, _ in _COLUMNS]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _more(document: Document) -> Iterator[str]:
    yield "| ours, of a run | " + " | ".join(label for _, label in _OTHERS) + " |"
    yield "|---|" + "---:|" * len(_OTHERS)
    for name, figures in document["results"].items():
        yield f"| {name} | " + " | ".join(_cell(figures, key) for key, _ in _OTHERS) + " |"


def _walls(document: Document) -> Iterator[str]:
    yield "| compared in one run | |"
    yield "|---|---|"
    for name, values in document["comparisons"].items():
        yield f"| {name} | " + ", ".join(f"{key} {value}" for key, value in values.items()) + " |"


def _waits() -> Iterator[str]:
    yield "| one plugin that takes | transitions it adds | version 1 | deadline checks | $ for a million runs |"
    yield "|---|---:|---:|---:|---:|"
    for wait in waits():
        before = VERSION_1[wait.takes]
        yield f"| {_length(wait.takes)} | {wait.transitions} | {before} | {wait.checks} | {wait.dollars:.2f} |"


def _length(takes: timedelta) -> str:
    minutes = int(takes.total_seconds()) // 60
    return {60: "1 hour", 1440: "1 day"}.get(minutes, f"{minutes} minutes")


def _idle() -> Iterator[str]:
    yield "| a month in which nothing runs | what is billed | $ of the core | $ of `WorkflowMonitoring` |"
    yield "|---|---|---:|---:|"
    lines = idle()
    for line in lines:
        yield f"| {line.service} | {line.what} | {line.core:.2f} | {line.monitoring:.2f} |"
    core, monitoring = sum(line.core for line in lines), sum(line.monitoring for line in lines)
    yield f"| together | | {core:.2f} | {monitoring:.2f} |"


def _cell(figures: Mapping[str, Any], key: str) -> str:
    value = value_of(figures, key)
    return "–" if value is None else number(value)  # noqa: RUF001 - a dash


def with_tables(page: str, measured: str, *, begin: str = BEGIN, end: str = END) -> str:
    """The page with these tables in place of those that it has.

    Args:
        page: The page's text.
        measured: The tables.
        begin: The line before them.
        end: The line after them.

    Raises:
        ValueError: It has no place for them.
    """
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the page has no place for the tables: write {begin} and {end}, a line each")
    return f"{before}{begin}\n\n{measured}\n\n{end}{after}"


def write(document: Document, version_1: Counts, original: Counts) -> None:
    """Write the tables into the page."""
    PAGE.write_text(with_tables(PAGE.read_text(), tables(document, version_1, original)))
