"""Draws cost and time against the number of plugins, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.floor import floor
from benchmarks.table import Results, value_of
from benchmarks.workload import GROWTH, Workload

_WIDTH: Final = 340
_HEIGHT: Final = 220
_LEFT: Final = 58
_TOP: Final = 44
_GAP: Final = 96
_FEWEST: Final = 2
_GRID: Final = 4
_FLOOR: Final = "floor"
_COLOURS: Final = {"original": "#b45309", "ours": "#1d4ed8", _FLOOR: "#6b7280"}
_PANELS: Final = (
    ("wru", "write units"),
    ("lambda_core", "core invocations"),
    ("dollars_per_million", "dollars per million runs"),
    ("wall_s", "seconds, over those of one plugin"),
)

Points = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class _Panel:
    """A drawing of lines over P.

    Attributes:
        left: Where it begins.
        title: What is drawn.
        lines: Points by name.
    """

    left: float
    title: str
    lines: dict[str, Points]

    def draw(self) -> Iterator[str]:
        top = _round_up(max(value for points in self.lines.values() for _, value in points))
        most = max(plugins for points in self.lines.values() for plugins, _ in points)
        yield f'<text x="{self.left}" y="{_TOP - 14}" class="title">{self.title}</text>'
        for step in range(_GRID + 1):
            y = _TOP + _HEIGHT * (1 - step / _GRID)
            yield f'<line x1="{self.left}" x2="{self.left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            yield f'<text x="{self.left - 6}" y="{y + 4:.1f}" class="end">{top * step / _GRID:,.4g}</text>'
        for plugins in sorted({plugins for points in self.lines.values() for plugins, _ in points}):
            x = self.left + _WIDTH * plugins / most
            yield f'<text x="{x:.1f}" y="{_TOP + _HEIGHT + 18}" class="middle">{plugins}</text>'
        yield f'<text x="{self.left + _WIDTH}" y="{_TOP + _HEIGHT + 36}" class="end">P, parallel plugins</text>'
        for name, points in self.lines.items():
            places = [(self.left + _WIDTH * p / most, _TOP + _HEIGHT * (1 - value / top)) for p, value in points]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            dashes = ' stroke-dasharray="5 4"' if name == _FLOOR else ""
            yield f'<polyline points="{path}" fill="none" stroke="{_COLOURS[name]}" stroke-width="2"{dashes}/>'
            if name != _FLOOR:
                yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLOURS[name]}"/>' for x, y in places)


def _round_up(value: float) -> float:
    """A number above it that divides well."""
    scale = 1.0
    while scale * 10 <= value:
        scale *= 10
    return next(scale * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if scale * step >= value)


def picture(ours: Results, original: Results) -> str | None:
    """The picture; ``None`` if less than two workloads with one activity were run."""
    loads = [load for load in GROWTH if load.name in ours]
    if len(loads) < _FEWEST:
        return None
    panels = [
        _Panel(_LEFT + number * (_WIDTH + _GAP), title, _lines(key, loads, ours, original))
        for number, (key, title) in enumerate(_PANELS)
    ]
    width, height = _LEFT + len(panels) * (_WIDTH + _GAP), _TOP + _HEIGHT + 80
    body = [line for panel in panels for line in panel.draw()]
    for number, (name, colour) in enumerate(_COLOURS.items()):
        x, y = _LEFT + 120 * number, height - 14
        body.append(f'<line x1="{x}" x2="{x + 24}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="3"/>')
        body.append(f'<text x="{x + 30}" y="{y}">{name}</text>')
    style = (
        "text{font:12px sans-serif;fill:#374151}.title{font-weight:bold;font-size:14px}.end{text-anchor:end}"
        ".middle{text-anchor:middle}.grid{stroke:#e5e7eb}"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    background = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, f"<style>{style}</style>", background, *body, "</svg>\n"])


def _lines(key: str, loads: Sequence[Workload], ours: Results, original: Results) -> dict[str, Points]:
    sources = {
        "original": original,
        "ours": ours,
        _FLOOR: {load.name: floor(load) for load in loads},
    }
    lines: dict[str, Points] = {}
    for name, results in sources.items():
        found = [(load.plugins, value_of(results.get(load.name, {}), key)) for load in loads]
        points = [(plugins, value) for plugins, value in found if value is not None]
        if key == "wall_s" and points:
            # Of two machines: only growth can be compared.
            points = [(plugins, value / points[0][1]) for plugins, value in points]
        if points:
            lines[name] = points
    return lines
