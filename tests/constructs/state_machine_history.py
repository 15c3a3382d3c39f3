"""The length of an execution's history, played from the state machine itself.

The events are those that Step Functions documents as types of ``HistoryEvent``. ``play`` plays an execution against
a virtual clock. Invocations and pauses between retries take no time there: so a task that waits enters itself again
as often as it ever can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.constructs.state_machine_paths import TIMEOUT, branches, waits_for_token

FAILED_ATTEMPT: Final = ("TaskScheduled", "TaskStarted", "TaskFailed")
"""The events of an attempt that is retried in the same entry of its state."""
FOR_EVER: Final = 10**12


@dataclass
class History:
    """An execution.

    Attributes:
        events: How many events of each type.
        entries: How often each activity's state was entered.
        now: Seconds since the execution started.
    """

    events: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    now: int = 0

    def note(self, *events: str) -> None:
        self.events.update(events)


def play(machine: Mapping[str, Any], *, takes: Mapping[str, int], failed_attempts: int = 0) -> History:
    """Play an execution of a workflow to its end, or to its timeout.

    Args:
        machine: The workflow's state machine.
        takes: Seconds that an activity takes. Default: none.
        failed_attempts: How many attempts fail, and are retried, in each entry of a task.
    """
    history = History()
    history.note("ExecutionStarted")
    history.now, done = _play(machine, takes, history, now=0, until=machine["TimeoutSeconds"], failures=failed_attempts)
    history.note("ExecutionSucceeded" if done else "ExecutionTimedOut")
    return history


def _play(
    flow: Mapping[str, Any], takes: Mapping[str, int], history: History, *, now: int, until: int, failures: int
) -> tuple[int, bool]:
    """Play a state machine, or a branch of one, from a time on; return when it ends, and whether in time."""
    name: str | None = flow["StartAt"]
    # When an activity was entered first: what it takes counts from there, through all its entries.
    first = now
    while name is not None:
        state = flow["States"][name]
        if branches(state):
            history.note("ParallelStateEntered", "ParallelStateStarted")
            ends = [
                _play(branch, takes, history, now=now, until=until, failures=failures) for branch in branches(state)
            ]
            now = max(end for end, _ in ends)
            if not all(done for _, done in ends):
                return until, False
            history.note("ParallelStateSucceeded", "ParallelStateExited")
            name = state.get("Next")
            first = now
            continue
        assert failures <= most_retries(state), "then the task fails, and with it the execution"
        history.note("TaskStateEntered", *(FAILED_ATTEMPT * failures), "TaskScheduled", "TaskStarted")
        if not waits_for_token(state):
            history.note("TaskSucceeded", "TaskStateExited")
            name = state.get("Next")
            first = now
            continue
        history.note("TaskSubmitted")
        history.entries[name] += 1
        ends_at, times_out = first + takes.get(name, 0), now + state["TimeoutSeconds"]
        if min(ends_at, times_out) >= until:
            return until, False
        if ends_at <= times_out:
            history.note("TaskSucceeded", "TaskStateExited")
            now = first = ends_at
            name = state.get("Next")
            continue
        history.note("TaskTimedOut", "TaskStateExited")
        now = times_out
        name = next(rule["Next"] for rule in state["Catch"] if TIMEOUT in rule["ErrorEquals"])
    return now, True


def most_retries(state: Mapping[str, Any]) -> int:
    """How often a state is retried in one entry if it fails in every way there is: each rule has its own count."""
    return sum(retry["MaxAttempts"] for retry in state.get("Retry", []))


def most_events_besides_waits(machine: Mapping[str, Any]) -> int:
    """Bound the events of the states that begin and end a run, all of them entered and all their retries used."""
    others = [state for state in machine["States"].values() if not waits_for_token(state) and not branches(state)]
    # Entered and exited, whatever it is; scheduled, started, succeeded and exited, if it is a task.
    return 2 + sum(
        2 + (3 + len(FAILED_ATTEMPT) * most_retries(state) if state["Type"] == "Task" else 0) for state in others
    )
