"""An activity's state in a workflow's state machine: its task, its tokens, timeouts and retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.records import ActivityRef
from orchestrator_runtime.protocol.open_activity import OpenRequest
from tests.simulation.definitions import TIMEOUT, Retries
from tests.simulation.faults import Fault
from tests.simulation.scheduler import moment

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

TRANSITION: Final = 0.03
JITTER: Final = (0.5, 0.05, 1.0)


@dataclass(slots=True, eq=False)
class Entry:
    """One entry, or retry, of a task that waits for a token.

    Attributes:
        checked: Whether its call of ``open_activity`` returned, undisturbed.
    """

    task: ActivityTask
    ref: ActivityRef
    token: str
    checked: bool = False


class ActivityTask:
    """An activity's state of one execution.

    Args:
        simulation: The world.
        ref: The activity.
        ended: Called when it ends by itself.
    """

    def __init__(self, simulation: Simulation, ref: ActivityRef, ended: Callable[[Failure | None], None]) -> None:
        self._simulation = simulation
        self._scheduler = simulation.scheduler
        self._state = simulation.core.workflow.activity
        self._ref = ref
        self._ended = ended
        self.running = True
        self._entry: Entry | None = None
        self._enter()

    def stop(self) -> None:
        """Stop it: the execution is over, or a state beside it has failed."""
        self.running = False
        self._leave()

    def is_waiting(self, entry: Entry) -> bool:
        """Whether that entry is the one that waits."""
        return self._entry is entry

    def _enter(self) -> None:
        self._entered = moment(self._scheduler.now)
        self._retries = Retries.of(self._state.retriers)
        self._try(self._simulation.new_token())

    def _try(self, token: str) -> None:
        self._entry = entry = Entry(self, self._ref, token)
        self._simulation.waiting[token] = self._simulation.entries[self._ref] = entry
        self._simulation.signals.alive.add(token)
        self._scheduler.after(self._state.seconds, self._time_out, entry)
        self._scheduler.after(TRANSITION, self._call, entry)

    def _leave(self) -> None:
        if self._entry is not None:
            self._simulation.signals.alive.discard(self._entry.token)
            self._entry = None

    def _call(self, entry: Entry) -> None:
        if self._entry is not entry:
            return
        request = OpenRequest(ref=entry.ref, token=entry.token, entered=self._entered, retry=self._retries.total)
        simulation = self._simulation
        about = f"{entry.ref.name} attempt {entry.ref.attempt}, {entry.token}"
        simulation.functions.call(
            "open_activity",
            about if self._scheduler.trace is not None else "",
            lambda: simulation.core.open_activity(request, simulation.activity_ports),
            returned=lambda _: simulation.checked(entry),
            failed=lambda error, cause: self._fail(entry, error, cause),
        )

    def _time_out(self, entry: Entry) -> None:
        if self._entry is not entry:
            return
        if any(retrier.matches(TIMEOUT) for retrier in self._state.retriers):
            self._fail(entry, TIMEOUT, "")
            return
        self._leave()
        self._simulation.time_limits.check(entry.ref.run)
        if self._scheduler.trace is not None:
            self._scheduler.tell(f"{entry.ref.name} is entered again, {entry.token} has expired")
        self._enter()

    def _fail(self, entry: Entry, error: str, cause: str) -> None:
        """The task failed, by its function or by a signal."""
        if self._entry is not entry:
            return
        self._leave()
        longest = self._retries.wait(error)
        if longest is None:
            self._end(Failure(error, cause))
            return
        decisions = self._simulation.decisions
        token = self._simulation.new_token()
        if decisions.weigh(self._simulation.scenario.profile.token):
            self._simulation.note(Fault.TOKEN_REUSED, entry.token)
            token = entry.token
        # Between the tries nothing waits; the entry only says that these are still the same state.
        self._entry = pause = Entry(self, self._ref, "")
        seconds = longest * JITTER[decisions.pick(len(JITTER))]
        self._scheduler.after(seconds, self._try_again, pause, token)

    def _try_again(self, pause: Entry, token: str) -> None:
        if self._entry is pause:
            self._try(token)

    # What wakes it

    def accept(self, entry: Entry, error: str | None, cause: str, *, after: float) -> None:
        """A living token was signalled: nothing else ends the task any more."""
        if self._entry is not entry:
            return
        self._entry = accepted = Entry(self, entry.ref, "")
        self._scheduler.after(after, self._signalled, accepted, error, cause)

    def _signalled(self, accepted: Entry, error: str | None, cause: str) -> None:
        if self._entry is not accepted:
            return
        if error is not None:
            self._fail(accepted, error, cause)
            return
        self._end(None)

    def _end(self, failure: Failure | None) -> None:
        self.running = False
        self._leave()
        self._simulation.invariants.activity_ended(self._ref, failure)
        self._ended(failure)
