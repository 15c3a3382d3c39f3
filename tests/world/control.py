"""The control table in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import Control, Release, RunRef, StageRef
from tests.world.effects import Effects

UNOPENED_FOR = 86_400
"""Seconds that a row lives whose stage never opens."""


@dataclass(frozen=True, slots=True)
class ControlItem:
    """A row, its token's rank, and when it expires."""

    control: Control
    rank: str
    expires_at: float


class MemoryControlStore:
    """Implements ``ports.ControlStore``."""

    def __init__(self, clock: Callable[[], datetime], effects: Effects) -> None:
        self._clock = clock
        self._effects = effects
        self.rows: dict[tuple[str, str], ControlItem] = {}

    def store_token(self, ref: StageRef, *, token: str, rank: str) -> Control | None:
        """See ``ports.ControlStore``."""
        self._effects("control.store_token", ref=ref, token=token, rank=rank)
        now = self._clock().timestamp()
        stands = self.rows.get(_key(ref))
        if stands is None or stands.control.attempt < ref.attempt or stands.expires_at <= now:
            fresh = Control(attempt=ref.attempt, token=token)
            self.rows[_key(ref)] = ControlItem(fresh, rank, now + UNOPENED_FOR)
            return fresh
        if stands.control.attempt > ref.attempt or stands.rank >= rank:
            return None
        control = replace(stands.control, token=token)
        self.rows[_key(ref)] = replace(stands, control=control, rank=rank)
        return control

    def open(self, ref: StageRef, *, indices: Collection[int], expires_at: int) -> Control | None:
        """See ``ports.ControlStore``."""
        self._effects("control.open", ref=ref, indices=indices)
        control = self._row(ref)
        if control is None or control.opened:
            return control
        opened = self._update(ref, opened=True, open=frozenset(indices))
        self.rows[_key(ref)] = replace(self.rows[_key(ref)], expires_at=expires_at)
        return opened

    def settle(self, ref: StageRef, *, closed: Collection[int], failed: Collection[int]) -> Control | None:
        """See ``ports.ControlStore``."""
        self._effects("control.settle", ref=ref, closed=set(closed), failed=set(failed))
        control = self._row(ref)
        if control is None:
            return None
        return self._update(ref, open=control.open - set(closed), failed=control.failed | set(failed))

    def claim(self, ref: StageRef, *, ordinal: int, now: datetime, stale_before: datetime) -> Release | None:
        """See ``ports.ControlStore``."""
        self._effects("control.claim", ref=ref, ordinal=ordinal)
        control = self._row(ref)
        if control is None or control.ended:
            return None
        last = control.release
        if last is not None:
            abandoned = last.confirmed_at is None and last.claimed_at <= stale_before
            if last.ordinal > ordinal or (last.ordinal == ordinal and not abandoned):
                return None
        release = Release(ordinal=ordinal, claimed_at=now)
        self._update(ref, release=release)
        return release

    def confirm(self, ref: StageRef, release: Release, *, now: datetime) -> None:
        """See ``ports.ControlStore``."""
        self._effects("control.confirm", ref=ref, release=release)
        control = self._row(ref)
        last = control.release if control is not None else None
        if last is not None and (last.ordinal, last.claimed_at) == (release.ordinal, release.claimed_at):
            self._update(ref, release=replace(last, confirmed_at=now))

    def get(self, ref: StageRef) -> Control | None:
        """See ``ports.ControlStore``."""
        self._effects("control.get", ref=ref)
        return self._row(ref)

    def end_stages(self, ref: RunRef) -> Mapping[tuple[str, Stage], Control]:
        """See ``ports.ControlStore``. One effect for the list, then one for each row."""
        self._effects("control.end_stages", ref=ref)
        ended: dict[tuple[str, Stage], Control] = {}
        for uid, path in sorted(self.rows):
            if uid != ref.uid or not path.startswith(ref.path):
                continue
            _, activity, stage, _ = path.split("/")
            stage_ref = ref.stage(activity, Stage(stage))
            self._effects("control.end_stage", ref=stage_ref)
            if self._row(stage_ref) is not None:
                ended[activity, Stage(stage)] = self._update(stage_ref, ended=True)
        return ended

    def _row(self, ref: StageRef) -> Control | None:
        stands = self.rows.get(_key(ref))
        return stands.control if stands is not None and stands.control.attempt == ref.attempt else None

    def _update(self, ref: StageRef, **changes: Any) -> Control:
        stands = self.rows[_key(ref)]
        control: Control = replace(stands.control, **changes)
        self.rows[_key(ref)] = replace(stands, control=control)
        return control


def _key(ref: StageRef) -> tuple[str, str]:
    return ref.run.uid, ref.path
