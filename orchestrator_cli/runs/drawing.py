"""Draws runs: a status document in, something for the terminal out. No AWS, no clock of its own.

◐ NewBusiness  Q-1001                       4.2 s  attempt 1
├─ ✔ Validate                               1.3 s
│  └─ ✔ parallel                            1.2 s
│     ├─ ✔ Address                          0.4 s  known since 1998
│     └─ ✔ Credit                           0.9 s
└─ ◐ Rate                                   2.8 s
   └─ ◐ parallel                            2.8 s
      ├─ ◐ Score                            2.1 s  ━━━━━━━━╸─────── 55 %  reading the tables
      └─ ⚠ Weather                          0.3 s  optional · no forecast for that place
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator_cli.gateway import Document
from orchestrator_cli.one_line import one_line
from orchestrator_runtime.contract import State

_BAR: Final = 16
_NAMES: Final = 34
_WIDEST_NAMES: Final = 56
_TURN_EVERY: Final = 125_000
_STYLES: Final = {
    State.NOT_STARTED: "dim",
    State.IN_PROGRESS: "cyan",
    State.MANDATORY_COMPLETED: "green",
    State.COMPLETE: "green",
    State.ERROR: "bold red",
    State.OPTIONAL_TASK_ERROR: "yellow",
    State.DO_NOT_RUN: "dim",
}
_QUIET: Final = frozenset({State.COMPLETE, State.IN_PROGRESS, State.NOT_STARTED, State.MANDATORY_COMPLETED})
"""States that the glyph tells well enough; the others are written out."""
_OPEN: Final = frozenset({State.IN_PROGRESS, State.MANDATORY_COMPLETED})


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that a drawing is made of."""

    states: Mapping[State, str]
    warning: str
    dot: str
    turning: str
    branch: str
    last: str
    through: str
    done: str
    tip: str
    left: str


UNICODE: Final = Glyphs(
    states={
        State.NOT_STARTED: "○",
        State.IN_PROGRESS: "◐",
        State.MANDATORY_COMPLETED: "◕",
        State.COMPLETE: "✔",
        State.ERROR: "✘",
        State.OPTIONAL_TASK_ERROR: "⚠",
        State.DO_NOT_RUN: "⊘",
    },
    warning="⚠",
    dot="·",
    turning="◐◓◑◒",
    branch="├─ ",
    last="└─ ",
    through="│  ",
    done="━",
    tip="╸",
    left="─",
)
ASCII: Final = Glyphs(
    states={
        State.NOT_STARTED: ".",
        State.IN_PROGRESS: ">",
        State.MANDATORY_COMPLETED: "m",
        State.COMPLETE: "+",
        State.ERROR: "x",
        State.OPTIONAL_TASK_ERROR: "!",
        State.DO_NOT_RUN: "-",
    },
    warning="!",
    dot="-",
    turning=">",
    branch="|- ",
    last="`- ",
    through="|  ",
    done="#",
    tip=">",
    left=".",
)


class Detail(IntEnum):
    """How much of a run is drawn."""

    RUN = 0
    ACTIVITIES = 1
    OPEN = 2
    """Everything in activities that are open, one line for the others."""
    ALL = 3


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a drawing, before it is put into columns."""

    lead: str
    state: State
    name: str
    seconds: float | None
    note: Text
    strong: bool = False


def draw_runs(
    documents: Sequence[Document], *, now: datetime, height: int | None = None, glyphs: Glyphs = UNICODE
) -> RenderableType:
    """Draw several runs below each other, in as much detail as fits.

    Args:
        documents: The runs' status documents.
        now: What "so far" is counted to.
        height: The lines that there are. Default: no limit.
        glyphs: The characters to draw with.
    """
    for detail in reversed(Detail):
        pen = _Pen(now, detail, glyphs)
        rows = [row for document in documents for row in pen.run(document)]
        if height is None or len(rows) <= height:
            break
    return _table(rows, pen, fixed_height=height is not None)


def draw_run(document: Document, *, now: datetime, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Draw one run as a tree of its activities, stages and plugins; arguments as for ``draw_runs``."""
    return draw_runs([document], now=now, glyphs=glyphs)


def describe_changes(before: Document | None, after: Document) -> list[str]:
    """One plain line for everything in a run that is not as it was: for logs, and terminals that cannot redraw."""
    run = f"{one_line(after['workflow'])} {one_line(after['uid'])}"
    old = dict(_flat(before)) if before is not None else {}
    return [f"{run}  {path}{told}" for path, told in _flat(after) if old.get(path) != told]


def _flat(document: Document) -> Iterator[tuple[str, str]]:
    yield "", str(document["state"]) + _told(document["message"])
    for activity, in_activity in document["activities"].items():
        for stage, in_stage in in_activity["stages"].items():
            for plugin, found in in_stage["plugins"].items():
                if found["state"] != State.NOT_STARTED:
                    progress = f" {found['progress']:.0f} %" if _shows_progress(found) else ""
                    place = one_line(f"{activity}/{stage}/{plugin}")
                    yield f"{place}  ", found["state"] + progress + _told(found["message"])


def _told(message: str | None) -> str:
    return f": {one_line(message)}" if message else ""


def _table(rows: Sequence[_Row], pen: _Pen, *, fixed_height: bool) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", min_width=_NAMES, max_width=_WIDEST_NAMES)
    table.add_column(justify="right", no_wrap=True, min_width=7)
    table.add_column(overflow="fold", ratio=1)
    for row in rows:
        style = _STYLES[row.state]
        name_style = "bold" if row.strong else "dim" if style == "dim" else ""
        name = Text.assemble((row.lead, "dim"), (pen.glyph(row.state), style), " ", (row.name, name_style))
        if fixed_height or row.state is not State.ERROR:  # why something failed is worth more lines
            row.note.no_wrap, row.note.overflow = True, "ellipsis"
        table.add_row(name, Text(_duration(row.seconds), style="dim"), row.note)
    return table


@dataclass(frozen=True, slots=True)
class _Pen:
    """Turns a document into rows."""

    now: datetime
    detail: Detail
    glyphs: Glyphs

    def run(self, document: Document) -> Iterator[_Row]:
        state = State(document["state"])
        note = Text()
        _append(note, f"attempt {document['attempt']}" if document["attempt"] > 1 else "", "dim")
        _append(note, state.value if state.is_terminal else "", _STYLES[state])
        _append(note, document["message"], _STYLES[state] if state is State.ERROR else "")
        name = f"{one_line(document['workflow'])}  {one_line(document['uid'])}"
        yield _Row("", state, name, self.seconds(document["started_at"], document["ended_at"]), note, strong=True)
        if self.detail is not Detail.RUN:
            for lead, below, activity, found in self._branches(document["activities"], ""):
                yield from self._activity(lead, below, activity, found)

    def _activity(self, lead: str, below: str, name: str, activity: Mapping[str, Any]) -> Iterator[_Row]:
        state = State(activity["state"])
        with_plugins = {stage: found for stage, found in activity["stages"].items() if found["plugins"]}
        folded = self.detail is Detail.ACTIVITIES or (self.detail is Detail.OPEN and state not in _OPEN)
        note = Text()
        if folded or not with_plugins:
            count = sum(len(found["plugins"]) for found in with_plugins.values())
            plugins = f"{count} plugin{'' if count == 1 else 's'}" if count else "no plugins"
            _append(note, plugins if state is not State.NOT_STARTED else "", "dim")
        yield _Row(lead, state, one_line(name), self._activity_seconds(state, activity["stages"].values()), note)
        if not folded:
            for stage_lead, stage_below, stage, found in self._branches(with_plugins, below):
                yield from self._stage(stage_lead, stage_below, stage, found)

    def _stage(self, lead: str, below: str, name: str, stage: Mapping[str, Any]) -> Iterator[_Row]:
        state = State(stage["state"])
        note = Text()
        if state not in _QUIET:
            _append(note, stage["message"], _STYLES[state])
        yield _Row(lead, state, one_line(name), self.seconds(stage["started_at"], stage["ended_at"]), note)
        for plugin_lead, _, plugin, told in self._branches(stage["plugins"], below):
            seconds = self.seconds(told["started_at"], told["ended_at"])
            yield _Row(plugin_lead, State(told["state"]), one_line(plugin), seconds, self._plugin_note(told))

    def _plugin_note(self, plugin: Mapping[str, Any]) -> Text:
        state = State(plugin["state"])
        note = Text()
        if _shows_progress(plugin):
            done = min(_BAR, int(_BAR * plugin["progress"] / 100))
            tip = self.glyphs.tip if done < _BAR else ""
            note.append(self.glyphs.done * done + tip, style="cyan")
            note.append(self.glyphs.left * (_BAR - done - len(tip)), style="dim")
            note.append(f" {plugin['progress']:3.0f} %", style="cyan")
        if state not in _QUIET:
            _append(note, state.value, _STYLES[state])
        if not plugin["mandatory"] and state is not State.OPTIONAL_TASK_ERROR:
            _append(note, "optional", "dim")
        if not plugin["expected"]:
            _append(note, "not waited for", "dim")
        _append(note, plugin["message"], _STYLES[state] if state is State.ERROR else "")
        return note

    def _activity_seconds(self, state: State, stages: Collection[Mapping[str, Any]]) -> float | None:
        started = min((stage["started_at"] for stage in stages if stage["started_at"]), default=None)
        ended = max((stage["ended_at"] for stage in stages if stage["ended_at"]), default=None)
        return self.seconds(started, ended if state.is_terminal else None)

    def _branches(self, children: Mapping[str, Any], below: str) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
        """Each child with what leads to it, and what leads on to its own children."""
        for left, (name, child) in zip(range(len(children) - 1, -1, -1), children.items(), strict=True):
            if left:
                yield below + self.glyphs.branch, below + self.glyphs.through, name, child
            else:
                yield below + self.glyphs.last, below + "   ", name, child

    def glyph(self, state: State) -> str:
        if state is State.IN_PROGRESS:
            return self.glyphs.turning[self.now.microsecond // _TURN_EVERY % len(self.glyphs.turning)]
        return self.glyphs.states[state]

    def seconds(self, start: str | None, end: str | None) -> float | None:
        if start is None:
            return None
        until = datetime.fromisoformat(end) if end else self.now
        return max(0.0, (until - datetime.fromisoformat(start)).total_seconds())


def _shows_progress(plugin: Mapping[str, Any]) -> bool:
    return plugin["state"] == State.IN_PROGRESS and plugin["progress"] is not None


def _append(note: Text, text: str | None, style: str) -> None:
    if not text:
        return
    if note:
        note.append(" · ", style="dim")
    note.append(one_line(text), style=style)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    if not minutes:
        return f"{seconds:.1f} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {rest:02} s"
