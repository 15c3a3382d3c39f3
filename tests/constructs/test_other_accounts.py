"""Plugins in other accounts: what a core opens to whom, and how it is found from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Token
from aws_cdk import aws_iam as iam

from orchestrator_constructs import Activity, OrchestratorCore, ParallelStage, SequentialStage, Stage
from orchestrator_runtime.contract import Handler
from tests.constructs.apps import define_user
from tests.constructs.synthesis import NO_BUNDLING, StackTemplate, synthesize
from tests.constructs.test_layouts import nag_findings

TEAM, OTHER = "111111111111", "222222222222"
ORGANIZATION = "o-a1b2c3d4e5"
SUBSCRIBE = str(["sns:GetTopicAttributes", "sns:Subscribe"])
CORE_ACCOUNT = "123456789012"


def opened(**props: Any) -> Callable[[App], None]:
    def define(app: App) -> None:
        core = OrchestratorCore(Stack(app, "Core"), "Core", system="claims", stage="dev", **props)
        Activity(Stack(app, "Activities"), "Rate", core=core)

    return define


def principals(accounts: list[str]) -> Any:
    arns = [f"arn:<Partition>:iam::{account}:root" for account in accounts]
    return {"AWS": arns if len(arns) > 1 else arns[0]}


def allowed_by(template: StackTemplate, policy_type: str) -> dict[str, list[dict[str, Any]]]:
    """The statements of resources' policies that allow something, by resource."""
    found: dict[str, list[dict[str, Any]]] = {}
    for policy in template.resources(policy_type).values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                resource = template.readable(statement["Resource"])
                kept = {
                    key: template.readable(statement[key]) for key in statement if key in {"Principal", "Condition"}
                }
                found.setdefault(f"{statement['Action']} {resource}", []).append(kept)
    return found


def callers(template: StackTemplate) -> list[tuple[str, str, str | None]]:
    """Who may call which function, rules apart."""
    return [
        (template.readable(p["FunctionName"]), template.readable(p["Principal"]), p.get("PrincipalOrgID"))
        for permission in template.resources("AWS::Lambda::Permission").values()
        if (p := permission["Properties"])["Principal"] != "events.amazonaws.com"
    ]


DEAD_LETTERS = {
    "sqs:SendMessage <CoreDeadLettersReconciliations264D2C56>",
    "sqs:SendMessage <CoreDeadLettersSweeps0AC0BEB8>",
}


def test_nothing_is_open_by_default() -> None:
    stacks = synthesize(opened()).stacks
    assert set(allowed_by(stacks["Core"], "AWS::SQS::QueuePolicy")) == DEAD_LETTERS
    assert allowed_by(stacks["Activities"], "AWS::SNS::TopicPolicy") == {}
    assert callers(stacks["Core"]) == []


@pytest.mark.parametrize(
    ("props", "expected", "expected_callers"),
    [
        (
            {"plugin_accounts": [TEAM, OTHER, TEAM]},
            [{"Principal": principals([TEAM, OTHER])}],
            [("<claims-dev-register-plugin>", TEAM, None), ("<claims-dev-register-plugin>", OTHER, None)],
        ),
        (
            {"organization_id": ORGANIZATION},
            [{"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}}],
            [("<claims-dev-register-plugin>", "*", ORGANIZATION)],
        ),
        (
            {"plugin_accounts": [TEAM], "organization_id": ORGANIZATION},
            [
                {"Principal": principals([TEAM])},
                {"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": ORGANIZATION}}},
            ],
            [("<claims-dev-register-plugin>", TEAM, None), ("<claims-dev-register-plugin>", "*", ORGANIZATION)],
        ),
    ],
    ids=["accounts", "organization", "both"],
)
def test_topics_results_queue_and_registration_are_opened_and_nothing_else(
    props: dict[str, Any], expected: list[Any], expected_callers: list[Any]
) -> None:
    synthesized = synthesize(opened(**props))
    core, activities = synthesized.stacks["Core"], synthesized.stacks["Activities"]
    queues = allowed_by(core, "AWS::SQS::QueuePolicy")
    assert {name: queues[name] for name in queues.keys() - DEAD_LETTERS} == {
        "sqs:SendMessage <claims-dev-results>": expected
    }
    assert allowed_by(activities, "AWS::SNS::TopicPolicy") == {
        f"{SUBSCRIBE} <claims-dev-Rate-{stage}>": expected for stage in Stage
    }
    assert callers(core) == expected_callers
    assert nag_findings(synthesized.app) == []


@pytest.mark.parametrize("defined", [True, False], ids=["core of this app", "core of another app"])
def test_an_activity_opens_its_stages_as_it_is_told(defined: bool) -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Activities")
        if defined:
            core = OrchestratorCore(Stack(app, "C"), "C", system="claims", stage="dev", plugin_accounts=[OTHER])
        else:
            core = OrchestratorCore.from_system(stack, "C", system="claims", stage="dev")  # type: ignore[assignment]
        Activity(stack, "Rate", core=core, plugin_accounts=[TEAM])

    assert allowed_by(synthesize(define).stacks["Activities"], "AWS::SNS::TopicPolicy") == {
        f"{SUBSCRIBE} <claims-dev-Rate-{stage}>": [{"Principal": principals([TEAM])}] for stage in Stage
    }


def test_an_activity_can_stay_closed() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore(stack, "C", system="claims", stage="dev", plugin_accounts=[OTHER])
        Activity(stack, "Rate", core=core, plugin_accounts=[])

    assert allowed_by(synthesize(define).stacks["S"], "AWS::SNS::TopicPolicy") == {}


def test_stages_can_be_opened_one_by_one() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore.from_system(stack, "C", system="claims", stage="dev")
        SequentialStage(stack, "Pre", core=core, activity_name="Rate", position="pre", plugin_accounts=[TEAM])
        ParallelStage(stack, "Parallel", core=core, activity_name="Rate", organization_id=ORGANIZATION)

    assert set(allowed_by(synthesize(define).stacks["S"], "AWS::SNS::TopicPolicy")) == {
        f"{SUBSCRIBE} <claims-dev-Rate-pre>",
        f"{SUBSCRIBE} <claims-dev-Rate-parallel>",
    }


@pytest.mark.parametrize(
    ("props", "problem"),
    [
        ({"plugin_accounts": ["12345"]}, "plugin_accounts has '12345': use the 12 digits of an AWS account, as text"),
        ({"plugin_accounts": [111111111111]}, "plugin_accounts has 111111111111: use the 12 digits"),
        ({"plugin_accounts": TEAM}, rf"plugin_accounts is '{TEAM}': give a list of accounts, \['{TEAM}'\]"),
        ({"plugin_accounts": [Token.as_string({"Ref": "A"})]}, "plugin_accounts has a token: use accounts that are"),
        ({"organization_id": "ou-1234"}, "organization_id is 'ou-1234': use the id of an AWS organization, such as"),
    ],
)
def test_what_is_no_account_is_refused(stack: Stack, props: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        OrchestratorCore(stack, "Core", system="claims", stage="dev", **props)


def named(stack: Stack, **props: Any) -> Any:
    return OrchestratorCore.from_attributes(
        stack, "Core", **{"system": "claims", "stage": "dev", "account": CORE_ACCOUNT, **props}
    )


def text(stack: Stack, value: str) -> str:
    return str(StackTemplate({"Resources": {}}).readable(stack.resolve(value)))


def test_a_core_is_named_where_ssm_does_not_reach(stack: Stack) -> None:
    core = named(stack, region="eu-central-1")
    here = f"eu-central-1:{CORE_ACCOUNT}"
    assert core.deployment.prefix == "claims-dev"
    for handler in set(Handler) - {Handler.RECORD_RESULT}:
        arn = f"arn:<Partition>:lambda:{here}:function:claims-dev-{handler}"
        assert text(stack, core.function_arn(handler, consumer=stack)) == arn
    queue = f"arn:<Partition>:sqs:{here}:claims-dev-results"
    assert text(stack, core.results_queue_arn(consumer=stack)) == queue
    assert text(stack, core.results_queue.queue_arn) == queue
    url = f"https://sqs.eu-central-1.<URLSuffix>/{CORE_ACCOUNT}/claims-dev-results"
    assert text(stack, core.results_queue.queue_url) == url
    assert text(stack, core.topic_arn_pattern(consumer=stack)) == f"arn:<Partition>:sns:{here}:claims-dev-*"


def test_an_activity_is_named_as_its_core_is(stack: Stack) -> None:
    rate = Activity.from_attributes(stack, "Rate", core=named(stack, region="eu-central-1"))
    here = f"eu-central-1:{CORE_ACCOUNT}"
    for stage in (rate.pre, rate.parallel, rate.post):
        topic = f"arn:<Partition>:sns:{here}:claims-dev-Rate-{stage.position}"
        assert text(stack, stage.topic_arn(consumer=stack)) == text(stack, stage.topic.topic_arn) == topic


def test_an_activity_of_a_core_in_ssm_is_looked_up(stack: Stack) -> None:
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    rate = Activity.from_attributes(stack, "R", core=core, name="Rate")
    of_system = Activity.from_system(stack, "Again", system="claims", stage="dev", name="Rate")
    for one, other in ((rate.pre, of_system.pre), (rate.parallel, of_system.parallel)):
        arns = [stack.resolve(stage.topic_arn(consumer=stack)) for stage in (one, other)]
        assert arns[0] == arns[1]


def test_a_core_is_in_the_stacks_region_unless_it_says_otherwise() -> None:
    environment = Environment(account=TEAM, region="eu-west-1")
    stack = Stack(App(context=dict(NO_BUNDLING)), "Team", env=environment)
    queue = named(stack).results_queue_arn(consumer=stack)
    assert text(stack, queue) == f"arn:<Partition>:sqs:eu-west-1:{CORE_ACCOUNT}:claims-dev-results"


def test_topics_are_matched_where_the_core_lies() -> None:
    app = App(context=dict(NO_BUNDLING))
    claims = Stack(app, "claims-dev", env=Environment(account=CORE_ACCOUNT, region="eu-central-1"))
    team = Stack(app, "Team", env=Environment(account=TEAM, region="eu-west-1"))
    core = OrchestratorCore(claims, "Core", system="claims", stage="dev")
    pattern = text(team, core.topic_arn_pattern(consumer=team))
    assert pattern == f"arn:<Partition>:sns:eu-central-1:{CORE_ACCOUNT}:claims-dev-*"


def test_a_role_of_another_account_may_report() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Team")
        core = named(stack, region="eu-central-1", status_table_arn="arn:aws:dynamodb:eu-central-1:1:table/Status")
        user = define_user(stack)
        core.grant_report(user)
        core.grant_read_status(user)

    (policy,) = synthesize(define).stacks["Team"].resources("AWS::IAM::Policy").values()
    template = StackTemplate({"Resources": {}})
    assert [
        (statement["Action"], template.readable(statement["Resource"]))
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ] == [
        ("sqs:SendMessage", f"arn:<Partition>:sqs:eu-central-1:{CORE_ACCOUNT}:claims-dev-results"),
        (
            ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"],
            "arn:aws:dynamodb:eu-central-1:1:table/Status",
        ),
    ]


@pytest.mark.parametrize(
    "ask",
    [
        lambda core, _: core.status_table,
        lambda core, stack: core.grant_read_status(iam.Role(stack, "R", assumed_by=iam.AnyPrincipal())),
    ],
    ids=["table", "grant"],
)
def test_what_has_no_conventional_name_is_asked_for(stack: Stack, ask: Callable[[Any, Stack], object]) -> None:
    with pytest.raises(
        ValueError, match=r"status table of 'claims-dev' has no conventional name.*set status_table_arn"
    ):
        ask(named(stack), stack)


def test_a_core_in_no_account_is_refused(stack: Stack) -> None:
    with pytest.raises(ValueError, match="account has '1234': use the 12 digits of an AWS account"):
        named(stack, account="1234")


def test_an_account_known_to_cloudformation_alone_is_let_through(stack: Stack) -> None:
    account = Token.as_string({"Ref": "Core"})
    queue = stack.resolve(named(stack, account=account).results_queue_arn(consumer=stack))
    assert {"Ref": "Core"} in queue["Fn::Join"][1]
