"""The status table in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from orchestrator_runtime.contract import Ending, State
from orchestrator_runtime.core.history import (
    Attempt,
    HistoryEntry,
    Skip,
    attempt_of,
    history,
    skip_reported,
    skip_unexpected,
)
from orchestrator_runtime.core.records import ActiveRun, Outcome, PluginRow, Run, RunRef, StagePlan, StageRef, StageRow
from orchestrator_runtime.ports import Closed, Recorded, StageRecords
from orchestrator_runtime.stores.plan_item import check_plan_size, plan_values
from tests.rules.calls import Calls, Epoch

R = TypeVar("R")


@dataclass
class Shelf(Generic[R]):
    """Records of one kind by uid and path; what has expired is absent."""

    clock: Epoch
    items: dict[tuple[str, str], tuple[R, int]] = field(default_factory=dict)

    def get(self, uid: str, path: str) -> R | None:
        record, expires_at = self.items.get((uid, path), (None, 0))
        return record if expires_at > self.clock.epoch else None

    def put(self, uid: str, path: str, record: R, expires_at: int | None = None) -> None:
        if expires_at is None:
            expires_at = self.items[uid, path][1]
        self.items[uid, path] = (record, expires_at)

    def extend(self, uid: str, path: str, expires_at: int) -> None:
        if (record := self.get(uid, path)) is not None and self.items[uid, path][1] < expires_at:
            self.items[uid, path] = (record, expires_at)

    def extend_below(self, uid: str, prefix: str, expires_at: int) -> None:
        for owner, path in self.items:
            if owner == uid and path.startswith(prefix):
                self.extend(uid, path, expires_at)

    def below(self, uid: str, prefix: str) -> dict[str, R]:
        found = {path: self.get(uid, path) for owner, path in self.items if owner == uid and path.startswith(prefix)}
        return {path.removeprefix(prefix).rstrip("/"): record for path, record in found.items() if record is not None}


class MemoryStatusStore:
    """Implements ``ports.StatusStore``."""

    def __init__(self, calls: Calls, clock: Epoch) -> None:
        self._calls = calls
        self.runs: Shelf[Run] = Shelf(clock)
        self.stages: Shelf[StageRow] = Shelf(clock)
        self.plans: Shelf[StagePlan] = Shelf(clock)
        self.plugins: Shelf[PluginRow] = Shelf(clock)
        self.stored_outputs: Shelf[str] = Shelf(clock)
        self.past_attempts: Shelf[Attempt] = Shelf(clock)
        self.skips: Shelf[Skip] = Shelf(clock)
        self.unfinished: Shelf[RunRef] = Shelf(clock)

    def create_run(self, run: Run) -> Run | None:
        self._calls.effect("status.create_run")
        if stored := self.runs.get(run.ref.uid, run.ref.path):
            return stored if stored != run else None
        self.runs.put(run.ref.uid, run.ref.path, run, run.expires_at)
        return None

    def take_over_run(self, run: Run, *, previous: Run) -> bool:
        self._calls.effect("status.take_over_run")
        stored = self.runs.get(run.ref.uid, run.ref.path)
        if stored is None or attempt_of(stored) != attempt_of(previous):
            return stored == run
        self.past_attempts.extend_below(run.ref.uid, run.ref.path, run.expires_at)
        self.skips.extend_below(run.ref.uid, run.ref.path, run.expires_at)
        past = f"{run.ref.path}{stored.ref.attempt}/{stored.started_at}/"
        assert (run.ref.uid, past) not in self.past_attempts.items
        self.past_attempts.put(run.ref.uid, past, attempt_of(stored), run.expires_at)
        self.runs.put(run.ref.uid, run.ref.path, run, run.expires_at)
        return True

    def get_run(self, uid: str, workflow: str) -> Run | None:
        self._calls.read("status.get_run")
        return self.runs.get(uid, RunRef(uid, workflow, 0).path)

    def end_run(
        self,
        ref: RunRef,
        *,
        execution: str,
        state: State,
        ending: Ending,
        message: str | None,
        now: datetime,
        by: str | None = None,
    ) -> bool:
        self._calls.effect("status.end_run")
        stored = self.runs.get(ref.uid, ref.path)
        if stored is None or stored.execution != execution or stored.ref != ref:
            return False
        if stored.ended:
            return (stored.ending, stored.ended_at) == (ending, now)
        ended = replace(stored, state=state, ending=ending, message=message, ended_at=now, ended_by=by)
        self.runs.put(ref.uid, ref.path, ended)
        if state is not State.COMPLETE:
            self.unfinished.put(ref.uid, ref.path, ref, stored.expires_at)
        return True

    def finish_end(self, ref: RunRef, *, execution: str) -> None:
        self._calls.effect("status.finish_end")
        stored = self.runs.get(ref.uid, ref.path)
        if stored is not None and stored.ref == ref and stored.execution == execution and stored.ended:
            self.unfinished.items.pop((ref.uid, ref.path), None)

    def history(self, *, uid: str, workflow: str) -> list[HistoryEntry] | None:
        run = self.runs.get(uid, RunRef(uid, workflow, 0).path)
        if run is None:
            return None
        past = self.past_attempts.below(uid, run.ref.path).values()
        return history([attempt_of(run), *past], self.skips.below(uid, run.ref.path).values())

    def active_runs(self) -> list[ActiveRun]:
        """What the index of runs in progress holds; see ``MemoryActiveRuns``."""
        runs = [self.runs.get(*key) for key in self.runs.items]
        return [
            ActiveRun(ref=run.ref, execution=run.execution, started_at=run.started_at)
            for run in runs
            if run is not None and (not run.ended or self.unfinished.get(run.ref.uid, run.ref.path) == run.ref)
        ]

    def save_plan(self, ref: StageRef, plan: StagePlan) -> StagePlan | None:
        self._calls.effect("status.save_plan")
        check_plan_size(ref, plan, plan_values(plan))
        stored = self.plans.get(ref.run.uid, ref.path)
        if stored is None or stored.attempt < ref.attempt:
            self.plans.put(ref.run.uid, ref.path, plan, plan.expires_at)
            return plan
        return stored if stored.attempt == ref.attempt else None

    def get_plan(self, ref: StageRef) -> StagePlan | None:
        self._calls.read("status.get_plan")
        plan = self.plans.get(ref.run.uid, ref.path)
        return plan if plan and plan.attempt == ref.attempt else None

    def load_stage(self, ref: StageRef) -> StageRecords:
        self._calls.read("status.load_stage")
        row, plan = self.stages.get(ref.run.uid, ref.path), self.plans.get(ref.run.uid, ref.path)
        return StageRecords(
            row=row if row and row.attempt == ref.attempt else None,
            plan=plan if plan and plan.attempt == ref.attempt else None,
            plugins=self.plugins.below(ref.run.uid, ref.path),
        )

    def close_stage(
        self, ref: StageRef, outcome: Outcome, *, started_at: datetime, now: datetime, expires_at: int
    ) -> Closed | None:
        self._calls.effect("status.close_stage")
        row = StageRow(attempt=ref.attempt, state=outcome.state, started_at=started_at, ended_at=now, outcome=outcome)
        stored = self.stages.get(ref.run.uid, ref.path)
        if stored is not None and stored.attempt >= ref.attempt:
            if stored.attempt > ref.attempt or stored.outcome is None:
                return None
            return Closed(first=stored == row, outcome=stored.outcome)
        self.stages.put(ref.run.uid, ref.path, row, expires_at)
        return Closed(first=True, outcome=outcome)

    def record(
        self,
        ref: StageRef,
        row: PluginRow,
        *,
        expires_at: int,
        output: str | None = None,
        first: bool = False,
    ) -> Recorded:
        self._calls.effect("status.record")
        path = f"{ref.path}{row.name}/"
        stored = self.plugins.get(ref.run.uid, path)
        if stored is not None and stored.attempt >= row.attempt:
            row = replace(
                row,
                message=row.message or stored.message,
                progress=stored.progress if row.progress is None else row.progress,
                started_at=stored.started_at or row.started_at,
            )
            if stored.attempt > row.attempt or stored.state.is_terminal:
                return Recorded(accepted=stored == row, row=stored)
        self.plugins.put(ref.run.uid, path, row, expires_at)
        if output is not None:
            self.stored_outputs.put(ref.run.uid, path, output, expires_at)
        if row.state is State.DO_NOT_RUN:
            assert row.ended_at is not None
            self._keep_skip(skip_reported(ref, row, at=row.ended_at), expires_at)
        return Recorded(accepted=True, row=row)

    def reset_plugin(self, ref: StageRef, row: PluginRow, state: State, *, now: datetime, expires_at: int) -> None:
        self._calls.effect("status.reset_plugin")
        path = f"{ref.path}{row.name}/"
        stored = self.plugins.get(ref.run.uid, path)
        if stored is not None and stored.attempt < ref.attempt:
            fresh = PluginRow(
                name=row.name,
                attempt=ref.attempt,
                state=state,
                mandatory=row.mandatory,
                expected=state is State.NOT_STARTED,
            )
            self.plugins.put(ref.run.uid, path, fresh, expires_at)
            self.stored_outputs.items.pop((ref.run.uid, path), None)
            if state is State.DO_NOT_RUN:
                self._keep_skip(skip_unexpected(ref, row, at=now), expires_at)

    def keep_plugin(self, ref: StageRef, row: PluginRow, *, expires_at: int, output: bool = True) -> None:
        self._calls.effect("status.keep_plugin")
        path = f"{ref.path}{row.name}/"
        self.plugins.extend(ref.run.uid, path, expires_at)
        stored = self.plugins.get(ref.run.uid, path)
        if output:
            self.stored_outputs.extend(ref.run.uid, path, expires_at)
        elif stored is None or stored.attempt < ref.attempt:
            self.stored_outputs.items.pop((ref.run.uid, path), None)

    def outputs(self, ref: RunRef) -> Mapping[str, Any]:
        self._calls.read("status.outputs")
        return {name: json.loads(text) for name, text in self.stored_outputs.below(ref.uid, ref.path).items()}

    def _keep_skip(self, skip: Skip, expires_at: int) -> None:
        path = f"{skip.ref.path}{skip.plugin}/{skip.ref.attempt}/{skip.at}/"
        assert (skip.ref.run.uid, path) not in self.skips.items
        self.skips.put(skip.ref.run.uid, path, skip, expires_at)
