"""Draws a dashboard as CloudWatch would lay it out, with curves that are made up.

::

    python -m tests.constructs.drawn_dashboard

writes ``docs/dashboard.svg``: what is on the dashboard of ``WorkflowMonitoring``, and whether its titles and
legends fit.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from itertools import product
from typing import Any, Final

from aws_cdk import App, Stack

from orchestrator_constructs import OrchestratorCore, WorkflowMonitoring
from tests.constructs.synthesis import PROJECT, StackTemplate, synthesize

PICTURE: Final = PROJECT / "docs" / "dashboard.svg"
CELL_WIDTH: Final = 56
CELL_HEIGHT: Final = 44
_GAP: Final = 6
_NAMES: Final = {
    "workflow": ("NewBusiness", "Cancel"),
    "activity": ("Validate", "GenerateDocuments"),
    "stage": ("pre", "parallel"),
    "plugin": ("Completeness", "MarketComparison"),
}
_COLOURS: Final = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
_LEGEND_WIDTH: Final = 6.6
"""Of a character, about."""


def dashboard_of(template: StackTemplate) -> dict[str, Any]:
    """The body of a template's one dashboard, with what it refers to in angle brackets."""
    (dashboard,) = template.resources("AWS::CloudWatch::Dashboard").values()
    return dict(json.loads(template.readable(dashboard["Properties"]["DashboardBody"])))


def monitored() -> StackTemplate:
    """A core and its monitoring."""

    def define(app: App) -> None:
        stack = Stack(app, "claims-dev")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        WorkflowMonitoring(stack, "Monitoring", core=core)

    return synthesize(define).stacks["claims-dev"]


def lines_of(widget: dict[str, Any]) -> list[tuple[str, bool]]:
    """The labels of what a widget draws, and whether on the right axis; a search finds two names of each kind."""
    found: list[tuple[str, bool]] = []
    for entry in widget["properties"].get("metrics", []):
        options = entry[-1] if isinstance(entry[-1], dict) else {}
        if options.get("visible") is False:
            continue
        label = options.get("label", entry[1] if len(entry) > 1 else "")
        kinds = re.findall(r"\$\{PROP\('Dim\.(\w+)'\)\}", label)
        right = options.get("yAxis") == "right"
        found += (
            [(" ".join(names), right) for names in product(*(_NAMES[kind] for kind in kinds))]
            if kinds
            else [(label, right)]
        )
    return found


def draw(body: dict[str, Any]) -> str:
    """The dashboard as SVG."""
    widgets = body["widgets"]
    rows = max(widget["y"] + widget["height"] for widget in widgets)
    width, height = 24 * CELL_WIDTH, rows * CELL_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#eaeded"/>',
    ]
    for widget in widgets:
        parts += _widget(widget)
    return "\n".join([*parts, "</svg>", ""])


def _widget(widget: dict[str, Any]) -> Iterator[str]:
    x, y = widget["x"] * CELL_WIDTH + _GAP / 2, widget["y"] * CELL_HEIGHT + _GAP / 2
    width, height = widget["width"] * CELL_WIDTH - _GAP, widget["height"] * CELL_HEIGHT - _GAP
    properties = widget["properties"]
    yield f'<svg x="{x:g}" y="{y:g}" width="{width}" height="{height}">'
    yield f'<rect width="{width}" height="{height}" fill="#ffffff" stroke="#d5dbdb"/>'
    if widget["type"] == "text":
        yield from _text(properties["markdown"], width)
    else:
        yield f'<text x="10" y="18" font-size="13" font-weight="bold">{escape(properties["title"])}</text>'
        if widget["type"] == "alarm":
            yield from _alarms(properties["alarms"], width)
        elif properties["view"] == "singleValue":
            yield from _values([label for label, _ in lines_of(widget)], width)
        else:
            yield from _graph(widget, width, height)
    yield "</svg>"


def _text(markdown: str, width: int) -> Iterator[str]:
    y = 6.0
    for paragraph in markdown.split("\n"):
        heading = paragraph.startswith("# ")
        size = 18 if heading else 12
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)|[*`]", r"\1", paragraph.removeprefix("# "))
        for line in textwrap.wrap(plain, int((width - 20) / (size * 0.52))) or [""]:
            y += size * 1.4 if line else 6
            yield f'<text x="10" y="{y:g}" font-size="{size}">{escape(line)}</text>'


def _alarms(alarms: Sequence[str], width: int) -> Iterator[str]:
    across = width // 262
    for number, alarm in enumerate(alarms):
        name = re.sub(r"[<>]|^.*?Monitoring|[0-9A-F]{8}>?$", "", alarm)
        x, y = 10 + number % across * 262, 28 + number // across * 27
        yield f'<rect x="{x}" y="{y}" width="254" height="21" fill="#eaf6ed" stroke="#2ca02c"/>'
        yield f'<text x="{x + 6}" y="{y + 14}">{escape(name)}</text>'


def _values(labels: Sequence[str], width: int) -> Iterator[str]:
    for number, label in enumerate(labels):
        x = 16 + number * width / len(labels)
        yield f'<text x="{x:g}" y="66" font-size="28">{(number * 37 + 12) % 50}</text>'
        yield f'<text x="{x:g}" y="92" fill="#545b64">{escape(label)}</text>'


def _graph(widget: dict[str, Any], width: int, height: int) -> Iterator[str]:
    properties, lines = widget["properties"], lines_of(widget)
    legend = list(_legend([label for label, _ in lines], width - 20))
    rows = 1 + max(row for _, _, row in legend)
    top, bottom, left, right = 44, height - 24 - 15 * rows, 36, width - 36
    for side, start in (("left", 10), ("right", width - 70)):
        if label := properties.get("yAxis", {}).get(side, {}).get("label"):
            yield f'<text x="{start}" y="36" fill="#545b64">{escape(label)}</text>'
    for part in range(4):
        across = bottom - part * (bottom - top) / 3
        yield f'<line x1="{left}" x2="{right}" y1="{across:g}" y2="{across:g}" stroke="#e3e7e7"/>'
    base = [0.0] * 41
    for number, _ in enumerate(lines):
        values = [0.5 + 0.4 * math.sin(step / (3 + number) + number * 1.7) for step in range(41)]
        if properties.get("stacked"):
            values = base = [under + value / len(lines) for under, value in zip(base, values, strict=True)]
        points = " ".join(
            f"{left + step * (right - left) / 40:.0f},{bottom - value * (bottom - top):.0f}"
            for step, value in enumerate(values)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{_COLOURS[number % 10]}" stroke-width="1.3"/>'
    for number, (label, x, row) in enumerate(legend):
        y = bottom + 22 + row * 15
        yield f'<rect x="{x + 10:g}" y="{y - 8:g}" width="8" height="8" fill="{_COLOURS[number % 10]}"/>'
        yield f'<text x="{x + 22:g}" y="{y:g}">{escape(label)}</text>'


def _legend(labels: Sequence[str], width: int) -> Iterator[tuple[str, float, int]]:
    """Where each label stands: from where on, and in which row."""
    x, row = 0.0, 0
    for label in labels:
        needed = 24 + len(label) * _LEGEND_WIDTH
        if x and x + needed > width:
            x, row = 0.0, row + 1
        yield label, x, row
        x += needed


if __name__ == "__main__":
    PICTURE.write_text(draw(dashboard_of(monitored())))
