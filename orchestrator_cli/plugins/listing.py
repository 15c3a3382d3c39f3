"""Draws the registered plugins of each stage; no AWS.

Rate
├─ pre
│  └─ Normalize  mandatory  order 10  function
│       every run · claims-normalize · stack claims-normalize
├─ parallel
│  ├─ Score      mandatory            function
│  │    if line = auto | home, premium >= 100 · timeout 5 m · claims-score · stack claims-score
│  └─ Weather    optional             fifo-queue
│       every run · weather.fifo · subscription
│       ⚠ the answer to initialize is no object
└─ post  no plugins
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from orchestrator_cli.one_line import one_line
from orchestrator_cli.plugins.filter_in_words import filter_in_words
from orchestrator_cli.plugins.registered import Registered
from orchestrator_cli.runs.drawing import UNICODE, Glyphs
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.filter_policy import MESSAGE_BODY

_GAP: Final = "  "
_LONGEST_NAME: Final = 32
"""Cells that a name may take in its column; what stands beside a longer one moves to the right."""
_ROOM_FOR_NOTES: Final = 60
"""Cells that must be left for the notes to stand beside a plugin, not below it."""
_ARN: Final = re.compile(r"arn:[^:]*:([^:]*):[^:]*:[^:]*:(.*)")
_NO_PLUGINS: Final = "no plugins"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PluginTree:
    """A drawing of the registry, for any width: nothing in it is cut off.

    Attributes:
        registered: What is drawn.
        glyphs: The characters to draw with.
    """

    registered: Registered
    glyphs: Glyphs = UNICODE

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        for line in _Pen(console, options.max_width, self.glyphs, _columns(self.registered)).draw(self.registered):
            line.no_wrap, line.overflow = True, "ignore"
            yield line


def plugin_lines(registered: Registered) -> list[str]:
    """One plain line for every plugin, and for every stage without: for logs, and for ``grep``."""
    return [
        line
        for activity, stages in registered.items()
        for stage, found in stages.items()
        for line in _lines_of(f"{one_line(activity)}/{stage}", found)
    ]


def _lines_of(key: str, found: Sequence[Registration]) -> Iterator[str]:
    if not found:
        yield f"{key}{_GAP}{_NO_PLUGINS}"
    for each in found:
        problem = [f"problem: {one_line(each.problem)}"] if each.problem else []
        cells = [f"{key}/{one_line(each.name)}", *filter(None, _cells(each)), *_notes(each), *problem]
        yield _GAP.join(cells)


def _cells(each: Registration) -> tuple[str, str, str]:
    """What can be compared from plugin to plugin, and so stands in columns."""
    order = f"order {each.order}" if each.stage is not Stage.PARALLEL else ""
    return "mandatory" if each.mandatory else "optional", order, one_line(each.kind)


def _notes(each: Registration) -> list[str]:
    """What else there is to say, without what is wrong."""
    words = one_line(filter_in_words(each.filter_policy, each.name))
    scope = "the message has " if each.filter_policy_scope == MESSAGE_BODY else ""
    notes = [f"if {scope}{words}" if words else "every run"]
    if each.start_within_seconds is not None:
        notes.append(f"starts within {_span(each.start_within_seconds)}")
    if each.timeout_seconds is not None:
        notes.append(f"timeout {_span(each.timeout_seconds)}")
    if each.always_run:
        notes.append("always runs")
    return [*notes, one_line(_short_endpoint(each)), one_line(_registered_by(each))]


def _short_endpoint(each: Registration) -> str:
    """What is subscribed, by the name that people gave it."""
    if arn := _ARN.fullmatch(each.endpoint):
        service, resource = arn.groups()
        return resource.removeprefix("function:") if service == "lambda" else resource.rpartition("/")[2]
    address = urlsplit(each.endpoint)
    if address.scheme and address.hostname:  # a secret may be in the rest
        return f"{address.scheme}://{address.hostname}{address.path}"
    return each.endpoint


def _registered_by(each: Registration) -> str:
    return f"stack {each.stack}" if each.managed else "subscription"


def _columns(registered: Registered) -> tuple[int, ...]:
    """How wide the cells get, all over the drawing."""
    rows = [_cells(each) for stages in registered.values() for found in stages.values() for each in found]
    names = [one_line(each.name) for stages in registered.values() for found in stages.values() for each in found]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return (min(_LONGEST_NAME, max(map(cell_len, names), default=0)), *widths)


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws line by line."""

    console: Console
    width: int
    glyphs: Glyphs
    columns: tuple[int, ...]

    def draw(self, registered: Registered) -> Iterator[Text]:
        for activity, stages in registered.items():
            yield Text(one_line(activity), style="bold")
            for lead, below, (stage, found) in self._branches(stages.items(), ""):
                nothing = "" if found else f"{_GAP}{_NO_PLUGINS}"
                yield Text.assemble((lead, "dim"), stage.value, (nothing, "dim"))
                for plugin_lead, plugin_below, each in self._branches(found, below):
                    yield from self._plugin(plugin_lead, plugin_below, each)

    def _plugin(self, lead: str, below: str, each: Registration) -> Iterator[Text]:
        cells, notes = (
            _cells(each),
            [Text(note, style="dim" if number else "") for number, note in enumerate(_notes(each))],
        )
        head = Text.assemble((lead, "dim"), one_line(each.name).ljust(self.columns[0]))
        for cell, width in zip(cells, self.columns[1:], strict=True):
            if width:
                head.append(_GAP + cell.ljust(width), style="dim" if cell == "optional" else "")
        beside = len(lead) + sum(self.columns) + len(_GAP) * (1 + sum(width > 0 for width in self.columns[1:]))
        margin = Text.assemble((f"{below}  ", "dim"))
        if self.width - beside >= _ROOM_FOR_NOTES:
            margin = Text.assemble((below.ljust(beside), "dim"))
            yield from self._paragraph(head.append(_GAP), margin, notes)
        else:
            head.rstrip()
            if head.cell_len <= self.width:
                yield head
            else:
                yield from self._paragraph(Text.assemble((lead, "dim")), margin, [Text(one_line(each.name))])
                notes[:0] = [Text(cell) for cell in cells if cell]
            yield from self._paragraph(margin, margin, notes)
        if each.problem:
            problem = Text(f"{self.glyphs.warning} {one_line(each.problem)}", style="yellow")
            yield from self._paragraph(margin, margin, [problem])

    def _paragraph(self, first: Text, margin: Text, notes: Iterable[Text]) -> Iterator[Text]:
        """Put notes behind each other, as many as fit into a line, and one that is too long into several."""
        separator = Text(f" {self.glyphs.dot} ", style="dim")
        line, empty = first.copy(), True
        for note in notes:
            if not empty and line.cell_len + separator.cell_len + note.cell_len <= self.width:
                line.append_text(separator).append_text(note)
                continue
            if not empty:
                yield line
                line = margin.copy()
            *whole, last = note.wrap(self.console, max(1, self.width - max(line.cell_len, margin.cell_len)))
            for part in whole:
                part.rstrip()
                yield line.append_text(part)
                line = margin.copy()
            line.append_text(last)
            empty = False
        yield line

    def _branches(self, children: Iterable[T], below: str) -> Iterator[tuple[str, str, T]]:
        """Each child with what leads to it, and what leads on below it."""
        all_of_them = list(children)
        for left, child in zip(range(len(all_of_them) - 1, -1, -1), all_of_them, strict=True):
            if left:
                yield below + self.glyphs.branch, below + self.glyphs.through, child
            else:
                yield below + self.glyphs.last, below + " " * len(self.glyphs.last), child


def _span(seconds: int) -> str:
    """A time span as people say it: ``1 h 30 m``."""
    parts = [(seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"
