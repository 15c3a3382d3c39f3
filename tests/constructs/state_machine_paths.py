"""What has to hold on every path through a state machine of ours, or of a team's that runs activities.

``problems`` walks any state machine, whoever wrote it, from where it starts: nothing in it waits without an
end, leads nowhere, or loses an error on its way to the end of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator_constructs.workflow.run_states import FAILED, SAME
from orchestrator_runtime.contract import MAX_DEADLINE_SECONDS, Handler

State = Mapping[str, Any]
States = Mapping[str, State]

WAITS_FOR_TOKEN = ".waitForTaskToken"
TIMEOUT = "States.Timeout"
ANY_ERROR = "States.ALL"
ANY_BUT_TIMEOUT = "States.TaskFailed"
"""By Amazon's documentation it stands for every error of a task but ``States.Timeout``."""
ENDS = {"Succeed", "Fail"}


def problems(machine: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with a state machine, given as Amazon States Language; best is nothing."""
    found = [] if _bounded(machine) else ["the state machine has no timeout"]
    return [*found, *_problems_of(machine)]


def _bounded(timed: Mapping[str, Any]) -> bool:
    return bool(0 < timed.get("TimeoutSeconds", 0) <= MAX_DEADLINE_SECONDS)


def _problems_of(flow: Mapping[str, Any]) -> Iterator[str]:
    """Check a state machine, or a branch of one: the state around a branch catches what happens in it."""
    states: States = flow["States"]
    for name, state in states.items():
        for target in _targets(state):
            if target not in states:
                yield f"{name} leads to {target}, which is not there"
                return
    if lost := set(states) - _reached(states, flow["StartAt"]):
        yield f"{sorted(lost)} are never reached"
    begins_runs = any(_invokes(state, Handler.BEGIN_RUN) for state in states.values())
    for name, state in states.items():
        yield from (f"{name} {problem}" for problem in _problems_of_state(name, state))
        if begins_runs and not _ends_the_run_on_errors(name, state, states):
            yield f"{name} may fail without an end_run after it"
        for branch in branches(state):
            yield from (f"{name}: {problem}" for problem in _problems_of(branch))
    yield from _endless(states)


def _problems_of_state(name: str, state: State) -> Iterator[str]:
    match state["Type"]:
        case "Task":
            if not _bounded(state):
                yield "has no timeout"
        case "Choice":
            if "Default" not in state:
                yield "has no default"
        case "Pass" | "Succeed" | "Fail" | "Parallel" | "Map" | "Wait":
            pass
        case other:
            yield f"is a {other}, which this test does not know"
    if state["Type"] not in ENDS | {"Choice"} and ("Next" in state) == (state.get("End") is True):
        yield "has no way on, or two"
    if any("MaxAttempts" not in retry for retry in state.get("Retry", [])):
        yield "is retried without a bound"
    if waits_for_token(state):
        yield from _problems_of_wait(name, state)


def _problems_of_wait(name: str, state: State) -> Iterator[str]:
    for retry in state.get("Retry", []):
        if retry.get("MaxAttempts") != 0 and {TIMEOUT, ANY_ERROR} & set(retry["ErrorEquals"]):
            yield "is retried after a timeout, with the token that it had"
    rule = next((rule for rule in state.get("Catch", []) if {TIMEOUT, ANY_ERROR} & set(rule["ErrorEquals"])), None)
    if rule is None:
        yield "does not catch its timeout"
    elif rule["Next"] != name:
        yield f"goes on with {rule['Next']} after a timeout, and not with itself"
    elif not state["Output"] == rule.get("Output") == SAME:
        yield "does not hand on its input"


def _ends_the_run_on_errors(name: str, state: State, states: States) -> bool:
    """Whether every error of a state leads to ``end_run``, which itself has nothing left to lead to."""
    if state["Type"] not in {"Task", "Parallel", "Map"} or _reports_failure(state, states):
        return True
    rules = [rule for rule in state.get("Catch", []) if not (rule["ErrorEquals"] == [TIMEOUT] and rule["Next"] == name)]
    catches_all = any(rule["ErrorEquals"] == [ANY_ERROR] for rule in rules)
    return catches_all and all(_reports_failure(states[rule["Next"]], states) for rule in rules)


def _reports_failure(state: State, states: States) -> bool:
    """Whether it invokes ``end_run`` with an error, and then ends the execution as the run's row says."""
    ending = states.get(state.get("Next", ""), {})
    choices = {choice["Condition"]: states[choice["Next"]]["Type"] for choice in ending.get("Choices", [])}
    return (
        _invokes(state, Handler.END_RUN)
        and "error" in state["Arguments"]["Payload"]
        and choices == {FAILED: "Fail"}
        and states.get(ending.get("Default", ""), {}).get("Type") == "Succeed"
    )


def _endless(states: States) -> Iterator[str]:
    """States from which no end is reached, and circles in which no time passes."""
    ends = {name for name, state in states.items() if state["Type"] in ENDS or state.get("End")}
    for name in states:
        if not ends & _reached(states, name):
            yield f"{name} leads to no end"
    # Without its waits for tokens, which are bounded and each take their time, a state machine has no circle.
    ahead = {name: [] if waits_for_token(state) else _targets(state) for name, state in states.items()}
    for name in states:
        seen: set[str] = set()
        left = list(ahead[name])
        while left:
            following = left.pop()
            if following == name:
                yield f"{name} comes back to itself without a wait"
                break
            if following not in seen:
                seen.add(following)
                left += ahead[following]


def _reached(states: States, start: str) -> set[str]:
    reached: set[str] = set()
    left = [start]
    while left:
        name = left.pop()
        if name not in reached:
            reached.add(name)
            left += _targets(states[name])
    return reached


def _targets(state: State) -> list[str]:
    rules = [*state.get("Catch", []), *state.get("Choices", [])]
    return [*(rule["Next"] for rule in rules), *(state[key] for key in ("Next", "Default") if key in state)]


def branches(state: State) -> list[Mapping[str, Any]]:
    """What runs inside of a state, each with ``StartAt`` and ``States``."""
    return [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]


def waits_for_token(state: State) -> bool:
    """Whether a state ends when its task token is answered."""
    return str(state.get("Resource", "")).endswith(WAITS_FOR_TOKEN)


def _invokes(state: State, handler: Handler) -> bool:
    return f"{handler}" in str(state.get("Arguments", {}).get("FunctionName", ""))
