"""The schedule that invokes the deadline check each minute: a tick may be lost, late or doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator_runtime.contract import CHECK_DEADLINES_EVERY_SECONDS
from tests.simulation.faults import Fate, Fault

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

_LATE: Final = (20.0, 55.0, 90.0)
_DOUBLED_AFTER: Final = (0.01, 0.3, 5.0)
_SKEW: Final = 30.0
"""Seconds by which the clock of a function may be ahead."""


class Schedule:
    """Ticks as long as an activity has a due time."""

    def __init__(self, simulation: Simulation, fate: Fate) -> None:
        self._simulation = simulation
        self._scheduler = fate.scheduler
        self._decisions = fate.decisions
        self._profile = fate.profile
        self._note = fate.note
        self._armed = False

    def arm(self) -> None:
        """An activity is due some time: the next tick comes at the next full minute."""
        if not self._armed:
            self._armed = True
            every = CHECK_DEADLINES_EVERY_SECONDS
            self._scheduler.after(every - self._scheduler.now % every, self._tick)

    def _tick(self) -> None:
        self._armed = False
        rows = self._simulation.control.rows.items.values()
        due_times = [row.due_at for row, _ in rows if row.due_at is not None]
        if not due_times:
            return
        self.arm()
        now = self._simulation.functions.now
        if (min(due_times) - now).total_seconds() > _SKEW:
            # The function would read the index, and find nothing.
            self._simulation.invariants.nothing_due(now)
            return
        match self._decisions.weigh(self._profile.tick):
            case 1:
                self._note(Fault.TICK_LOST, "")
                return
            case 2:
                self._note(Fault.TICK_LATE, "")
                self._scheduler.after(_LATE[self._decisions.pick(len(_LATE))], self._check)
                return
            case 3:
                self._note(Fault.TICK_DOUBLED, "")
                self._scheduler.after(_DOUBLED_AFTER[self._decisions.pick(len(_DOUBLED_AFTER))], self._check)
        self._check()

    def _check(self) -> None:
        simulation = self._simulation
        simulation.functions.call(
            "check_deadlines",
            "",
            lambda: simulation.core.check_deadlines(simulation.check_ports),
            returned=lambda _: None,
            failed=lambda *_: None,
        )
