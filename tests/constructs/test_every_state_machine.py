"""Whatever state machines the constructs synthesize: every wait in them is bounded, and so is their history.

They are found in the templates, not listed: one that is added later is walked as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from itertools import product
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn

import app as deployable
from examples.insurance.documents import app as documents
from examples.insurance.platform import app as platform
from examples.insurance.underwriting import app as underwriting
from orchestrator_constructs import Activity, OrchestratorCore
from orchestrator_constructs.activity.ladder import (
    EVENTS_PER_RETRY,
    EVENTS_PER_WAKE,
    MAX_HISTORY_EVENTS,
    SHORTEST_CHECK,
    SPARE_EVENTS,
    YEAR,
    ladder,
    most_events,
)
from orchestrator_runtime.contract import Stage
from tests.constructs import apps
from tests.constructs.state_machine_history import FAILED_ATTEMPT, most_events_without_waits, most_retries, play
from tests.constructs.state_machine_paths import problems, waits_for_token
from tests.constructs.synthesis import synthesize

Machine = dict[str, Any]

CONTEXT = {
    "system": "claims",
    "stage": "dev",
    "activities": ["Validate", "Rate", "Check", "Print"],
    "workflows": {
        "Quote": ["Rate"],
        "NewBusiness": ["Validate", ["Rate", "Check"], "Print"],
        "Both": [["Rate", "Check"]],
    },
}


def own_machine(app: App) -> None:
    """What a team writes: two activities side by side, and a third if the run is to be printed."""
    stack = Stack(app, "Team")
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    rate, check, output = (
        Activity.from_system(stack, name, system="claims", stage="dev") for name in ("Rate", "Check", "Print")
    )
    failed = core.end_run_task(stack, "Failed", workflow="Own", failed=True)
    failed.next(sfn.Fail.jsonata(stack, "Fail", error="{% $states.input.error %}", cause="{% $states.input.cause %}"))
    begin = core.begin_run_task(stack, "Begin", workflow="Own", activities=[[rate, check], output])
    both = sfn.Parallel.jsonata(stack, "Both", outputs="{% $states.input %}")
    both.branch(rate.task(stack, "Run Rate"), check.task(stack, "Run Check"))
    run = output.task(stack, "Run Print")
    end = core.end_run_task(stack, "End", workflow="Own")
    for state in (begin, both, run, end):
        state.add_catch(failed)
    printed = sfn.Condition.jsonata("{% $states.context.Execution.Input.metadata.print %}")
    choice = sfn.Choice.jsonata(stack, "To print?").when(printed, run.next(end)).otherwise(end)
    sfn.StateMachine(
        stack,
        "Machine",
        state_machine_name=core.deployment.workflow("Own"),
        definition_body=sfn.DefinitionBody.from_chainable(begin.next(both).next(choice)),
        query_language=sfn.QueryLanguage.JSONATA,
        timeout=Duration.days(30),
    )


def checked_often(app: App) -> None:
    """An activity that wakes up as often as it may."""
    stack = Stack(app, "Often")
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    Activity(stack, "Rate", core=core, check_every=Duration.seconds(SHORTEST_CHECK))


def examples(app: App) -> None:
    """The apps of the example's three teams, as one."""
    for team in (platform, underwriting, documents):
        team.build(app)


APPS: dict[str, tuple[Callable[[App], object], Mapping[str, Any]]] = {
    "deployable": (deployable.define, CONTEXT),
    "three stacks": (apps.three_stacks, {}),
    "every prop": (apps.every_prop, {}),
    "a team's own": (own_machine, {}),
    "checked often": (checked_often, {}),
    "examples": (examples, {"system": "insurance", "stage": "demo"}),
}
_STARTS_AND_ENDS = 2 + 6 * len(Stage)
"""Events of an execution's start and end, and of an entry that ends its stage."""
EVENLY = {stage.value: YEAR // len(Stage) for stage in Stage}


@cache
def machines(app: str) -> dict[str, Machine]:
    """All state machines of an app, wherever in it they are."""
    define, context = APPS[app]
    return {
        f"{name}/{machine}": definition
        for name, stack in synthesize(define, flags=context).stacks.items()
        for machine, definition in stack.state_machines().items()
    }


def machine_of(app: str, comment: str) -> Machine:
    """The one state machine of an app that says so of itself."""
    [machine] = [machine for machine in machines(app).values() if machine.get("Comment", "").startswith(comment)]
    return deepcopy(machine)


def waits(machine: Machine) -> bool:
    return any(waits_for_token(state) for state in machine["States"].values())


@pytest.mark.parametrize("app", APPS)
def test_every_path_is_bounded_and_leads_to_the_end(app: str) -> None:
    assert {name: found for name, machine in machines(app).items() if (found := problems(machine))} == {}


def test_all_kinds_of_state_machines_are_among_them() -> None:
    found = [machine for app in APPS for machine in machines(app).values()]
    comments = [machine.get("Comment", "a team's own").split()[0] for machine in found]
    assert {"Activity", "Workflow", "a"} == set(comments)
    assert any(state["Type"] == "Parallel" for machine in found for state in machine["States"].values())
    assert sum(map(waits, found)) == comments.count("Activity")


def spoil(path: str, value: Any = None) -> Callable[[Machine], None]:
    """Change one value of a state machine, or, with none, take it away."""
    *way, last = path.split("/")

    def change(machine: Machine) -> None:
        place: Any = machine
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value

    return change


SPOILT_ACTIVITIES = [
    (spoil("TimeoutSeconds"), "the state machine has no timeout"),
    (spoil("States/pre after 1 day/TimeoutSeconds"), "pre after 1 day has no timeout"),
    (spoil("States/pre/Retry/1/ErrorEquals", ["States.ALL"]), "pre is tried again when it times out"),
    (spoil("States/post/Retry/1/ErrorEquals", ["States.Timeout"]), "post is tried again when it times out"),
    (spoil("States/post/Retry/1/MaxAttempts"), "post is retried without a bound"),
    (spoil("States/parallel/Catch"), "parallel does not catch the end of its wait"),
    (spoil("States/parallel/Catch/0/Next", "post"), "parallel goes on with post when it times out"),
    (spoil("States/parallel/Catch/0/Next", "post waits on"), "parallel goes on with post when it times out"),
    (spoil("States/parallel waits on/Default", "pre"), "parallel goes on with pre when it times out"),
    (spoil("States/parallel waits on/Default"), "parallel waits on has no default"),
    (spoil("States/parallel waits on/Default", "parallel waits on"), "is followed by choices alone"),
    (spoil("States/parallel/Next"), "parallel has no way on"),
    (spoil("States/parallel/Next", "gone"), "parallel leads to gone, which is not there"),
    (spoil("StartAt", "parallel"), "'pre waits on'] are never reached"),
    (spoil("States/post waits on/Choices/0/Next", "post"), "['post after 10 days'] are never reached"),
    (spoil("States/more", {"Type": "Fail"}), "['more'] are never reached"),
]
SPOILT_WORKFLOWS = [
    (spoil("States/Print/TimeoutSeconds"), "Print has no timeout"),
    (spoil("States/Step 2/Branches/1/States/Check/TimeoutSeconds"), "Step 2: Check has no timeout"),
    (spoil("States/Step 2/Catch"), "Step 2 may fail, and no end_run hears of it"),
    (spoil("States/Print/Catch/0/ErrorEquals", ["States.TaskFailed"]), "Print may fail, and no end_run hears of it"),
    (spoil("States/Print/Catch/0/Next", "End run"), "Print may fail, and no end_run hears of it"),
    (spoil("States/Begin run/Catch"), "Begin run may fail, and no end_run hears of it"),
    (spoil("States/End run/Catch"), "End run may fail, and no end_run hears of it"),
    (spoil("States/Run failed/Next", "End run"), "may fail, and no end_run hears of it"),
    (spoil("States/Step 2/Next", "Begin run"), "Begin run comes back to itself without a wait"),
]


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        *(("Activity Rate", *spoilt) for spoilt in SPOILT_ACTIVITIES),
        *(("Workflow NewBusiness", *spoilt) for spoilt in SPOILT_WORKFLOWS),
    ],
)
def test_what_would_be_wrong_is_seen(kind: str, change: Callable[[Machine], None], told: str) -> None:
    machine = machine_of("deployable", kind)
    assert problems(machine) == []
    change(machine)
    assert any(told in problem for problem in problems(machine)), problems(machine)


@pytest.mark.parametrize("app", APPS)
def test_no_history_is_full_after_a_year(app: str) -> None:
    for name, machine in machines(app).items():
        if waits(machine):
            histories = play(machine), play(machine, stays_open=EVENLY)
            assert all(history.now >= YEAR - len(Stage) for history in histories), name
            most = max(history.events.total() for history in histories)
        else:
            most = most_events_without_waits(machine)
        assert most < MAX_HISTORY_EVENTS, name


def test_the_longest_history_is_what_the_bound_says() -> None:
    """However three stages share a year, in steps of a month; they cost most if they share it evenly."""
    machine = checked_most_often()
    month = YEAR // 12
    events = {
        (pre, parallel): play(machine, stays_open={"pre": pre * month, "parallel": parallel * month}).events.total()
        for pre, parallel in product(range(13), repeat=2)
        if pre + parallel <= 12
    }
    most = max(events.values())
    assert most - events[4, 4] <= EVENTS_PER_WAKE, "the last wake of a stage may fall just before its end"
    bound = most_events(ladder(SHORTEST_CHECK))
    # The bound leaves out the execution's own start and end, and the entries that end a stage.
    assert bound - EVENTS_PER_WAKE * len(Stage) <= most <= bound + _STARTS_AND_ENDS < MAX_HISTORY_EVENTS


def test_what_is_left_of_the_longest_history_is_for_attempts_that_fail() -> None:
    machine = checked_most_often()
    [most] = {most_retries(state) for state in machine["States"].values() if state["Type"] == "Task"}

    def events(failed_attempts: Callable[[int], int]) -> int:
        return play(machine, stays_open=EVENLY, failed_attempts=failed_attempts).events.total()

    left = (MAX_HISTORY_EVENTS - events(lambda _: 0)) // EVENTS_PER_RETRY
    assert len(FAILED_ATTEMPT) == EVENTS_PER_RETRY
    assert left * EVENTS_PER_RETRY >= SPARE_EVENTS - _STARTS_AND_ENDS
    assert events(lambda entry: entry < left) <= MAX_HISTORY_EVENTS < events(lambda entry: entry <= left)
    assert events(lambda entry: most if entry < 9 else 0) < MAX_HISTORY_EVENTS
    assert events(lambda _: 1) > MAX_HISTORY_EVENTS, "then the ladder's assumption can go"


def checked_most_often() -> Machine:
    machine = machine_of("checked often", "Activity")
    assert machine["States"]["pre"]["TimeoutSeconds"] == SHORTEST_CHECK
    return machine
