"""The history of the run, held against what was seen of it while it was played."""

from __future__ import annotations

from collections import Counter

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.history import HistoryEntry, HistoryKind
from orchestrator_runtime.core.records import PluginRow, Run
from tests.rules.memory_status import MemoryStatusStore
from tests.simulation.scenario import UID, WORKFLOW
from tests.simulation.violation import Violation

_BEGINS = (HistoryKind.STARTED, HistoryKind.RESUMED)
Told = tuple[int, str, object, object]


class HistoryKept:
    """Remembers each attempt's start and end and each plugin that was skipped, and that the history tells them."""

    def __init__(self, status: MemoryStatusStore) -> None:
        self._status = status
        self._seen: Counter[Told] = Counter()
        self._before: list[HistoryEntry] = []

    def run_written(self, before: Run | None, run: Run) -> None:
        """A run's row has become another."""
        attempt = run.ref.attempt
        if before is None or before.ref.attempt != attempt:
            begins = HistoryKind.STARTED if before is None else HistoryKind.RESUMED
            self._seen[attempt, begins, run.execution, run.by] += 1
        if run.ended and run.ending is not None and (before is None or not before.ended or before.ref != run.ref):
            self._seen[attempt, run.ending.value, run.execution, run.ended_by] += 1
        self.check()

    def row_written(self, path: str, before: PluginRow | None, row: PluginRow) -> None:
        """A plugin's row has become another."""
        was = before is not None and before.attempt == row.attempt and before.state is row.state
        if row.state is State.DO_NOT_RUN and not was:
            self._seen[row.attempt, HistoryKind.SKIPPED, path, None] += 1
            self.check()

    def check(self) -> None:
        """The history tells what was seen, each thing once, and nothing that it told before has changed."""
        entries = self._status.history(uid=UID, workflow=WORKFLOW) or []
        if Counter(map(_told, entries)) != self._seen:
            difference = Counter(map(_told, entries))
            difference.subtract(self._seen)
            raise Violation("the history is whole", f"{ {told: n for told, n in difference.items() if n} }")
        if changed := [entry for entry in self._before if entry not in entries]:
            raise Violation("the history does not change", f"{changed} is not told any more")
        self._before = entries


def _told(entry: HistoryEntry) -> Told:
    if entry.what is HistoryKind.SKIPPED:
        path = f"{WORKFLOW}/{entry.activity}/{entry.stage}/{entry.plugin}/"
        return entry.attempt, entry.what, path, None
    return entry.attempt, entry.what.value, entry.execution, entry.by
