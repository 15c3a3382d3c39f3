"""How long an attempt may take: its deadlines, two minutes for each, and what its faults cost."""

from __future__ import annotations

from typing import Final

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.plan import SETTLES_AFTER
from orchestrator_runtime.core.records import RunRef
from tests.simulation.definitions import ActivityState
from tests.simulation.faults import Fate, Fault
from tests.simulation.scenario import START_WITHIN, Scenario
from tests.simulation.violation import Violation

_SHORT: Final = 3.0
"""Seconds that any run may take."""
_ENFORCED_WITHIN: Final = 120.0
"""Seconds after which a passed deadline is enforced."""
_SHARE_OF_A_FAULT: Final = 240.0
"""Seconds by which one fault may delay a stage, beside a deadline: a claim's expiry, a retry, a function's time-out."""


class TimeLimits:
    """Watches how long the attempts of a run take.

    Attributes:
        unanswered: How often an activity finished, and its task was not answered: it waits until its timeout.
    """

    def __init__(self, fate: Fate, scenario: Scenario, activity: ActivityState) -> None:
        self._scheduler = fate.scheduler
        self._silent = fate.profile.silent
        self._faults = fate.faults
        self._scenario = scenario
        self._entry_seconds = activity.seconds
        self.unanswered = 0
        self._begun: dict[RunRef, tuple[float, int]] = {}
        self._latest = 0
        self._times: tuple[float, float] | None = None

    def begin(self, ref: RunRef) -> None:
        """An execution was given its attempt."""
        self._begun[ref] = (self._scheduler.now, sum(self._faults.values()))

    def taken_over(self, attempt: int) -> None:
        """An attempt has begun after another."""
        self._latest = attempt

    def check(self, ref: RunRef) -> None:
        """An attempt is under way, or ends: it takes no longer than its deadlines, two minutes each, and its faults."""
        began, faults_before = self._begun[ref]
        took = self._scheduler.now - began
        if took < _SHORT:
            return
        if self._times is None:
            self._times = self._allowed_times()
        allowed, longest = self._times
        allowed += self._entry_seconds * (self._faults[Fault.SIGNAL_DROPPED] + self.unanswered)
        if ref.attempt < self._latest:
            # Another attempt has begun, and a cancel died before it stopped this one's execution.
            allowed += self._entry_seconds
        if not self._silent:
            allowed += (longest + _SHARE_OF_A_FAULT) * (sum(self._faults.values()) - faults_before)
        if took > allowed:
            raise Violation("no run outlasts its deadlines", f"it took {took:.0f} s, {allowed:.0f} s are allowed")

    def _allowed_times(self) -> tuple[float, float]:
        """How long a run may take where nothing goes wrong but its plugins; and the longest of a stage."""
        times = {place: self._stage_time(*place) for place in self._scenario.stages}
        allowed = sum(
            max(sum(times[activity, stage] for stage in Stage) for activity in step) for step in self._scenario.steps
        )
        return allowed + _SHORT, max(times.values())

    def _stage_time(self, activity: str, stage: Stage) -> float:
        played = self._scenario.stages[activity, stage]
        limits = []
        for plugin in played.plugins.values():
            registration = plugin.registration
            timeout = registration.timeout_seconds or played.timeout_seconds
            start = START_WITHIN if registration.reports_start else timeout
            # In silence nobody starts. Else a start may come just in time, and the time to finish begins then.
            limit = start if self._silent else start + timeout
            limits.append(limit + (SETTLES_AFTER.total_seconds() if registration.seen_at else 0))
        if not stage.is_sequential:
            limits = [max(limits, default=0)]
        return 1.0 + sum(limit + _ENFORCED_WITHIN for limit in limits if limit)
