"""The results as a table: ours, the original's, the ratio, and the floor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from benchmarks.floor import floor
from benchmarks.workload import Workload

Results = Mapping[str, Mapping[str, Any]]
UNITS: Final = (
    ("transitions", "state transitions"),
    ("lambda_core", "core invocations"),
    ("lambda_plugin", "plugin invocations"),
    ("sns_publishes", "publishes"),
    ("sqs_requests", "SQS requests"),
    ("wru", "write units"),
    ("wru_billed", "write units as billed"),
    ("rru", "read units"),
    ("rru_billed", "read units as billed"),
    ("item_bytes", "largest item, bytes"),
    ("item_bytes_padded", "… with a token of 1,000"),
    ("plan_bytes", "plan, bytes"),
    ("log_bytes", "log bytes written"),
    ("log_bytes_billed", "… with Lambda's own, as billed"),
    ("dollars_per_million", "dollars per million runs"),
    ("dollars_per_million.as_billed", "… with units as billed"),
    ("dollars_per_million.logs", "… logs besides"),
    ("wall_s", "wall, s (of this machine)"),
)
_WIDTHS: Final = (34, 12, 12, 9, 12)


def value_of(figures: Mapping[str, Any], key: str) -> float | None:
    """A figure; of dollars, the total, or the part that follows a dot."""
    key, _, part = key.partition(".")
    value = figures.get(key)
    if isinstance(value, Mapping):
        value = value.get(part or "total")
    return None if value is None else float(value)


def table(ours: Results, original: Results) -> Iterator[str]:
    """The lines of the table, a part for each workload."""
    for name, figures in ours.items():
        least = floor(Workload.parse(name))
        yield _line(name, "ours", "original", "ratio", "floor")
        for key, label in UNITS:
            got = value_of(figures, key)
            if got is None:
                continue
            before, needed = value_of(original.get(name, {}), key), value_of(least, key)
            # Seconds were taken on another machine.
            ratio = got / before if before and key != "wall_s" else None
            yield _line(
                f"  {label}",
                _number(got),
                _number(before) if key != "wall_s" else "",
                f"{ratio:.2f}" if ratio is not None else "",
                _number(needed),
            )
        yield ""


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:,.2f}".rstrip("0")


def _line(*cells: str) -> str:
    first, *others = zip(cells, _WIDTHS, strict=True)
    return (first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in others)).rstrip()
