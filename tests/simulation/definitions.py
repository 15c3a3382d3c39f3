"""The state machines that are played: those that the constructs render, as their template tests hold them fast.

What is read from the definitions are the waits, the retries and what follows what. So a change of
the constructs changes what is simulated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

_RENDERED: Final = Path(__file__).parents[1] / "constructs" / "expected"
_NO_LIMIT: Final = float("inf")
TIMEOUT: Final = "States.Timeout"


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of a state's ``Retry``."""

    errors: frozenset[str]
    interval: float
    most: int
    backoff: float
    longest: float

    def matches(self, error: str) -> bool:
        if error in self.errors or "States.ALL" in self.errors:
            return True
        return "States.TaskFailed" in self.errors and error != TIMEOUT


@dataclass(slots=True)
class Retries:
    """How often a task was retried, by what."""

    retriers: Sequence[Retrier]
    counts: list[int]
    total: int = 0

    @classmethod
    def of(cls, retriers: Sequence[Retrier]) -> Retries:
        return cls(retriers, [0] * len(retriers))

    def wait(self, error: str) -> float | None:
        """The longest wait before the task is tried again; ``None`` if it is not."""
        for number, retrier in enumerate(self.retriers):
            if retrier.matches(error):
                count = self.counts[number]
                if count >= retrier.most:
                    return None
                self.counts[number] = count + 1
                self.total += 1
                return min(retrier.interval * retrier.backoff**count, retrier.longest)
        return None


@dataclass(frozen=True, slots=True)
class ActivityState:
    """The state that waits for an activity. After its timeout it enters itself again with a new token."""

    seconds: float
    retriers: tuple[Retrier, ...]


@dataclass(frozen=True, slots=True)
class WorkflowStates:
    """The retries of a workflow's states, and the state of its activities."""

    begin: tuple[Retrier, ...]
    activity: ActivityState
    end: tuple[Retrier, ...]
    fail: tuple[Retrier, ...]
    days: float


@cache
def workflow_states() -> WorkflowStates:
    """The states of a workflow."""
    definition = _rendered("workflow_new_business.json")
    states = definition["States"]
    catching = [name for name, state in states.items() if state.get("Catch")]
    last = {"Run failed", "Run complete?", "Run complete", "Fail run"}
    assert set(states) - set(catching) == last, "these have nothing to fall back on"
    assert all(states[name]["Catch"][-1]["Next"] == "Run failed" for name in catching)
    branches = _rendered("workflow_side_by_side.json")["States"]["Step 2"]["Branches"]
    waiting = {name: state for name, state in states.items() if "waitForTaskToken" in state.get("Resource", "")}
    waiting |= {branch["StartAt"]: branch["States"][branch["StartAt"]] for branch in branches}
    (activity,) = {_activity_state(name, state) for name, state in waiting.items()}
    return WorkflowStates(
        begin=_retriers(states["Begin run"]),
        activity=activity,
        end=_retriers(states["End run"]),
        fail=_retriers(states["Run failed"]),
        days=definition["TimeoutSeconds"] / 86_400,
    )


def _activity_state(name: str, state: Mapping[str, Any]) -> ActivityState:
    catch = state["Catch"][0]
    assert (catch["ErrorEquals"], catch["Next"]) == ([TIMEOUT], name), "a timeout enters the state again"
    return ActivityState(state["TimeoutSeconds"], _retriers(state))


def _retriers(state: Mapping[str, Any]) -> tuple[Retrier, ...]:
    return tuple(
        Retrier(
            frozenset(entry["ErrorEquals"]),
            entry.get("IntervalSeconds", 1),
            entry.get("MaxAttempts", 3),
            entry.get("BackoffRate", 2.0),
            entry.get("MaxDelaySeconds", _NO_LIMIT),
        )
        for entry in state.get("Retry", ())
    )


def _rendered(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_RENDERED / name).read_text())
    return document
