"""How long the history of an execution gets, told from the synthesized state machine itself.

The events are those that Step Functions documents as types of ``HistoryEvent``. ``play`` plays an execution that
waits against a virtual clock. What would slow it down, calls and pauses between retries, takes no time there: so
it wakes as often as it ever can.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.constructs.state_machine_paths import TIMEOUT, branches

FAILED_ATTEMPT: Final = ("TaskScheduled", "TaskStarted", "TaskFailed")
"""What an attempt adds that is tried again in the same entry of its state."""

_OLD_ENOUGH: Final = re.compile(r"\{% \$millis\(\) - \$toMillis\(\$states\.input\.opened\) >= (?P<age>\d+) %\}")
_REMEMBERS_OPENING: Final = (
    "{% $merge([$states.input, {'opened': $exists($states.input.opened) "
    "? $states.input.opened : $states.context.State.EnteredTime}]) %}"
)


@dataclass
class History:
    """An execution.

    Attributes:
        events: How many events of each type.
        now: Seconds since it started.
        wakes: How often a wait was over.
    """

    events: Counter[str] = field(default_factory=Counter)
    now: int = 0
    wakes: int = 0

    def note(self, *events: str) -> None:
        self.events.update(events)


def play(
    machine: Mapping[str, Any],
    *,
    stays_open: Mapping[str, int] | None = None,
    failed_attempts: Callable[[int], int] = lambda _entry: 0,
) -> History:
    """Play an execution of an activity to its end, or to the end of its time.

    Args:
        machine: The activity's state machine.
        stays_open: For how many seconds its stages stay open. Default: for ever.
        failed_attempts: How many attempts fail, and are tried again, in the entry of a task with this number.
    """
    history = History()
    history.note("ExecutionStarted")
    name: str | None = machine["StartAt"]
    # When the stage under way was entered first, as the states' input tells it: a wait that is over adds it.
    opened: int | None = None
    while name is not None:
        state = machine["States"][name]
        if state["Type"] == "Choice":
            history.note("ChoiceStateEntered", "ChoiceStateExited")
            assert opened is not None
            name = _chosen(state, history.now - opened)
            continue
        failures = failed_attempts(history.events["TaskStateEntered"])
        assert failures <= most_retries(state), "then the task fails, and with it the execution"
        history.note("TaskStateEntered", *(FAILED_ATTEMPT * failures), "TaskScheduled", "TaskStarted", "TaskSubmitted")
        first = history.now if opened is None else opened
        open_for = (stays_open or {}).get(state["Arguments"]["Payload"]["stage"])
        closes = machine["TimeoutSeconds"] if open_for is None else first + open_for
        history.now = min(closes, history.now + state["TimeoutSeconds"], machine["TimeoutSeconds"])
        if history.now == machine["TimeoutSeconds"]:
            history.note("ExecutionTimedOut")
            return history
        if history.now == closes:
            history.note("TaskSucceeded", "TaskStateExited")
            # The output is the run's reference and nothing else: the next stage has a clock of its own.
            assert "opened" not in state["Output"]
            name, opened = state.get("Next"), None
            continue
        history.wakes += 1
        history.note("TaskTimedOut", "TaskStateExited")
        rule = next(rule for rule in state["Catch"] if TIMEOUT in rule["ErrorEquals"])
        assert rule["Output"] == _REMEMBERS_OPENING
        name, opened = rule["Next"], first
    history.note("ExecutionSucceeded")
    return history


def _chosen(state: Mapping[str, Any], age: int) -> str:
    for choice in state["Choices"]:
        condition = _OLD_ENOUGH.fullmatch(choice["Condition"])
        assert condition, choice["Condition"]
        if age * 1000 >= int(condition["age"]):
            return str(choice["Next"])
    return str(state["Default"])


def most_retries(state: Mapping[str, Any]) -> int:
    """How often a state is tried again in one entry if it fails in every way there is: each rule has its own count."""
    return sum(retry["MaxAttempts"] for retry in state.get("Retry", []))


def most_events_without_waits(machine: Mapping[str, Any]) -> int:
    """Bound the history of a state machine that enters each state once at most; of a task all retries fail."""
    return 2 + _events_of(machine)  # its start and its end


def _events_of(flow: Mapping[str, Any]) -> int:
    """Entered and exited, whatever it is; a task's last attempt has four, what has branches starts and ends them."""
    within = {"Task": 4, "Parallel": 2}
    return sum(
        2
        + within.get(state["Type"], 0)
        + len(FAILED_ATTEMPT) * most_retries(state)
        + sum(_events_of(branch) for branch in branches(state))
        for state in flow["States"].values()
    )
