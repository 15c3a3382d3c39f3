"""A run of an activity's state machine: its tasks, tokens, waits and retries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.plan import StageOptions
from orchestrator_runtime.core.records import RunRef, StageRef
from orchestrator_runtime.protocol.advance_stage import AdvanceRequest
from tests.simulation.decisions import Odds
from tests.simulation.definitions import TIMEOUT, Retries, Wait
from tests.simulation.faults import Fault
from tests.simulation.scenario import START_WITHIN
from tests.simulation.scheduler import moment

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

TRANSITION: Final = 0.03
JITTER: Final = (0.5, 0.05, 1.0)
_ORPHANED: Final = Odds(0.8, 0.2)


@dataclass(slots=True, eq=False)
class Entry:
    """One entry, or retry, of a task that waits for a token.

    Attributes:
        checked: Whether its call of ``advance_stage`` returned, undisturbed.
    """

    execution: ActivityExecution
    ref: StageRef
    token: str
    checked: bool = False


class ActivityExecution:
    """A run of an activity's state machine.

    Args:
        simulation: The world.
        ref: The run's reference, its input.
        activity: The activity.
        ended: Told when it ends by itself.
    """

    def __init__(
        self,
        simulation: Simulation,
        ref: RunRef,
        activity: str,
        ended: Callable[[Failure | None], None],
    ) -> None:
        self._simulation = simulation
        self._scheduler = simulation.scheduler
        self._run = ref
        self._activity = activity
        self._ended = ended
        self.running = True
        self._entry: Entry | None = None
        self._enter_stage(Stage.PRE)

    def stop(self) -> None:
        """Stop it from outside."""
        self.running = False
        self._leave()

    def is_waiting(self, entry: Entry) -> bool:
        """Whether that entry is the one that waits."""
        return self._entry is entry

    # A task

    def _enter_stage(self, stage: Stage) -> None:
        self._states = self._simulation.core.activity[stage]
        self._opened = self._scheduler.now
        self._played = self._simulation.scenario.stages[self._activity, stage]
        self._options = StageOptions(
            rule=self._states.rule,
            timeout_seconds=self._played.timeout_seconds,
            start_within_seconds=START_WITHIN,
            fail_on_optional_error=self._played.fail_on_optional_error,
        )
        self._stage = self._run.stage(self._activity, stage)
        self._enter(self._states.wait_at(0))

    def _enter(self, wait: Wait) -> None:
        self._wait = wait
        self._entered = moment(self._scheduler.now)
        self._retries = Retries.of(wait.retriers)
        self._try(self._simulation.new_token())

    def _try(self, token: str) -> None:
        self._entry = entry = Entry(self, self._stage, token)
        self._simulation.waiting[token] = self._simulation.entries[self._stage] = entry
        self._simulation.signals.alive.add(token)
        self._scheduler.after(self._wait.seconds, self._time_out, entry)
        self._scheduler.after(TRANSITION, self._call, entry)

    def _leave(self) -> None:
        if self._entry is not None:
            self._simulation.signals.alive.discard(self._entry.token)
            self._entry = None

    def _call(self, entry: Entry) -> None:
        if self._entry is not entry:
            return
        request = AdvanceRequest(
            ref=entry.ref,
            options=self._options,
            token=entry.token,
            entered=self._entered,
            retry=self._retries.total,
        )
        simulation = self._simulation
        simulation.functions.call(
            "advance_stage",
            f"{entry.ref.key} attempt {entry.ref.attempt}, {entry.token}" if self._scheduler.trace is not None else "",
            lambda: simulation.core.advance_stage(request, simulation.stage_ports),
            returned=lambda _: simulation.checked(entry),
            failed=lambda error, cause: self._fail(entry, error, cause),
        )

    def _time_out(self, entry: Entry) -> None:
        if self._entry is not entry:
            return
        if any(retrier.matches(TIMEOUT) for retrier in self._wait.retriers):
            self._fail(entry, TIMEOUT, "")
            return
        self._leave()
        self._simulation.time_limits.check(entry.ref.run)
        age = self._scheduler.now - self._opened
        if self._scheduler.trace is not None:
            self._scheduler.tell(f"{entry.ref.key} waits on, {entry.token} is dead")
        self._enter(self._states.wait_at(age))

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
        self._entry = pause = Entry(self, self._stage, "")
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
        self._entry = None
        following = self._states.following
        if following is None:
            self._end(None)
        else:
            self._enter_stage(following)

    def _end(self, failure: Failure | None) -> None:
        self.running = False
        self._leave()
        self._simulation.invariants.activity_ended(self._run, self._activity, failure)
        self._ended(failure)
