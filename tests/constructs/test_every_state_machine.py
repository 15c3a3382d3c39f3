"""All state machines that the constructs synthesize: every wait in them is bounded, and so is their history.

They are found in the templates, not listed: one that is added later is walked as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_stepfunctions as sfn

import app as deployable
from examples.insurance.documents import app as documents
from examples.insurance.platform import app as platform
from examples.insurance.underwriting import app as underwriting
from orchestrator_constructs import Activity, OrchestratorCore, Workflow
from orchestrator_constructs.workflow.task_timeout import MAX_HISTORY_EVENTS
from tests.constructs import apps
from tests.constructs.state_machine_history import FOR_EVER, play
from tests.constructs.state_machine_paths import branches, problems, waits_for_token
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
    failed.next(
        sfn.Choice.jsonata(stack, "Run complete?")
        .when(
            sfn.Condition.jsonata("{% $exists($states.input.error) %}"),
            sfn.Fail.jsonata(stack, "Fail", error="{% $states.input.error %}", cause="{% $states.input.cause %}"),
        )
        .otherwise(sfn.Succeed.jsonata(stack, "Complete"))
    )
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


def a_year(app: App) -> None:
    """Runs that may take a year: of one activity, and of fifty side by side."""
    stack = Stack(app, "Long")
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    many = [Activity.from_attributes(stack, f"A{number}", core=core) for number in range(50)]
    for name, activities in (("One", many[:1]), ("Fifty", [many])):
        Workflow(stack, name, core=core, activities=activities, timeout=Duration.days(365))


def examples(app: App) -> None:
    """The apps of the example's three teams, as one."""
    for team in (platform, underwriting, documents):
        team.build(app)


APPS: dict[str, tuple[Callable[[App], object], Mapping[str, Any]]] = {
    "deployable": (deployable.define, CONTEXT),
    "three stacks": (apps.three_stacks, {}),
    "every prop": (apps.every_prop, {}),
    "a team's own": (own_machine, {}),
    "a year": (a_year, {}),
    "examples": (examples, {"system": "insurance", "stage": "demo"}),
}


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


def tasks_that_wait(flow: Mapping[str, Any]) -> list[tuple[str, Machine]]:
    """Those of a state machine, in its branches too."""
    of_branches = [
        found for state in flow["States"].values() for branch in branches(state) for found in tasks_that_wait(branch)
    ]
    return [*((name, state) for name, state in flow["States"].items() if waits_for_token(state)), *of_branches]


@pytest.mark.parametrize("app", APPS)
def test_every_path_is_bounded_and_leads_to_the_end(app: str) -> None:
    assert {name: found for name, machine in machines(app).items() if (found := problems(machine))} == {}


def test_all_kinds_of_state_machines_are_among_them() -> None:
    found = [machine for app in APPS for machine in machines(app).values()]
    comments = [machine.get("Comment", "a team's own").split()[0] for machine in found]
    assert set(comments) == {"Workflow", "a"}
    assert any(state["Type"] == "Parallel" for machine in found for state in machine["States"].values())
    assert all(map(tasks_that_wait, found))


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


IN_A_BRANCH = "States/Step 2/Branches/1/States/Check"
SPOILT = [
    (spoil("TimeoutSeconds"), "the state machine has no timeout"),
    (spoil("States/Print/TimeoutSeconds"), "Print has no timeout"),
    (spoil(f"{IN_A_BRANCH}/TimeoutSeconds"), "Step 2: Check has no timeout"),
    (spoil("States/Print/Retry/2/ErrorEquals", ["States.ALL"]), "Print is retried after a timeout"),
    (spoil(f"{IN_A_BRANCH}/Retry/2/ErrorEquals", ["States.Timeout"]), "Check is retried after a timeout"),
    (spoil("States/Print/Retry/1/MaxAttempts"), "Print is retried without a bound"),
    (spoil(f"{IN_A_BRANCH}/Catch"), "Step 2: Check does not catch its timeout"),
    (spoil("States/Print/Catch/0/Next", "Validate"), "Print goes on with Validate after a timeout"),
    (spoil("States/Print/Catch/0/Output"), "Print does not hand on its input"),
    (spoil("States/Print/Output", "{% $states.result %}"), "Print does not hand on its input"),
    (spoil("States/Print/Next"), "Print has no way on"),
    (spoil("States/Print/Next", "gone"), "Print leads to gone, which is not there"),
    (spoil("StartAt", "Print"), "['Begin run', 'Step 2', 'Validate'] are never reached"),
    (spoil("States/more", {"Type": "Fail"}), "['more'] are never reached"),
    (spoil("States/Step 2/Catch"), "Step 2 may fail without an end_run after it"),
    (spoil("States/Print/Catch/1/ErrorEquals", ["States.TaskFailed"]), "Print may fail without an end_run after it"),
    (spoil("States/Print/Catch/1/Next", "End run"), "Print may fail without an end_run after it"),
    (spoil("States/Begin run/Catch"), "Begin run may fail without an end_run after it"),
    (spoil("States/End run/Catch"), "End run may fail without an end_run after it"),
    (spoil("States/Run failed/Next", "Fail run"), "Run failed may fail without an end_run after it"),
    (spoil("States/Run complete?/Default", "Fail run"), "Run failed may fail without an end_run after it"),
    (spoil("States/Run complete?/Default"), "Run complete? has no default"),
    (spoil("States/Run complete?/Default", "Run failed"), "Run failed comes back to itself without a wait"),
]


@pytest.mark.parametrize(("change", "told"), SPOILT)
def test_what_would_be_wrong_is_seen(change: Callable[[Machine], None], told: str) -> None:
    machine = machine_of("deployable", "Workflow NewBusiness")
    assert problems(machine) == []
    change(machine)
    assert any(told in problem for problem in problems(machine)), problems(machine)


@pytest.mark.parametrize("app", APPS)
def test_no_history_is_full_at_the_timeout_of_a_run(app: str) -> None:
    """Whichever activity takes all the time, or all of them side by side, with a failed attempt in each entry."""
    for name, machine in machines(app).items():
        if any(state["Type"] == "Choice" and key != "Run complete?" for key, state in machine["States"].items()):
            continue  # A path of a team's own, which is its own to bound.
        activities = {activity for activity, _ in tasks_that_wait(machine)}
        for step in [*({activity} for activity in activities), activities]:
            history = play(machine, takes=dict.fromkeys(step, FOR_EVER), failed_attempts=1)
            assert history.now == machine["TimeoutSeconds"]
            assert history.events.total() < MAX_HISTORY_EVENTS, name


def test_a_run_of_a_year_enters_its_states_again_without_filling_its_history() -> None:
    for comment, wait in (("Workflow One", 1), ("Workflow Fifty", 7)):
        machine = machine_of("a year", comment)
        assert {state["TimeoutSeconds"] for _, state in tasks_that_wait(machine)} == {wait * 86_400}
