"""How long an attempt of a run may take: no longer than its deadlines, one wait for each, and what its faults cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orchestrator_runtime.contract import ReleaseRule, Stage
from orchestrator_runtime.core.records import RunRef
from tests.simulation.definitions import StageStates
from tests.simulation.faults import Fate, Fault
from tests.simulation.scenario import START_WITHIN, Scenario
from tests.simulation.violation import Violation

_SHORT: Final = 3.0
"""Seconds that any run may take."""
_SHARE_OF_A_FAULT: Final = 120.0
"""Seconds by which one fault may delay a stage, beside one wait: a claim's expiry, a retry, a function's time-out."""


class TimeLimits:
    """Watches how long the attempts of a run take."""

    def __init__(self, fate: Fate, scenario: Scenario, activity: Mapping[Stage, StageStates]) -> None:
        self._scheduler = fate.scheduler
        self._silent = fate.profile.silent
        self._faults = fate.faults
        self._scenario = scenario
        self._activity = activity
        self._begun: dict[RunRef, tuple[float, int]] = {}
        self._times: tuple[float, float] | None = None

    def begin(self, ref: RunRef) -> None:
        """An execution was given its attempt."""
        self._begun[ref] = (self._scheduler.now, sum(self._faults.values()))

    def check(self, ref: RunRef) -> None:
        """An attempt is under way, or ends: it takes no longer than its deadlines, one wait each, and its faults."""
        began, faults_before = self._begun[ref]
        took = self._scheduler.now - began
        if took < _SHORT:
            return
        if self._times is None:
            self._times = self._allowed_times()
        allowed, longest_wait = self._times
        if self._silent:
            allowed += longest_wait * self._faults[Fault.SIGNAL_DROPPED]
        else:
            allowed += (longest_wait + _SHARE_OF_A_FAULT) * (sum(self._faults.values()) - faults_before)
        if took > allowed:
            raise Violation("no run outlasts its deadlines", f"it took {took:.0f} s, {allowed:.0f} s are allowed")

    def _allowed_times(self) -> tuple[float, float]:
        """How long a run may take where nothing goes wrong but its plugins; and the longest wait between checks."""
        times = {place: self._stage_time(*place) for place in self._scenario.stages}
        allowed = sum(
            max(sum(times[activity, stage] for stage in Stage) for activity in step) for step in self._scenario.steps
        )
        longest_wait = self._activity[Stage.PRE].wait_at(max(times.values())).seconds
        return allowed + _SHORT, longest_wait

    def _stage_time(self, activity: str, stage: Stage) -> float:
        played, states = self._scenario.stages[activity, stage], self._activity[stage]
        limits = []
        for plugin in played.plugins.values():
            registration = plugin.registration
            timeout = registration.timeout_seconds or played.timeout_seconds
            start = START_WITHIN if registration.reports_start else timeout
            # In silence nobody starts. Else a start may come just in time, and the time to finish begins then.
            limits.append(start if self._silent else start + timeout)
        if states.rule is ReleaseRule.ALL_AT_ONCE:
            limits = [max(limits, default=0)]
        wait = states.wait_at(sum(limits)).seconds
        return 1.0 + sum(limit + wait for limit in limits if limit)
