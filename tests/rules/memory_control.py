"""The control table in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import (
    ActivityControl,
    ActivityRef,
    Dispatch,
    DueActivity,
    Outcome,
    RunRef,
    StageRef,
)
from tests.rules.calls import Calls, Epoch
from tests.rules.memory_status import Shelf


class StoredToken(NamedTuple):
    """A task token as it is stored."""

    attempt: int
    rank: str
    token: str


class MemoryControlStore:
    """Implements ``ports.ControlStore`` and ``ports.DueActivities``."""

    def __init__(self, calls: Calls, clock: Epoch) -> None:
        self._calls = calls
        self.rows: Shelf[ActivityControl] = Shelf(clock)
        self.tokens: Shelf[StoredToken] = Shelf(clock)

    # Tokens

    def store_token(self, ref: ActivityRef, *, token: str, rank: str, expires_at: int) -> bool:
        self._calls.effect("control.store_token")
        stored = self.tokens.get(ref.run.uid, ref.path)
        if stored is not None and stored.rank >= rank:
            return (stored.rank, stored.token) == (rank, token)
        self.tokens.put(ref.run.uid, ref.path, StoredToken(ref.attempt, rank, token), expires_at)
        return True

    def get_token(self, ref: ActivityRef) -> str | None:
        self._calls.read("control.get_token")
        stored = self.tokens.get(ref.run.uid, ref.path)
        return stored.token if stored and stored.attempt == ref.attempt else None

    # Activities

    def get(self, ref: ActivityRef) -> ActivityControl | None:
        self._calls.read("control.get")
        return self._of_attempt(ref)

    def find(self, uid: str, workflow: str, activity: str) -> ActivityControl | None:
        self._calls.read("control.find")
        return self.rows.get(uid, RunRef(uid, workflow, 0).activity(activity).path)

    def due(self, now: datetime) -> Iterator[DueActivity]:
        self._calls.read("control.due")
        found = []
        for (uid, path), (row, _) in self.rows.items.items():
            if row.due_at is not None and row.due_at <= now:
                workflow, activity, _ = path.split("/")
                found.append(DueActivity(uid=uid, workflow=workflow, activity=activity, due_at=row.due_at))
        return iter(sorted(found, key=lambda due: due.due_at))

    def enter(
        self,
        ref: StageRef,
        *,
        leaving: Stage | None,
        pending: Collection[int],
        dispatch: Dispatch,
        due_at: datetime,
        due_before: datetime | None,
        expires_at: int,
    ) -> ActivityControl | None:
        self._calls.effect("control.enter")
        stored = self.rows.get(ref.run.uid, ref.of_activity.path)
        entered = ActivityControl(
            attempt=ref.attempt, stage=ref.stage, pending=frozenset(pending), dispatch=dispatch, due_at=due_at
        )
        if leaving is None:
            if stored is not None and stored.attempt >= ref.attempt:
                return stored if _is_claimed(stored, ref, dispatch) else None
            self.rows.put(ref.run.uid, ref.of_activity.path, entered, expires_at)
            return entered
        if stored is None or stored.attempt != ref.attempt:
            return None
        if _is_claimed(stored, ref, dispatch):
            return stored
        due = _lowered(stored, due_at, due_before)
        if stored.stage is not leaving or stored.outcome or stored.run_ended or due is None:
            return None
        return self._put(ref.of_activity, replace(entered, due_at=due))

    def settle(self, ref: StageRef, *, finished: Collection[int], failed: Collection[int]) -> ActivityControl | None:
        self._calls.effect("control.settle")
        stored = self._in_stage(ref)
        if stored is None:
            return None
        pending, failures = stored.pending - {*finished}, stored.failed | {*failed}
        return self._put(ref.of_activity, replace(stored, pending=pending, failed=failures))

    def take_room(
        self, ref: StageRef, outputs: Mapping[int, int], *, seen: Mapping[int, int]
    ) -> ActivityControl | None:
        self._calls.effect("control.take_room")
        stored = self._in_stage(ref)
        if stored is None or stored.outputs not in (seen, outputs):
            return None
        return self._put(ref.of_activity, replace(stored, outputs=dict(outputs)))

    def claim(
        self, ref: StageRef, dispatch: Dispatch, *, replacing: Dispatch, due_at: datetime, due_before: datetime
    ) -> ActivityControl | None:
        self._calls.effect("control.claim")
        stored = self._in_stage(ref)
        if stored is None or _is_claimed(stored, ref, dispatch):
            return stored
        due = _lowered(stored, due_at, due_before)
        if stored.dispatch != replacing or stored.outcome or stored.run_ended or due is None:
            return None
        return self._put(ref.of_activity, replace(stored, dispatch=dispatch, due_at=due))

    def confirm(self, ref: StageRef, dispatch: Dispatch, *, now: datetime) -> None:
        self._calls.effect("control.confirm")
        stored = self._in_stage(ref)
        if stored and _is_claimed(stored, ref, dispatch):
            self._put(ref.of_activity, replace(stored, dispatch=replace(dispatch, published_at=now)))

    def postpone(self, ref: StageRef, *, due_at: datetime, seen: ActivityControl) -> None:
        self._calls.effect("control.postpone")
        stored = self._in_stage(ref)
        if stored and stored.due_at and (stored.dispatch, stored.due_at) == (seen.dispatch, seen.due_at):
            self._put(ref.of_activity, replace(stored, due_at=due_at))

    def finish(self, ref: StageRef, outcome: Outcome, *, stays_due: bool = False) -> ActivityControl | None:
        self._calls.effect("control.finish")
        stored = self._of_attempt(ref.of_activity)
        if stored is None or stored.outcome:
            return stored
        if stored.stage is not ref.stage:
            return None
        due_at = stored.due_at if stays_due else None
        return self._put(ref.of_activity, replace(stored, outcome=outcome, due_at=due_at))

    def answered(self, ref: ActivityRef) -> None:
        self._calls.effect("control.answered")
        stored = self._of_attempt(ref)
        if stored and (stored.outcome or stored.run_ended):
            self._put(ref, replace(stored, due_at=None))

    def end(self, ref: ActivityRef, *, expires_at: int) -> ActivityControl | None:
        self._calls.effect("control.end")
        stored = self.rows.get(ref.run.uid, ref.path)
        if stored is None or stored.attempt < ref.attempt:
            ended = ActivityControl(attempt=ref.attempt, stage=None, run_ended=True)
            self.rows.put(ref.run.uid, ref.path, ended, expires_at)
            return ended
        if stored.attempt > ref.attempt:
            return None
        return stored if stored.outcome else self._put(ref, replace(stored, run_ended=True))

    def _of_attempt(self, ref: ActivityRef) -> ActivityControl | None:
        stored = self.rows.get(ref.run.uid, ref.path)
        return stored if stored and stored.attempt == ref.attempt else None

    def _in_stage(self, ref: StageRef) -> ActivityControl | None:
        stored = self._of_attempt(ref.of_activity)
        return stored if stored and stored.stage is ref.stage else None

    def _put(self, ref: ActivityRef, control: ActivityControl) -> ActivityControl:
        self.rows.put(ref.run.uid, ref.path, control)
        return control


def _is_claimed(stored: ActivityControl, ref: StageRef, dispatch: Dispatch) -> bool:
    """Whether the last dispatch is this one: then a write that is repeated claimed it."""
    last = stored.dispatch
    return (
        (stored.attempt, stored.stage) == (ref.attempt, ref.stage)
        and last is not None
        and (last.ordinal, last.claimed_at) == (dispatch.ordinal, dispatch.claimed_at)
    )


def _lowered(stored: ActivityControl, due_at: datetime, due_before: datetime | None) -> datetime | None:
    """The due time after a dispatch; ``None`` if it was raised since it was read."""
    if due_before is None or due_before > due_at:
        return due_at
    return stored.due_at if stored.due_at is not None and stored.due_at <= due_at else None
