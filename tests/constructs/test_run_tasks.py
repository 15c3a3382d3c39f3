"""A state machine of a team's own: the states that it gets, and the permissions of its role, in every layout."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn

from orchestrator_constructs import Activity, IActivity, IOrchestratorCore, OrchestratorCore, Workflow
from orchestrator_constructs.asl import REFERENCE
from orchestrator_constructs.workflow.run_states import RETRY_ACTIVITY, RETRY_BEGIN, RETRY_END
from tests.constructs.synthesis import NO_BUNDLING, StackTemplate, Synthesized, recommended_flags, synthesize

MACHINE = "claims-dev-workflow-Quote"
LAMBDA = "arn:<Partition>:states:::lambda:invoke"


def define_machine(
    stack: Stack, core: IOrchestratorCore, rate: IActivity, *, language: sfn.QueryLanguage, name: str | None = None
) -> None:
    """The example of ``begin_run_task``."""
    begin = core.begin_run_task(stack, "Begin", workflow="Quote", activities=[rate], timeout=Duration.hours(2))
    run = rate.task(stack, "Run Rate")
    end = core.end_run_task(stack, "End", workflow="Quote")
    failed = core.end_run_task(stack, "Failed", workflow="Quote", failed=True)
    failed.next(
        sfn.Choice.jsonata(stack, "Run complete?")
        .when(
            sfn.Condition.jsonata("{% $exists($states.input.error) %}"),
            sfn.Fail.jsonata(stack, "Fail", error="{% $states.input.error %}", cause="{% $states.input.cause %}"),
        )
        .otherwise(sfn.Succeed.jsonata(stack, "Complete"))
    )
    for state in (begin, run, end):
        state.add_catch(failed)
    sfn.StateMachine(
        stack,
        "Machine",
        state_machine_name=name or core.deployment.workflow("Quote"),
        definition_body=sfn.DefinitionBody.from_chainable(begin.next(run).next(end)),
        query_language=language,
        timeout=Duration.hours(2),
    )


def same_stack(app: App, language: sfn.QueryLanguage = sfn.QueryLanguage.JSON_PATH) -> None:
    stack = Stack(app, "Team")
    core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
    define_machine(stack, core, Activity(stack, "Rate", core=core), language=language)


def other_stack(app: App) -> None:
    claims = Stack(app, "claims-dev")
    core = OrchestratorCore(claims, "Core", system="claims", stage="dev")
    define_machine(Stack(app, "Team"), core, Activity(claims, "Rate", core=core), language=sfn.QueryLanguage.JSONATA)


def other_app(app: App) -> None:
    stack = Stack(app, "Team")
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    rate = Activity.from_system(stack, "Rate", system="claims", stage="dev")
    define_machine(stack, core, rate, language=sfn.QueryLanguage.JSONATA)


@pytest.fixture(scope="module")
def template() -> StackTemplate:
    return synthesize(same_stack).stacks["Team"]


@pytest.fixture(scope="module")
def states(template: StackTemplate) -> dict[str, Any]:
    found: dict[str, Any] = template.asl(MACHINE)["States"]
    return found


def test_a_run_begins(states: dict[str, Any]) -> None:
    assert states["Begin"] == {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": LAMBDA,
        "Arguments": {
            "FunctionName": "<claims-dev-begin-run>",
            "Payload": {
                "workflow": "Quote",
                "activities": [["Rate"]],
                "timeout_seconds": 7200,
                "execution": "{% $states.context.Execution.Id %}",
                "input": "{% $states.input %}",
            },
        },
        "TimeoutSeconds": 60,
        "Retry": RETRY_BEGIN,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "Output": "{% $states.result.Payload %}",
        "Next": "Run Rate",
    }


def test_a_run_goes_through_an_activity(states: dict[str, Any]) -> None:
    assert states["Run Rate"] == {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": f"{LAMBDA}.waitForTaskToken",
        "Arguments": {
            "FunctionName": "<claims-dev-open-activity>",
            "Payload": {
                **REFERENCE,
                "activity": "Rate",
                "token": "{% $states.context.Task.Token %}",
                "entered": "{% $states.context.State.EnteredTime %}",
                "retry": "{% $states.context.State.RetryCount %}",
            },
        },
        "TimeoutSeconds": 86_400,
        "Retry": RETRY_ACTIVITY,
        "Catch": [
            {"ErrorEquals": ["States.Timeout"], "Output": "{% $states.input %}", "Next": "Run Rate"},
            {"ErrorEquals": ["States.ALL"], "Next": "Failed"},
        ],
        "Output": "{% $states.input %}",
        "Next": "End",
    }


def test_the_documented_state_for_other_tools_is_the_one_that_is_rendered(states: dict[str, Any]) -> None:
    """SAM and Terraform copy it from the docstring of ``Activity.task``."""
    documented = (Activity.task.__doc__ or "").partition("::\n\n")[2].partition("The role of that state machine")[0]
    text = documented.replace("arn:aws:lambda:…:function:claims-dev-open-activity", "<claims-dev-open-activity>")
    state = json.loads(f"{{{text.replace('arn:aws:', 'arn:<Partition>:')}}}")["Rate"]
    assert state | {"Catch": []} == states["Run Rate"] | {"Catch": []}
    again, failed = states["Run Rate"]["Catch"]
    assert state["Catch"] == [again | {"Next": "Rate"}, failed]


def test_a_run_ends_well(states: dict[str, Any]) -> None:
    assert states["End"] == {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": LAMBDA,
        "Arguments": {
            "FunctionName": "<claims-dev-end-run>",
            "Payload": {
                "workflow": "Quote",
                "uid": REFERENCE["uid"],
                "attempt": REFERENCE["attempt"],
                "execution": "{% $states.context.Execution.Id %}",
            },
        },
        "TimeoutSeconds": 60,
        "Retry": RETRY_END,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "Output": "{% $states.result.Payload %}",
        "End": True,
    }


def test_a_run_ends_badly(states: dict[str, Any]) -> None:
    uid = "{% $exists($states.context.Execution.Input.uid) ? $states.context.Execution.Input.uid : null %}"
    assert states["Failed"] == {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": LAMBDA,
        "Arguments": {
            "FunctionName": "<claims-dev-end-run>",
            "Payload": {
                "workflow": "Quote",
                "uid": uid,
                "execution": "{% $states.context.Execution.Id %}",
                "error": "{% $states.input %}",
            },
        },
        "TimeoutSeconds": 60,
        "Retry": RETRY_END,
        "Output": "{% $states.result.Payload %}",
        "Next": "Run complete?",
    }
    assert states["Run complete?"] == {
        "Type": "Choice",
        "QueryLanguage": "JSONata",
        "Choices": [{"Condition": "{% $exists($states.input.error) %}", "Next": "Fail"}],
        "Default": "Complete",
    }


def test_a_workflow_and_a_machine_of_a_team_invoke_the_core_alike(states: dict[str, Any]) -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        Workflow(stack, "Quote", core=core, activities=[Activity(stack, "Rate", core=core)], timeout=Duration.hours(2))

    of_workflow = synthesize(define).stacks["S"].asl(MACHINE)["States"]
    for mine, theirs in (("Begin", "Begin run"), ("Run Rate", "Rate"), ("End", "End run"), ("Failed", "Run failed")):
        assert states[mine]["Arguments"] == of_workflow[theirs]["Arguments"]
        assert states[mine]["Output"] == of_workflow[theirs]["Output"]
        assert states[mine].get("Retry") == of_workflow[theirs].get("Retry")


def test_states_stand_in_a_machine_in_jsonata_too(template: StackTemplate) -> None:
    def define(app: App) -> None:
        same_stack(app, sfn.QueryLanguage.JSONATA)

    in_jsonata = synthesize(define).stacks["Team"].asl(MACHINE)
    in_jsonpath = template.asl(MACHINE)
    assert (in_jsonata.pop("QueryLanguage"), in_jsonpath.pop("QueryLanguage")) == ("JSONata", "JSONPath")
    for state in in_jsonpath["States"].values():
        assert state.pop("QueryLanguage") == "JSONata"
    assert in_jsonata == in_jsonpath


INVOKE = {"lambda:InvokeFunction"}


def may(synthesized: Synthesized) -> dict[str, set[str]]:
    stack = synthesized.stacks["Team"]
    return stack.allowed(stack.named(MACHINE))


def conventional(service: str, resource: str) -> str:
    return f"arn:<Partition>:{service}:<Region>:<AccountId>:{resource}"


LAYOUTS = [
    pytest.param(
        same_stack,
        ("<claims-dev-begin-run>", "<claims-dev-open-activity>", "<claims-dev-end-run>"),
        id="same stack",
    ),
    pytest.param(
        other_stack,
        (
            conventional("lambda", "function:claims-dev-begin-run"),
            conventional("lambda", "function:claims-dev-open-activity"),
            conventional("lambda", "function:claims-dev-end-run"),
        ),
        id="other stack",
    ),
    pytest.param(
        other_app,
        (
            "</claims/dev/core/begin-run-arn>",
            "</claims/dev/core/open-activity-arn>",
            "</claims/dev/core/end-run-arn>",
        ),
        id="other app",
    ),
]


@pytest.mark.parametrize(("define", "resources"), LAYOUTS)
def test_the_role_may_invoke_three_functions_of_the_core_and_nothing_else(
    define: Any, resources: tuple[str, str, str]
) -> None:
    synthesized = synthesize(define, flags=recommended_flags())
    allowed = may(synthesized)
    assert [allowed.pop(function) for function in resources] == [INVOKE] * 3
    # The CDK grants versions and aliases, too, of which the core has none.
    assert [allowed.pop(f"{function}:*") for function in resources] == [INVOKE] * 3
    assert allowed == {}
    for stack in synthesized.stacks.values():
        assert "Fn::ImportValue" not in json.dumps(stack.body)


def test_a_wait_may_be_longer(stack: Stack) -> None:
    rate = Activity.from_system(stack, "Rate", system="claims", stage="dev")
    state = rate.task(stack, "Run Rate", reenter_after=Duration.days(7))
    assert stack.resolve(state.to_state_json())["TimeoutSeconds"] == 7 * 86_400


def test_the_core_is_deployed_before_its_user() -> None:
    assert synthesize(other_stack).dependencies["Team"] == {"claims-dev"}


@pytest.mark.parametrize("name", ["Quote", "claims-dev-workflow-Other"])
def test_a_machine_of_another_name_is_refused(name: str) -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Team")
        core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
        rate = Activity.from_system(stack, "Rate", system="claims", stage="dev")
        define_machine(stack, core, rate, language=sfn.QueryLanguage.JSONATA, name=name)

    with pytest.raises(
        RuntimeError, match="begins runs of workflow 'Quote', and no state machine of this app is named"
    ):
        synthesize(define)


@pytest.fixture
def stack() -> Stack:
    return Stack(App(context=dict(NO_BUNDLING)), "S")


def test_activities_side_by_side_begin(stack: Stack) -> None:
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    rate, check, show = (Activity.from_attributes(stack, name, core=core) for name in ("Rate", "Check", "Print"))
    state = core.begin_run_task(stack, "Begin", workflow="Quote", activities=[[rate, check], show])
    payload = stack.resolve(state.to_state_json())["Arguments"]["Payload"]
    assert payload["activities"] == [["Rate", "Check"], ["Print"]]
    assert payload["timeout_seconds"] == 30 * 86_400


@pytest.mark.parametrize(
    ("props", "problem"),
    [
        ({"workflow": "a b"}, "the workflow name 'a b' is not allowed"),
        ({"workflow": "W" * 64}, "the state machine name '.*' has 84 characters, AWS takes 80"),
        ({"activities": []}, "workflow 'Quote' has no activities"),
        ({"timeout": Duration.days(366)}, "timeout of workflow 'Quote' is 31622400 s: use a whole number of seconds"),
        ({"expected_duration": Duration.days(30)}, "expected_duration of workflow 'Quote' is 2592000 s, and a run is"),
    ],
)
def test_what_no_run_can_begin_with_is_refused(stack: Stack, props: dict[str, Any], problem: str) -> None:
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    rate = Activity.from_attributes(stack, "Rate", core=core)
    with pytest.raises(ValueError, match=problem):
        core.begin_run_task(stack, "Begin", **{"workflow": "Quote", "activities": [rate], **props})


def test_what_is_expected_of_the_runs_is_published_once(stack: Stack) -> None:
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    rate = Activity.from_attributes(stack, "Rate", core=core)

    def begin(id: str) -> None:  # noqa: A002
        expected = Duration.minutes(5)
        core.begin_run_task(stack, id, workflow="Quote", activities=[rate], expected_duration=expected)

    begin("Begin")
    published = stack.node.find_child("BeginExpected").node.find_child("expected-seconds")
    parameter = published.node.default_child
    assert isinstance(parameter, ssm.CfnParameter)
    assert (parameter.name, parameter.value) == ("/claims/dev/workflows/Quote/expected-seconds", "300")
    with pytest.raises(ValueError, match="expected_duration of workflow 'Quote' is defined twice"):
        begin("Again")


def test_an_end_of_a_bad_name_is_refused(stack: Stack) -> None:
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    with pytest.raises(ValueError, match="the workflow name '' is not allowed"):
        core.end_run_task(stack, "End", workflow="")
