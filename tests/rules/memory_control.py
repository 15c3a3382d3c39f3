"""The control table in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import Control, Release, RunRef, StageRef
from tests.rules.calls import Calls, Epoch
from tests.rules.memory_status import Shelf

_UNOPENED_FOR: Final = 86_400


class MemoryControlStore:
    """Implements ``ports.ControlStore``."""

    def __init__(self, calls: Calls, clock: Epoch) -> None:
        self._calls = calls
        self._clock = clock
        self.rows: Shelf[Control] = Shelf(clock)
        self.ranks: dict[tuple[str, str], str] = {}

    def store_token(self, ref: StageRef, *, token: str, rank: str) -> Control | None:
        self._calls.effect("control.store_token")
        key = (ref.run.uid, ref.path)
        stored = self.rows.get(*key)
        if stored is None or stored.attempt < ref.attempt:
            control = Control(attempt=ref.attempt, token=token)
            self.rows.put(*key, control, self._clock.epoch + _UNOPENED_FOR)
        elif stored.attempt == ref.attempt and self.ranks[key] < rank:
            control = self._put(ref, replace(stored, token=token))
        else:
            return None
        self.ranks[key] = rank
        return control

    def open(self, ref: StageRef, *, indices: Collection[int], expires_at: int) -> Control | None:
        self._calls.effect("control.open")
        stored = self._of_attempt(ref)
        if stored is None or stored.opened:
            return stored
        opened = replace(stored, opened=True, open=frozenset(indices))
        self.rows.put(ref.run.uid, ref.path, opened, expires_at)
        return opened

    def settle(self, ref: StageRef, *, closed: Collection[int], failed: Collection[int]) -> Control | None:
        self._calls.effect("control.settle")
        stored = self._of_attempt(ref)
        if stored is None:
            return None
        return self._put(ref, replace(stored, open=stored.open - {*closed}, failed=stored.failed | {*failed}))

    def claim(self, ref: StageRef, *, ordinal: int, now: datetime, stale_before: datetime) -> Release | None:
        self._calls.effect("control.claim")
        stored = self._of_attempt(ref)
        if stored is None or stored.ended:
            return None
        last = stored.release
        if last is not None:
            stale = last.confirmed_at is None and last.claimed_at <= stale_before
            if last.ordinal > ordinal or (last.ordinal == ordinal and not stale):
                return None
        release = Release(ordinal=ordinal, claimed_at=now)
        self._put(ref, replace(stored, release=release))
        return release

    def confirm(self, ref: StageRef, release: Release, *, now: datetime) -> None:
        self._calls.effect("control.confirm")
        stored = self._of_attempt(ref)
        last = stored.release if stored else None
        if stored and last and (last.ordinal, last.claimed_at) == (release.ordinal, release.claimed_at):
            self._put(ref, replace(stored, release=replace(last, confirmed_at=now)))

    def get(self, ref: StageRef) -> Control | None:
        self._calls.read("control.get")
        return self._of_attempt(ref)

    def end_stages(self, ref: RunRef) -> Mapping[tuple[str, Stage], Control]:
        self._calls.effect("control.end_stages")
        ended = {(stage.activity, stage.stage): self.end_stage(stage) for stage in self.stages(ref)}
        return {stage: control for stage, control in ended.items() if control is not None}

    def stages(self, ref: RunRef) -> list[StageRef]:
        """The first part of ``end_stages``: one query."""
        places = (path.split("/") for path in self.rows.below(ref.uid, ref.path))
        return [ref.stage(activity, Stage(stage)) for activity, stage in places]

    def end_stage(self, ref: StageRef) -> Control | None:
        """The second part of ``end_stages``: a write for each."""
        stored = self._of_attempt(ref)
        return self._put(ref, replace(stored, ended=True)) if stored else None

    def _of_attempt(self, ref: StageRef) -> Control | None:
        control = self.rows.get(ref.run.uid, ref.path)
        return control if control and control.attempt == ref.attempt else None

    def _put(self, ref: StageRef, control: Control) -> Control:
        self.rows.put(ref.run.uid, ref.path, control)
        return control
