"""Bad values are refused when the app is synthesized, in a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack, Token
from aws_cdk import aws_ec2 as ec2

from orchestrator_constructs import (
    Activity,
    IActivity,
    OrchestratorCore,
    ParallelStage,
    SequentialStage,
    StageOptions,
    Workflow,
)
from orchestrator_runtime.contract import Handler
from tests.constructs.synthesis import NO_BUNDLING, synthesize

UNKNOWN = Token.as_number({"Ref": "Something"})


@pytest.fixture
def stack() -> Stack:
    return Stack(App(context=dict(NO_BUNDLING)), "S")


def core(stack: Stack, *, system: str = "claims", stage: str = "dev", retention: Duration | None = None) -> object:
    return OrchestratorCore(stack, "C", system=system, stage=stage, retention=retention)


def props(stack: Stack, **given: Any) -> object:
    return OrchestratorCore(stack, "C", system="claims", stage="dev", **given)


def activity(
    stack: Stack,
    id: str = "A",  # noqa: A002
    *,
    name: str = "Rate",
    pre: StageOptions | None = None,
) -> object:
    imported = OrchestratorCore.from_system(stack, f"CoreOf{id}", system="claims", stage="dev")
    return Activity(stack, id, core=imported, name=name, pre=pre)


def found(stack: Stack, name: str = "Rate", *, system: str = "claims") -> IActivity:
    return Activity.from_system(stack, f"{system}-{name}", system=system, stage="dev", name=name)


def workflow(
    stack: Stack,
    *activities: IActivity,
    id: str = "W",  # noqa: A002
    name: str = "Quote",
    timeout: Duration | None = None,
) -> object:
    imported = OrchestratorCore.from_system(stack, f"CoreOf{id}", system="claims", stage="dev")
    return Workflow(stack, id, core=imported, name=name, activities=activities, timeout=timeout)


Define = Callable[[Stack], object]

REFUSED: list[tuple[Define, str]] = [
    (lambda s: core(s, system="aws-x"), "the system name 'aws-x' is not allowed: use 1 to 32 letters"),
    (lambda s: core(s, stage="a_b"), "the stage name 'a_b' is not allowed: use 1 to 32 letters"),
    (
        lambda s: core(s, system="s" * 24, stage="d" * 24),
        "the function name '.*-check-deadlines' has 65 characters, AWS takes 64: choose a shorter system or stage name",
    ),
    (
        lambda s: props(s, reconcile_every=Duration.minutes(4)),
        "reconcile_every is 4 minutes: use a whole number of minutes, 5 or more",
    ),
    (lambda s: props(s, reconcile_every=Duration.seconds(330)), "reconcile_every is 5 minutes 30 seconds: use a whole"),
    (lambda s: props(s, reconcile_every=Duration.minutes(UNKNOWN)), "reconcile_every is a token: use a duration"),
    (lambda s: props(s, plugins_per_stage=0), "plugins_per_stage is 0: use a whole number, 1 or more"),
    (lambda s: props(s, plugins_per_stage=True), "plugins_per_stage is True: use a whole number, 1 or more"),
    (lambda s: props(s, plugin_functions="arn"), r"plugin_functions is 'arn': give a list of ARNs, \['arn'\]"),
    (
        lambda s: props(s, reserved_concurrency={Handler.RECORD_RESULT: 1}),
        "reserved_concurrency of record-result is 1: use a whole number, 2 or more",
    ),
    (
        lambda s: props(s, reserved_concurrency={Handler.BEGIN_RUN: 0}),
        "reserved_concurrency of begin-run is 0: use a whole number, 1 or more",
    ),
    (
        lambda s: props(s, reserved_concurrency={"begin": 5}),
        r"reserved_concurrency has \['begin'\]: use begin-run, open-activity",
    ),
    (
        lambda s: props(s, security_groups=[]),
        "vpc_subnets or security_groups are given without a vpc: give vpc too, or leave them out",
    ),
    (
        lambda s: props(s, vpc=ec2.Vpc(s, "V"), security_groups=[]),
        "security_groups is empty: name at least one, or leave it out and one will be defined",
    ),
    (lambda s: core(s, retention=Duration.hours(30)), "retention is .*: use a whole number of days, 1 or more"),
    (lambda s: core(s, retention=Duration.days(UNKNOWN)), "retention is a token: use a duration that is known"),
    (lambda s: activity(s, name="a/b"), "the activity name 'a/b' is not allowed: use 1 to 64 letters"),
    (
        lambda s: activity(s, pre=StageOptions(timeout=Duration.seconds(0))),
        "timeout of stage pre of activity 'Rate' is 0 s: use a whole number of seconds, 1 or more",
    ),
    (
        lambda s: activity(s, pre=StageOptions(start_within=Duration.millis(1500))),
        "start_within of stage pre of activity 'Rate' is 1500 ms: use a whole number of seconds",
    ),
    (
        lambda s: (activity(s), activity(s, "B")),
        "stage pre of activity 'Rate' is defined twice, as 'S/A/Pre' and as 'S/B/Pre'.*rename one",
    ),
    (lambda s: found(s, "a b"), "the activity name 'a b' is not allowed"),
    (workflow, "workflow 'Quote' has no activities: name at least one"),
    (lambda s: workflow(s, found(s), name="a\n"), "the workflow name 'a\\\\n' is not allowed"),
    (
        lambda s: workflow(
            s,
            *(found(s, name) for name in ("A", "B")),
            Activity.from_system(s, "Again", system="claims", stage="dev", name="A"),
        ),
        r"workflow 'Quote' has activities more than once, \['A'\]: a run goes through each at most once",
    ),
    (
        lambda s: workflow(s, found(s, system="other")),
        r"workflow 'Quote' belongs to 'claims-dev', its activities \['Rate'\] do not: use activities of one core",
    ),
    (
        lambda s: workflow(s, found(s), timeout=Duration.days(366)),
        "timeout of workflow 'Quote' is 31622400 s: use a whole number of seconds, 1 or more and at most 365 days",
    ),
    (
        lambda s: workflow(s, found(s), name="w" * 64),
        "the state machine name '.*' has 84 characters, AWS takes 80: choose a shorter workflow, system or stage",
    ),
    (
        lambda s: found(s).task(s, "Rate", reenter_after=Duration.seconds(0)),
        "reenter_after of task 'Rate' is 0 s: use a whole number of seconds, 1 or more and at most 365 days",
    ),
    (
        lambda s: (workflow(s, activity_ := found(s)), workflow(s, activity_, id="V")),
        "workflow 'Quote' is defined twice, as 'S/W' and as 'S/V'",
    ),
    (
        lambda s: SequentialStage.from_system(
            s, "P", system="claims", stage="dev", activity_name="Rate", position="parallel"
        ),
        "position of a sequential stage is 'parallel': use 'pre' or 'post', or a ParallelStage",
    ),
    (
        lambda s: ParallelStage.from_system(s, "P", system="claims", stage="dev", activity_name=""),
        "the activity name '' is not allowed",
    ),
]


@pytest.mark.parametrize(("define", "problem"), REFUSED, ids=[problem[:40] for _, problem in REFUSED])
def test_refused(stack: Stack, define: Define, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        define(stack)


def test_a_core_is_defined_once_in_an_environment(stack: Stack) -> None:
    core(stack)
    with pytest.raises(ValueError, match="the core of 'claims-dev' is defined twice, as 'S/C' and as 'T/C'"):
        core(Stack(Stack.of(stack).node.root, "T"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("first", "second"), [("dev", "dev-2"), ("dev-2", "dev")])
def test_no_core_is_named_as_the_continuation_of_another(stack: Stack, first: str, second: str) -> None:
    core(stack, stage=first)
    with pytest.raises(ValueError, match=f"named 'claims-{first}' and 'claims-{second}': roles of 'claims-dev' reach"):
        core(Stack(App.of(stack), "T"), stage=second)


def test_cores_may_be_named_alike_otherwise_or_lie_in_another_region() -> None:
    app = App(context=dict(NO_BUNDLING))
    for stage, region in (("dev", "eu-west-1"), ("dev2", "eu-west-1"), ("dev-2", "us-east-1")):
        core(Stack(app, stage, env={"account": "123456789012", "region": region}), stage=stage)


def test_the_same_system_may_be_in_several_regions_of_one_app() -> None:
    app = App(context=dict(NO_BUNDLING))
    for region in ("eu-west-1", "us-east-1"):
        core(Stack(app, region, env={"account": "123456789012", "region": region}))


def test_durations_known_to_cloudformation_alone_are_passed_on() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        activity(stack, pre=StageOptions(timeout=Duration.seconds(UNKNOWN), start_within=Duration.seconds(UNKNOWN)))
        workflow(stack, found(stack), timeout=Duration.seconds(UNKNOWN))

    template = synthesize(define).stacks["S"]
    (stages,) = template.resources("Custom::OrchestratorStages").values()
    (pre,) = [stage for stage in stages["Properties"]["Stages"] if stage["Stage"] == "Rate/pre"]
    assert (pre["TimeoutSeconds"], pre["StartWithinSeconds"]) == ({"Ref": "Something"}, {"Ref": "Something"})
    definition = template.named("claims-dev-workflow-Quote")["Properties"]["DefinitionString"]
    assert {"Ref": "Something"} in definition["Fn::Join"][1]


def test_names_known_to_cloudformation_alone_are_let_through(stack: Stack) -> None:
    name = Token.as_string({"Ref": "Name"})
    assert Activity.from_system(stack, "Named", system="claims", stage="dev", name=name).activity_name == name
