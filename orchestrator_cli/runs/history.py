"""Tells what was done with a run: by whom, when and why.

When (UTC)           Attempt  What       Who and why
2026-11-24 09:30:00        1  started    by arn:aws:sts::123456789012:assumed-role/Operator/ann · execution q-1-4be0a9d1
2026-11-24 09:30:04        1  skipped    Rate/parallel/Fleet · by Fleet · one car is no fleet
2026-11-24 09:31:40        1  cancelled  by arn:aws:sts::123456789012:assumed-role/Operator/bob · sold twice
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator_cli.gateway import Document, Gateway
from orchestrator_cli.one_line import one_line
from orchestrator_cli.published import core_output
from orchestrator_cli.runs.drawing import UNICODE, Glyphs
from orchestrator_cli.runs.runs import check_workflow_name, no_such_run
from orchestrator_runtime.core.history import HistoryEntry, HistoryKind, entry_document
from orchestrator_runtime.deployment import CoreOutput, Deployment

_BEGINS: Final = frozenset({HistoryKind.STARTED, HistoryKind.RESUMED})
_STYLES: Final = {
    HistoryKind.STARTED: "cyan",
    HistoryKind.RESUMED: "cyan",
    HistoryKind.COMPLETED: "green",
    HistoryKind.SKIPPED: "dim",
    HistoryKind.CANCELLED: "yellow",
}
_FAILED: Final = "bold red"


def read_history(gateway: Gateway, deployment: Deployment, workflow: str, uid: str) -> list[HistoryEntry]:
    """Read what was done with a run, in the order of time.

    Raises:
        NoSuchRunError: There is no such run, or none any more.
        UsageError: There is no such core, or the workflow's name is not allowed.
    """
    check_workflow_name(workflow)
    table = core_output(gateway, deployment, CoreOutput.STATUS_TABLE_NAME)
    entries = gateway.history(table, uid=uid, workflow=workflow)
    if entries is None:
        raise no_such_run(gateway, deployment, workflow, uid)
    return entries


def history_document(workflow: str, uid: str, entries: Sequence[HistoryEntry]) -> Document:
    """The history as ``--json`` prints it: ``{uid, workflow, entries: [{at, attempt, what, by, …}, …]}``."""
    return {"uid": uid, "workflow": workflow, "entries": [entry_document(entry) for entry in entries]}


def draw_history(entries: Sequence[HistoryEntry], *, glyphs: Glyphs = UNICODE) -> RenderableType:
    """Draw a history as a table, one line for each thing that was done, longer where it does not fit.

    Args:
        entries: The history, in the order of time.
        glyphs: The characters to draw with.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("When (UTC)", no_wrap=True)
    table.add_column("Attempt", justify="right")
    table.add_column("What", no_wrap=True)
    table.add_column("Who and why", overflow="fold", ratio=1)
    for entry in entries:
        what = Text(entry.what.value, style=_STYLES.get(entry.what, _FAILED))
        told = f" {glyphs.dot} ".join(one_line(part) for part in _parts(entry))
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", str(entry.attempt), what, Text(told))
    return table


def _parts(entry: HistoryEntry) -> list[str]:
    parts = []
    if entry.plugin is not None:
        parts.append(f"{entry.activity}/{entry.stage}/{entry.plugin}")
    if entry.by is not None:
        parts.append(f"by {entry.by}")
    if entry.metadata_replaced:
        parts.append("with other metadata")
    if entry.detail is not None:
        parts.append(entry.detail)
    if entry.what in _BEGINS and entry.execution is not None:
        parts.append(f"execution {entry.execution.rpartition(':')[2]}")
    return parts
