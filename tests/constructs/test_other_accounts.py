"""Plugins in other accounts: what a core opens to whom, and how it is found from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Token
from aws_cdk import aws_iam as iam

from orchestrator_constructs import Activity, OrchestratorCore, ParallelStage, SequentialStage, Stage
from orchestrator_runtime.contract import Handler
from tests.constructs.apps import define_user
from tests.constructs.resource_policies import CORE_ACCOUNT, statements
from tests.constructs.synthesis import NO_BUNDLING, StackTemplate, synthesize
from tests.constructs.test_layouts import nag_findings

TEAM, OTHER = "111111111111", "222222222222"
ORGANIZATION = "o-a1b2c3d4e5"
STRANGER = "999999999999"
FUNCTION = f"arn:aws:lambda:eu-west-1:{TEAM}:function:score"
QUEUE = f"arn:aws:sqs:eu-west-1:{TEAM}:score"
MEMBER = {"aws:PrincipalOrgID": ORGANIZATION}


def opened(**props: Any) -> Callable[[App], None]:
    def define(app: App) -> None:
        core = OrchestratorCore(Stack(app, "Core"), "Core", system="claims", stage="dev", **props)
        Activity(Stack(app, "Activities"), "Rate", core=core)

    return define


def admitted(
    template: StackTemplate, account: str, request: Mapping[str, str] | None = None, *, by_itself: bool = False
) -> set[str]:
    """What a role of an account may do with the resources of a template."""
    return {
        f"{action} {resource}"
        for statement in statements(template)
        if statement.type != "AWS::IAM::Role"
        and (statement.admits_by_itself if by_itself else statement.admits)(account, request or {})
        for action in statement.actions
        for resource in statement.resources
    }


def subscribes(activities: StackTemplate, account: str, protocol: str, endpoint: str, **more: str) -> bool:
    """Whether a role of an account may subscribe an endpoint to the stages, all of them or none."""
    request = {**MEMBER, "sns:Protocol": protocol, "sns:Endpoint": endpoint, **more}
    topics = {action for action in admitted(activities, account, request) if action.startswith("sns:Subscribe ")}
    assert topics in (set(), {f"sns:Subscribe <claims-dev-Rate-{stage}>" for stage in Stage})
    return bool(topics)


OF_CORE = {"sqs:SendMessage <claims-dev-results>", "lambda:InvokeFunction <claims-dev-register-plugin>"}
OF_STAGES = {f"sns:GetTopicAttributes <claims-dev-Rate-{stage}>" for stage in Stage}


@pytest.mark.parametrize("account", [TEAM, STRANGER, CORE_ACCOUNT])
def test_nothing_is_open_by_default(account: str) -> None:
    stacks = synthesize(opened()).stacks
    for template in stacks.values():
        assert admitted(template, account, MEMBER) == set()


@pytest.mark.parametrize(
    ("props", "let_in"),
    [
        ({"plugin_accounts": [TEAM, OTHER, TEAM]}, {TEAM, OTHER}),
        ({"organization_id": ORGANIZATION}, {TEAM, OTHER, STRANGER}),
        ({"plugin_accounts": [TEAM], "organization_id": ORGANIZATION}, {TEAM, OTHER, STRANGER}),
    ],
    ids=["accounts", "organization", "both"],
)
def test_topics_results_queue_and_registration_are_opened_and_nothing_else(
    props: dict[str, Any], let_in: set[str]
) -> None:
    synthesized = synthesize(opened(**props))
    core, activities = synthesized.stacks["Core"], synthesized.stacks["Activities"]
    for account in (TEAM, OTHER, STRANGER):
        assert admitted(core, account, MEMBER) == (OF_CORE if account in let_in else set())
        assert admitted(activities, account, MEMBER) == (OF_STAGES if account in let_in else set())
        function = f"arn:aws:lambda:eu-west-1:{account}:function:score"
        assert subscribes(activities, account, "lambda", function) == (account in let_in)
    assert nag_findings(synthesized.app) == []


def test_accounts_of_other_organizations_stay_out() -> None:
    stacks = synthesize(opened(organization_id=ORGANIZATION)).stacks
    for request in ({}, {"aws:PrincipalOrgID": "o-zzzzzzzzzz"}):
        assert admitted(stacks["Core"], TEAM, request) == set()
        assert admitted(stacks["Activities"], TEAM, request) == set()
        assert not subscribes(stacks["Activities"], TEAM, "lambda", FUNCTION, **{"aws:PrincipalOrgID": "", **request})


def test_a_role_of_the_cores_own_account_needs_rights_of_its_own() -> None:
    """A statement for everybody admits roles of the resource's account whatever their own policies are."""
    stacks = synthesize(opened(plugin_accounts=[TEAM], organization_id=ORGANIZATION)).stacks
    request = {
        **MEMBER,
        "sns:Protocol": "lambda",
        "sns:Endpoint": f"arn:aws:lambda:eu-west-1:{CORE_ACCOUNT}:function:score",
    }
    for template in stacks.values():
        assert admitted(template, CORE_ACCOUNT, request, by_itself=True) == set()


@pytest.mark.parametrize("props", [{"plugin_accounts": [TEAM]}, {"organization_id": ORGANIZATION}])
@pytest.mark.parametrize(
    ("protocol", "endpoint", "allowed"),
    [
        ("lambda", FUNCTION, True),
        ("lambda", f"{FUNCTION}:live", True),
        ("sqs", QUEUE, True),
        ("lambda", f"arn:aws:lambda:eu-west-1:{OTHER}:function:score", False),
        ("lambda", f"arn:aws:lambda:eu-west-1:{CORE_ACCOUNT}:function:claims-dev-cancel-run", False),
        ("sqs", f"arn:aws:sqs:eu-west-1:{OTHER}:score", False),
        ("sqs", f"arn:aws:sqs:eu-west-1:{CORE_ACCOUNT}:claims-dev-results", False),
        ("lambda", FUNCTION.replace("eu-west-1", "us-east-1"), False),
        ("lambda", f"arn:aws:lambda:eu-west-1:{OTHER}:function:{TEAM}:function:score", False),
        ("sqs", f"arn:aws:sqs:eu-west-1:{OTHER}:{TEAM}:score", False),
        ("firehose", f"arn:aws:firehose:eu-west-1:{TEAM}:deliverystream/score", False),
        ("application", f"arn:aws:sns:eu-west-1:{TEAM}:endpoint/APNS/app/1", False),
        ("https", "https://score.example.com", False),
        ("https", f"https://score.example.com/{FUNCTION}", False),
        ("http", "http://score.example.com", False),
        ("email", "somebody@example.com", False),
        ("email-json", "somebody@example.com", False),
        ("sms", "+15550100", False),
    ],
)
def test_a_member_subscribes_functions_and_queues_of_its_own(
    props: dict[str, Any], protocol: str, endpoint: str, allowed: bool
) -> None:
    activities = synthesize(opened(**props)).stacks["Activities"]
    assert subscribes(activities, TEAM, protocol, endpoint) == allowed


@pytest.mark.parametrize("props", [{"plugin_accounts": [TEAM]}, {"organization_id": ORGANIZATION}])
def test_protocols_are_opened_one_by_one(props: dict[str, Any]) -> None:
    opens = opened(**props, plugin_protocols=["lambda", "https", "firehose", "lambda"])
    activities = synthesize(opens).stacks["Activities"]
    stream = f"arn:aws:firehose:eu-west-1:{TEAM}:deliverystream/score"
    assert subscribes(activities, TEAM, "lambda", FUNCTION)
    assert subscribes(activities, TEAM, "https", "https://score.example.com")
    assert subscribes(activities, TEAM, "firehose", stream)
    assert not subscribes(activities, TEAM, "firehose", stream.replace(TEAM, OTHER))
    assert not subscribes(activities, TEAM, "lambda", FUNCTION.replace(TEAM, OTHER))
    assert not subscribes(activities, TEAM, "sqs", QUEUE)
    assert not subscribes(activities, TEAM, "email", "somebody@example.com")


def test_a_function_has_either_permissions_or_one_policy() -> None:
    """CloudFormation's two resource types overwrite each other's statements."""
    types = {"AWS::Lambda::Permission", "AWS::Lambda::ResourcePolicy"}
    for props in ({"plugin_accounts": [TEAM]}, {"plugin_accounts": [TEAM], "organization_id": ORGANIZATION}):
        of_function = [
            statement.type
            for statement in statements(synthesize(opened(**props)).stacks["Core"])
            if "<claims-dev-register-plugin>" in statement.resources and statement.type in types
        ]
        assert len(set(of_function)) == 1


def lets_in(activities: StackTemplate) -> set[str]:
    return {account for account in (TEAM, OTHER) if admitted(activities, account)}


@pytest.mark.parametrize("defined", [True, False], ids=["core of this app", "core of another app"])
def test_an_activity_opens_its_stages_as_it_is_told(defined: bool) -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Activities")
        if defined:
            core = OrchestratorCore(
                Stack(app, "C"), "C", system="claims", stage="dev", plugin_accounts=[OTHER], plugin_protocols=["sqs"]
            )
        else:
            core = OrchestratorCore.from_system(stack, "C", system="claims", stage="dev")  # type: ignore[assignment]
        Activity(stack, "Rate", core=core, plugin_accounts=[TEAM])

    activities = synthesize(define).stacks["Activities"]
    assert lets_in(activities) == {TEAM}
    assert subscribes(activities, TEAM, "sqs", QUEUE)
    assert subscribes(activities, TEAM, "lambda", FUNCTION) == (not defined)


def test_an_activity_can_stay_closed() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore(stack, "C", system="claims", stage="dev", plugin_accounts=[OTHER])
        Activity(stack, "Rate", core=core, plugin_accounts=[])

    assert admitted(synthesize(define).stacks["S"], OTHER) == OF_CORE


def test_stages_can_be_opened_one_by_one() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore.from_system(stack, "C", system="claims", stage="dev")
        SequentialStage(
            stack,
            "Pre",
            core=core,
            activity_name="Rate",
            position="pre",
            plugin_accounts=[TEAM],
            plugin_protocols=["sqs"],
        )
        ParallelStage(
            stack,
            "Parallel",
            core=core,
            activity_name="Rate",
            organization_id=ORGANIZATION,
            plugin_protocols=["lambda"],
        )

    template = synthesize(define).stacks["S"]
    pre, parallel = "<claims-dev-Rate-pre>", "<claims-dev-Rate-parallel>"
    with_queue = {**MEMBER, "sns:Protocol": "sqs", "sns:Endpoint": QUEUE}
    with_function = {**MEMBER, "sns:Protocol": "lambda", "sns:Endpoint": FUNCTION}
    attributes = {f"sns:GetTopicAttributes {pre}", f"sns:GetTopicAttributes {parallel}"}
    assert admitted(template, TEAM, with_queue) == {*attributes, f"sns:Subscribe {pre}"}
    assert admitted(template, TEAM, with_function) == {*attributes, f"sns:Subscribe {parallel}"}


@pytest.mark.parametrize(
    ("props", "problem"),
    [
        ({"plugin_accounts": ["12345"]}, "plugin_accounts has '12345': use the 12 digits of an AWS account, as text"),
        ({"plugin_accounts": [111111111111]}, "plugin_accounts has 111111111111: use the 12 digits"),
        ({"plugin_accounts": TEAM}, rf"plugin_accounts is '{TEAM}': give a list of accounts, \['{TEAM}'\]"),
        ({"plugin_accounts": [Token.as_string({"Ref": "A"})]}, "plugin_accounts has a token: use accounts that are"),
        ({"organization_id": "ou-1234"}, "organization_id is 'ou-1234': use the id of an AWS organization, such as"),
        ({"plugin_protocols": "sqs"}, r"plugin_protocols is 'sqs': give a list of protocols, \['sqs'\]"),
        ({"plugin_protocols": []}, "plugin_protocols is empty: name a protocol, or leave plugin_accounts and"),
        ({"plugin_protocols": ["sqs", "ftp"]}, r"plugin_protocols has \['ftp'\]: use protocols of SNS, which are la"),
    ],
)
def test_what_is_no_account_or_protocol_is_refused(stack: Stack, props: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        OrchestratorCore(stack, "Core", system="claims", stage="dev", **props)


def test_the_own_account_is_no_other_account() -> None:
    app = App(context=dict(NO_BUNDLING))
    stack = Stack(app, "S", env=Environment(account=TEAM, region="eu-west-1"))
    problem = f"plugin_accounts has '{TEAM}', the account of 'S/Core' itself: leave it out"
    with pytest.raises(ValueError, match=problem):
        OrchestratorCore(stack, "Core", system="claims", stage="dev", plugin_accounts=[TEAM])


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
