"""The state machines that are played: those that the constructs render, as their template tests hold them fast.

What is read from the definitions are the waits, the retries and what follows what. So a change of
the constructs changes what is simulated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from orchestrator_runtime.contract import ReleaseRule, Stage

_RENDERED: Final = Path(__file__).parents[1] / "constructs" / "expected"
_OLDER_THAN: Final = re.compile(r"\{% \$millis\(\) - \$toMillis\(\$states\.input\.opened\) >= (\d+) %\}")
TIMEOUT: Final = "States.Timeout"


@dataclass(frozen=True, slots=True)
class Retrier:
    """One entry of a state's ``Retry``."""

    errors: frozenset[str]
    interval: float
    most: int
    backoff: float

    def matches(self, error: str) -> bool:
        return error in self.errors or ("States.TaskFailed" in self.errors and error != TIMEOUT)


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
                return retrier.interval * retrier.backoff**count
        return None


@dataclass(frozen=True, slots=True)
class Wait:
    """A rung of a stage's ladder: a task that waits for a token."""

    state: str
    seconds: float
    retriers: tuple[Retrier, ...]


@dataclass(frozen=True, slots=True)
class StageStates:
    """The states of one stage.

    Attributes:
        waits: From which age in seconds which task is entered, from the oldest.
        following: The stage that follows; ``None`` after the last.
    """

    stage: Stage
    rule: ReleaseRule
    waits: tuple[tuple[float, Wait], ...]
    following: Stage | None

    def wait_at(self, age: float) -> Wait:
        """The task that a stage of that age enters."""
        return next(wait for from_age, wait in self.waits if age >= from_age)


@dataclass(frozen=True, slots=True)
class WorkflowStates:
    """What a workflow's bookkeeping states say of their retries; every state but the last two catches every error."""

    begin: tuple[Retrier, ...]
    end: tuple[Retrier, ...]
    fail: tuple[Retrier, ...]
    days: float


@cache
def activity_states() -> Mapping[Stage, StageStates]:
    """The state machine of an activity."""
    states: dict[str, Any] = _rendered("activity_rate.json")["States"]
    assert {state["Type"] for state in states.values()} == {"Task", "Choice"}
    return {stage: _stage_states(states, stage) for stage in Stage}


@cache
def workflow_states() -> WorkflowStates:
    """The bookkeeping states of a workflow."""
    definition = _rendered("workflow_new_business.json")
    states = definition["States"]
    catching = [name for name, state in states.items() if state.get("Catch")]
    assert set(states) - set(catching) == {"Run failed", "Fail run"}, "these two have nothing to fall back on"
    assert all(states[name]["Catch"][0]["Next"] == "Run failed" for name in catching)
    return WorkflowStates(
        begin=_retriers(states["Begin run"]),
        end=_retriers(states["End run"]),
        fail=_retriers(states["Run failed"]),
        days=definition["TimeoutSeconds"] / 86_400,
    )


def _stage_states(states: Mapping[str, Any], stage: Stage) -> StageStates:
    first = states[stage]
    (catch,) = first["Catch"]
    assert catch["ErrorEquals"] == [TIMEOUT]
    choice = states[catch["Next"]]
    waits = [(_age(branch["Condition"]), _wait(states, branch["Next"])) for branch in choice["Choices"]]
    assert choice["Default"] == stage
    following = first.get("Next")
    return StageStates(
        stage=stage,
        rule=ReleaseRule(first["Arguments"]["Payload"]["rule"]),
        waits=(*waits, (0.0, _wait(states, choice["Default"]))),
        following=Stage(following) if following else None,
    )


def _wait(states: Mapping[str, Any], name: str) -> Wait:
    return Wait(name, states[name]["TimeoutSeconds"], _retriers(states[name]))


def _age(condition: str) -> float:
    found = _OLDER_THAN.fullmatch(condition)
    assert found, f"the simulator does not know how to decide {condition!r}"
    return int(found[1]) / 1000


def _retriers(state: Mapping[str, Any]) -> tuple[Retrier, ...]:
    return tuple(
        Retrier(
            frozenset(entry["ErrorEquals"]),
            entry.get("IntervalSeconds", 1),
            entry.get("MaxAttempts", 3),
            entry.get("BackoffRate", 2.0),
        )
        for entry in state.get("Retry", ())
    )


def _rendered(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_RENDERED / name).read_text())
    return document
