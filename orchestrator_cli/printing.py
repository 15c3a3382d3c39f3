"""Everything that the command prints without drawing it."""

from __future__ import annotations

import json
import sys
import traceback
from types import TracebackType
from typing import TYPE_CHECKING

from orchestrator_cli.one_line import visible_lines

if TYPE_CHECKING:
    from orchestrator_cli.gateway import Document


def say(text: str, *, err: bool = False) -> None:
    """Print text and a line break; what would steer the terminal is shown as escapes.

    Args:
        text: One or several lines.
        err: Whether it goes to standard error. Default: standard output.
    """
    import typer  # noqa: PLC0415 - what prints a traceback must not need it

    typer.echo(visible_lines(text), err=err)


def print_json(document: Document) -> None:
    """Print what ``--json`` promises: JSON in ASCII, without control characters."""
    import typer  # noqa: PLC0415 - as above

    typer.echo(json.dumps(document, indent=2).replace("\x7f", "\\u007f"))


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a mistake of ours, whose message may quote what others wrote. For ``sys.excepthook``."""
    sys.stderr.write(visible_lines("".join(traceback.format_exception(kind, error, trace))))
