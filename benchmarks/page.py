"""Writes the measured tables into ``docs/performance.md``, so that its figures are those of the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.floor import floor
from benchmarks.goals import GOALS, Document, number
from benchmarks.table import value_of
from benchmarks.workload import Workload

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN: Final = "<!-- measured: written by make bench -->"
END: Final = "<!-- end of what was measured -->"
_COLUMNS: Final = (
    ("transitions", "transitions"),
    ("lambda_core", "core calls"),
    ("sns_publishes", "publishes"),
    ("sqs_requests", "SQS requests"),
    ("wru", "write units"),
    ("rru", "read units"),
    ("log_bytes", "log bytes"),
    ("dollars_per_million", "$ per million"),
)
_OTHERS: Final = (
    ("lambda_plugin", "plugin calls"),
    ("wru_billed", "write units as billed"),
    ("rru_billed", "read units as billed"),
    ("item_bytes", "largest item"),
    ("item_bytes_padded", "… with a token of 1,000"),
    ("plan_bytes", "expected set"),
    ("log_bytes_billed", "log bytes as billed"),
    ("dollars_per_million.as_billed", "$ with units as billed"),
    ("dollars_per_million.logs", "$ of logs"),
    ("wall_s", "wall, s"),
)


def tables(document: Document, original: Mapping[str, Mapping[str, Any]]) -> str:
    """The tables as they stand in the page."""
    return "\n".join([*_goals(document), "", *_counts(document, original), "", *_more(document), "", *_walls(document)])


def _goals(document: Document) -> Iterator[str]:
    yield "| goal | original | at most | ours | |"
    yield "|---|---:|---:|---:|---|"
    for goal in GOALS:
        got, verdict = goal.verdict(document)
        limit = f"at least {number(goal.limit)}" if goal.at_least else number(goal.limit)
        yield f"| {goal.label} | {goal.original} | {limit} | {got} | {verdict} |"


def _counts(document: Document, original: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "Ours / the original's / the floor:"
    yield ""
    yield "| of a run | " + " | ".join(label for _, label in _COLUMNS) + " |"
    yield "|---|" + "---:|" * len(_COLUMNS)
    for name, figures in document["results"].items():
        sources = (figures, original.get(name, {}), floor(Workload.parse(name)))
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


def write(document: Document, original: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the tables into the page."""
    PAGE.write_text(with_tables(PAGE.read_text(), tables(document, original)))
