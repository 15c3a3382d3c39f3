"""Follows runs to their end, and shows on the way what they do."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.segment import Segment

from orchestrator_cli.gateway import Document
from orchestrator_cli.one_line import visible_lines
from orchestrator_cli.runs.drawing import ASCII, UNICODE, Glyphs, describe_changes, draw_run, draw_runs
from orchestrator_cli.runs.runs import Look, RunWatcher

_FRAMES_PER_SECOND = 8


class _VisibleConsole(Console):
    """Shows as escapes what would steer the terminal, wherever a drawing has it from."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as Rich does, and leave Rich's own controls as they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible_lines(segment.text), segment.style)


def console_on(stream: TextIO | None = None) -> Console:
    """A console that never fails for a character that the stream cannot spell.

    Args:
        stream: Where it writes. Default: standard output.
    """
    stream = stream or sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    return _VisibleConsole(file=stream, highlight=False)


def glyphs_for(console: Console) -> Glyphs:
    """The characters that a console can show."""
    return ASCII if console.options.ascii_only else UNICODE


def follow(
    watchers: Sequence[RunWatcher],
    console: Console,
    *,
    every: float,
    pause: Callable[[float], None],
    now: Callable[[], datetime],
) -> list[Look]:
    """Follow runs until all have ended.

    On a terminal the runs in progress are drawn again and again, and each run that ended is left standing above
    them. Elsewhere every change is a line.

    Args:
        watchers: The runs.
        console: Where they are drawn.
        every: Seconds between two looks at a run.
        pause: How to wait.
        now: The time.

    Returns:
        The last look at each run, in the order of the watchers.
    """
    looks: list[Look] = [Look() for _ in watchers]
    glyphs = glyphs_for(console)

    def open_runs() -> RenderableType:
        documents = [look.document for look in looks if look.document and not look.ended]
        return draw_runs(documents, now=now(), height=console.height - 1, glyphs=glyphs)

    live: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if console.is_terminal:
        live = Live(get_renderable=open_runs, console=console, refresh_per_second=_FRAMES_PER_SECOND, transient=True)
    with live:
        while True:
            for index, watcher in enumerate(watchers):
                before = looks[index]
                if before.ended:
                    continue
                looks[index] = look = watcher.look()
                if look.document and not console.is_terminal:
                    _print_changes(console, before.document, look.document)
                if look.ended and look.document:
                    console.print(draw_run(look.document, now=now(), glyphs=glyphs))
            if all(look.ended for look in looks):
                return looks
            pause(every)


def _print_changes(console: Console, before: Document | None, after: Document) -> None:
    for line in describe_changes(before, after):
        console.print(line, markup=False, soft_wrap=True)
