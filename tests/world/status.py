"""The status table in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.records import Outcome, PluginRow, Run, RunRef, StagePlan, StageRef, StageRow
from orchestrator_runtime.core.run_document import run_document
from orchestrator_runtime.ports import Recorded, StageRecords
from tests.world.effects import Effects

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """What is stored, and when it expires."""

    value: T
    attempt: int
    expires_at: int


class Rows(dict[tuple[str, str], Item[T]]):
    """Items by uid and path. What has expired is not there."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._clock = clock

    def live(self, uid: str, path: str) -> Item[T] | None:
        """The item, unless it has expired."""
        item = self.get((uid, path))
        return item if item is not None and item.expires_at > self._clock().timestamp() else None

    def below(self, uid: str, prefix: str) -> dict[str, Item[T]]:
        """Live items whose path begins so, by the rest of their path, sorted."""
        paths = sorted(path for owner, path in self if owner == uid and path.startswith(prefix))
        return {path.removeprefix(prefix): item for path in paths if (item := self.live(uid, path)) is not None}

    def put_if_newer(self, uid: str, path: str, item: Item[T]) -> bool:
        """Write unless a live item of this attempt, or a later one, is there."""
        stands = self.live(uid, path)
        if stands is not None and stands.attempt >= item.attempt:
            return False
        self[uid, path] = item
        return True


class MemoryStatusStore:
    """Implements ``ports.StatusStore``."""

    def __init__(self, clock: Callable[[], datetime], effects: Effects) -> None:
        self._effects = effects
        self.runs: Rows[Run] = Rows(clock)
        self.stages: Rows[StageRow] = Rows(clock)
        self.plans: Rows[StagePlan] = Rows(clock)
        self.plugins: Rows[PluginRow] = Rows(clock)
        self.texts: Rows[str] = Rows(clock)

    def create_run(self, run: Run) -> Run | None:
        """See ``ports.StatusStore``."""
        self._effects("status.create_run", run=run)
        stands = self.runs.live(run.ref.uid, run.ref.path)
        if stands is not None:
            return stands.value
        self._put_run(run)
        return None

    def take_over_run(self, run: Run, *, previous: Run) -> bool:
        """See ``ports.StatusStore``."""
        self._effects("status.take_over_run", run=run, previous=previous)
        stands = self.runs.live(run.ref.uid, run.ref.path)
        if stands is None:
            return False
        if (stands.value.execution, stands.attempt) != (previous.execution, previous.ref.attempt):
            return False
        self._put_run(run)
        return True

    def get_run(self, uid: str, workflow: str) -> Run | None:
        """See ``ports.StatusStore``."""
        self._effects("status.get_run", uid=uid, workflow=workflow)
        stands = self.runs.live(uid, RunRef(uid, workflow, 0).path)
        return stands.value if stands is not None else None

    def end_run(self, ref: RunRef, *, execution: str, state: State, message: str | None, now: datetime) -> bool:
        """See ``ports.StatusStore``."""
        self._effects("status.end_run", ref=ref, execution=execution, state=state)
        stands = self.runs.live(ref.uid, ref.path)
        if stands is None or stands.attempt != ref.attempt:
            return False
        if stands.value.execution != execution or stands.value.ended:
            return False
        self._put_run(replace(stands.value, state=state, message=message, ended_at=now))
        return True

    def open_stage(self, ref: StageRef, *, now: datetime, expires_at: int) -> None:
        """See ``ports.StatusStore``."""
        self._effects("status.open_stage", ref=ref)
        row = StageRow(attempt=ref.attempt, state=State.IN_PROGRESS, started_at=now)
        self.stages.put_if_newer(ref.run.uid, ref.path, Item(row, ref.attempt, expires_at))

    def save_plan(self, ref: StageRef, plan: StagePlan) -> StagePlan:
        """See ``ports.StatusStore``."""
        self._effects("status.save_plan", ref=ref, plan=plan)
        self.plans.put_if_newer(ref.run.uid, ref.path, Item(plan, plan.attempt, plan.expires_at))
        return self._plan(ref) or plan

    def get_plan(self, ref: StageRef) -> StagePlan | None:
        """See ``ports.StatusStore``."""
        self._effects("status.get_plan", ref=ref)
        return self._plan(ref)

    def load_stage(self, ref: StageRef) -> StageRecords:
        """See ``ports.StatusStore``."""
        self._effects("status.load_stage", ref=ref)
        row = self.stages.live(ref.run.uid, ref.path)
        return StageRecords(
            row=row.value if row is not None and row.attempt == ref.attempt else None,
            plan=self._plan(ref),
            plugins={path.rstrip("/"): item.value for path, item in self.plugins.below(ref.run.uid, ref.path).items()},
        )

    def close_stage(self, ref: StageRef, outcome: Outcome, *, now: datetime) -> Outcome | None:
        """See ``ports.StatusStore``."""
        self._effects("status.close_stage", ref=ref, outcome=outcome)
        stands = self.stages.live(ref.run.uid, ref.path)
        if stands is None or stands.attempt != ref.attempt:
            return None
        if stands.value.outcome is not None:
            return stands.value.outcome
        row = replace(stands.value, state=outcome.state, outcome=outcome, ended_at=now)
        self.stages[ref.run.uid, ref.path] = replace(stands, value=row)
        return outcome

    def record(
        self,
        ref: StageRef,
        row: PluginRow,
        *,
        expires_at: int,
        output: str | None = None,
        first: bool = False,
    ) -> Recorded:
        """See ``ports.StatusStore``."""
        self._effects("status.record", ref=ref, row=row, output=output, first=first)
        key = (ref.run.uid, plugin_path(ref, row.name))
        stands = self.plugins.live(*key)
        item = Item(row, ref.attempt, expires_at)
        if stands is not None and stands.attempt >= ref.attempt:
            if stands.attempt > ref.attempt or stands.value.state.is_terminal:
                return Recorded(accepted=False, row=stands.value)
            started_at = stands.value.started_at or row.started_at
            item = Item(replace(row, started_at=started_at), ref.attempt, stands.expires_at)
        self.plugins[key] = item
        if output is not None:
            self.texts[key] = Item(output, ref.attempt, expires_at)
        return Recorded(accepted=True, row=row)

    def reset_plugin(self, ref: StageRef, row: PluginRow, state: State, *, expires_at: int) -> None:
        """See ``ports.StatusStore``."""
        self._effects("status.reset_plugin", ref=ref, row=row, state=state)
        key = (ref.run.uid, plugin_path(ref, row.name))
        stands = self.plugins.get(key)
        if stands is None or stands.attempt >= ref.attempt:
            return
        fresh = PluginRow(
            name=row.name, attempt=ref.attempt, state=state, mandatory=row.mandatory, expected=row.expected
        )
        self.plugins[key] = Item(fresh, ref.attempt, expires_at)
        self.texts.pop(key, None)

    def keep_plugin(self, ref: StageRef, row: PluginRow, *, expires_at: int) -> None:
        """See ``ports.StatusStore``."""
        self._effects("status.keep_plugin", ref=ref, row=row)
        key = (ref.run.uid, plugin_path(ref, row.name))
        if (stands := self.plugins.live(*key)) is not None:
            self.plugins[key] = replace(stands, expires_at=max(stands.expires_at, expires_at))
        if (text := self.texts.live(*key)) is not None:
            self.texts[key] = replace(text, expires_at=max(text.expires_at, expires_at))

    def outputs(self, ref: RunRef) -> Mapping[str, Any]:
        """See ``ports.StatusStore``."""
        self._effects("status.outputs", ref=ref)
        return {path.rstrip("/"): json.loads(item.value) for path, item in self.texts.below(ref.uid, ref.path).items()}

    def document(self, uid: str, workflow: str) -> dict[str, Any] | None:
        """The run as people see it. Not an effect: only tests read so."""
        ref = RunRef(uid, workflow, 0)
        run = self.runs.live(uid, ref.path)
        if run is None:
            return None
        plugins: dict[str, dict[str, PluginRow]] = {}
        for path, item in self.plugins.below(uid, ref.path).items():
            plugins.setdefault("/".join(path.split("/")[:2]), {})[item.value.name] = item.value
        return run_document(
            run.value,
            {path.rstrip("/"): item.value for path, item in self.stages.below(uid, ref.path).items()},
            {path.rstrip("/"): item.value for path, item in self.plans.below(uid, ref.path).items()},
            plugins,
        )

    def _plan(self, ref: StageRef) -> StagePlan | None:
        stands = self.plans.live(ref.run.uid, ref.path)
        return stands.value if stands is not None and stands.attempt == ref.attempt else None

    def _put_run(self, run: Run) -> None:
        self.runs[run.ref.uid, run.ref.path] = Item(run, run.ref.attempt, run.expires_at)


def plugin_path(ref: StageRef, name: str) -> str:
    """A plugin's path; its output has the same one, in a map of its own."""
    return f"{ref.path}{name}/"
