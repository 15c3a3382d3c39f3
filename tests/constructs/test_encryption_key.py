"""A customer managed key: everything that holds data names it, and its policy lets in who needs it and no one else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from orchestrator_constructs import (
    Activity,
    OrchestratorCore,
    Plugin,
    QueuePlugin,
    Workflow,
    WorkflowMonitoring,
)
from tests.constructs.plugin_stacks import bare_role, define_function, lint
from tests.constructs.resource_policies import CORE_ACCOUNT, Statement, statements
from tests.constructs.synthesis import NO_BUNDLING, PROJECT, StackTemplate, synthesize

TEAM, STRANGER = "111111111111", "999999999999"
ORGANIZATION: Final = "o-a1b2c3d4e5"
MEMBER: Final = {"aws:PrincipalOrgID": ORGANIZATION}
HERE: Final = Environment(account=CORE_ACCOUNT, region="eu-west-1")
PUBLISHED: Final = "/claims/dev/core/encryption-key-arn"
GIVEN: Final = f"arn:aws:kms:eu-west-1:{CORE_ACCOUNT}:key/given"


def defined_key(stack: Stack) -> kms.IKey:
    return kms.Key(stack, "Key")


def imported_key(stack: Stack) -> kms.IKey:
    return kms.Key.from_key_arn(stack, "Key", GIVEN)


def no_key(stack: Stack) -> None:
    del stack


def estate(key: Callable[[Stack], kms.IKey | None], **props: Any) -> Callable[[App], None]:
    """A core with everything that one app may define for it, in two stacks."""

    def define(app: App) -> None:
        stack = Stack(app, "Platform", env=HERE)
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev", encryption_key=key(stack), **props)
        rate = Activity(stack, "Rate", core=core)
        Workflow(stack, "NewBusiness", core=core, activities=[rate])
        WorkflowMonitoring(stack, "Monitoring", core=core)
        team = Stack(app, "Team", env=HERE)
        issue = Activity(team, "Issue", core=core)
        for stage in (rate.parallel, issue.parallel):
            define_plugins(team, stage.activity_name, stage)

    return define


def define_plugins(team: Stack, of: str, stage: Any, **props: Any) -> None:
    def function(name: str) -> Any:
        return define_function(team, f"{of}{name}", role=bare_role(team, f"{of}{name}Role"))

    Plugin(team, f"{of}Once", stage=stage, function=function("Once"), idempotent=False, **props)
    QueuePlugin(team, f"{of}Queued", stage=stage, function=function("Queued"), idempotent=False, **props)
    QueuePlugin(team, f"{of}InOrder", stage=stage, function=function("InOrder"), fifo=True, **props)
    QueuePlugin(team, f"{of}Outside", stage=stage, **props).grant_consume(
        bare_role(team, f"{of}OutsideRole", "ecs-tasks.amazonaws.com")
    )


def keys_of(template: StackTemplate) -> dict[str, Any]:
    """The key of each resource that holds data, readable; ``None`` if it is left to a default."""
    found: dict[str, Any] = {}
    for resource_type in ("AWS::SQS::Queue", "AWS::SNS::Topic"):
        for logical_id, resource in template.resources(resource_type).items():
            found[logical_id] = template.readable(resource["Properties"].get("KmsMasterKeyId"))
            assert found[logical_id] is None or "SqsManagedSseEnabled" not in resource["Properties"]
    for logical_id, resource in template.resources("AWS::DynamoDB::GlobalTable").items():
        (replica,) = resource["Properties"]["Replicas"]
        assert resource["Properties"]["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        found[logical_id] = template.readable(replica.get("SSESpecification", {}).get("KMSMasterKeyId"))
    return found


def test_everything_that_holds_data_names_the_key() -> None:
    stacks = synthesize(estate(defined_key)).stacks
    (key,) = stacks["Platform"].resources("AWS::KMS::Key")
    platform, team = keys_of(stacks["Platform"]), keys_of(stacks["Team"])
    assert set(platform.values()) == {f"<{key}>"}
    assert set(team.values()) == {f"<{PUBLISHED}>"}
    # Three tables, the results queue, four dead-letter queues, three topics and the alerts.
    assert len(platform) == 12
    # Of the activity, three topics; of each activity's plugins two tables and eight queues.
    assert len(team) == 3 + 2 * 10


def test_no_stack_is_locked_to_the_key() -> None:
    stacks = synthesize(estate(defined_key)).stacks
    assert "Fn::ImportValue" not in json.dumps([template.body for template in stacks.values()])


def test_without_a_key_nothing_names_one_but_the_alerts() -> None:
    stacks = synthesize(estate(no_key)).stacks
    found = {name: key for template in stacks.values() for name, key in keys_of(template).items()}
    (alerts,) = stacks["Platform"].resources("AWS::KMS::Key")
    of_topics = f"arn:<Partition>:kms:eu-west-1:{CORE_ACCOUNT}:alias/aws/sns"
    assert set(found.values()) == {None, f"<{alerts}>", of_topics}
    assert PUBLISHED not in json.dumps([template.body for template in stacks.values()])


def key_statements(**props: Any) -> list[Statement]:
    template = synthesize(estate(defined_key, **props)).stacks["Platform"]
    return [statement for statement in statements(template) if statement.type == "AWS::KMS::Key"]


def uses(found: list[Statement], account: str, *, by_itself: bool = False, **request: str) -> set[str]:
    """What a principal of an account may do with the key."""
    context = {"kms:CallerAccount": account, **{key.replace("_", ":", 1): value for key, value in request.items()}}
    return {
        action
        for statement in found
        if (statement.admits_by_itself if by_itself else statement.admits)(account, context)
        for action in statement.actions
    }


@pytest.mark.parametrize("service", ["dynamodb", "sns", "sqs"])
def test_principals_of_the_account_use_the_key_through_services_that_check_their_rights(service: str) -> None:
    through = f"{service}.eu-west-1.amazonaws.com"
    allowed = uses(key_statements(), CORE_ACCOUNT, by_itself=True, kms_ViaService=through)
    assert allowed >= {"kms:Decrypt", "kms:GenerateDataKey"}
    assert not {action for action in allowed if action in {"kms:*", "kms:CreateGrant", "kms:PutKeyPolicy"}}


@pytest.mark.parametrize("through", [None, "s3.eu-west-1.amazonaws.com", "sqs.us-east-1.amazonaws.com"])
def test_no_principal_without_a_right_of_its_own_uses_the_key_in_any_other_way(through: str | None) -> None:
    found = key_statements(plugin_accounts=[TEAM], organization_id=ORGANIZATION)
    request = {} if through is None else {"kms_ViaService": through}
    for account in (CORE_ACCOUNT, TEAM, STRANGER):
        assert uses(found, account, by_itself=True, **request, aws_PrincipalOrgID=ORGANIZATION) == set()


@pytest.mark.parametrize(
    ("props", "let_in"),
    [
        ({}, set()),
        ({"plugin_accounts": [TEAM]}, {TEAM}),
        ({"organization_id": ORGANIZATION}, {TEAM, STRANGER}),
    ],
)
def test_other_accounts_use_the_key_to_send_reports_if_they_may(props: dict[str, Any], let_in: set[str]) -> None:
    found = key_statements(**props)
    for account in (TEAM, STRANGER):
        for service in ("sqs", "sns", "dynamodb"):
            through = f"{service}.eu-west-1.amazonaws.com"
            allowed = uses(found, account, kms_ViaService=through, aws_PrincipalOrgID=ORGANIZATION)
            expected = {"kms:Decrypt", "kms:GenerateDataKey"} if account in let_in and service == "sqs" else set()
            assert allowed == expected


@pytest.mark.parametrize(
    ("service", "condition"),
    [
        ("sns", {"ArnLike": {"aws:SourceArn": [f"arn:aws:sns:eu-west-1:{CORE_ACCOUNT}:claims-dev-*"]}}),
        ("events", {"StringEquals": {"aws:SourceAccount": [CORE_ACCOUNT]}}),
        ("cloudwatch", {"StringEquals": {"aws:SourceAccount": [CORE_ACCOUNT]}}),
    ],
)
def test_services_deliver_for_this_deployment(service: str, condition: dict[str, Any]) -> None:
    (statement,) = [s for s in key_statements() if s.principal == {"Service": [f"{service}.amazonaws.com"]}]
    assert [action.rstrip("*") for action in statement.actions] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement.conditions == condition


def test_an_imported_key_needs_what_is_documented_and_synthesis_names_it() -> None:
    page = (PROJECT / "docs" / "operations.md").read_text()
    written = re.search(r"<!-- the policy of an imported key -->\n```json\n(.*?)```", page, re.S)
    assert written
    documented = json.loads(written[1])
    opened: dict[str, Any] = {"plugin_accounts": [TEAM], "organization_id": ORGANIZATION}
    added = [statement for statement in key_statements(**opened) if statement.actions != ["kms:*"]]
    assert [facts(statement) for statement in of_policy(documented)] == [facts(statement) for statement in added]
    warnings = key_warnings(synthesize(estate(imported_key, **opened)).app)
    assert warnings["Platform/Core"] + warnings["Platform/Monitoring/Alerts"] == documented
    # What else names the core's key relies on the policy that the core warns of.
    assert set(warnings) == {"Platform/Core", "Platform/Monitoring/Alerts"}


@pytest.mark.parametrize("of", ["Core", "Rate", "Once", "Queued", "Alerts"])
def test_every_construct_warns_of_an_imported_key(of: str) -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S", env=HERE)
        key = imported_key(stack)
        core_key, rate_key = (key if of == name else None for name in ("Core", "Rate"))
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev", encryption_key=core_key)
        rate = Activity(stack, "Rate", core=core, encryption_key=rate_key)
        if of == "Once":
            Plugin(stack, "Once", stage=rate.parallel, function=define_function(stack), encryption_key=key)
        elif of == "Queued":
            QueuePlugin(stack, "Queued", stage=rate.parallel, function=define_function(stack), encryption_key=key)
        elif of == "Alerts":
            WorkflowMonitoring(stack, "Monitoring", core=core, encryption_key=key)

    warnings = key_warnings(synthesize(define).app)
    assert warnings
    services = {
        statement["Principal"]["Service"]
        for needed in warnings.values()
        for statement in needed
        if "Service" in statement["Principal"]
    }
    expected = {"cloudwatch"} if of == "Alerts" else {"sns", "events"}
    assert services == {f"{service}.amazonaws.com" for service in expected}


def test_what_only_cloudformation_knows_is_a_placeholder_in_the_warning() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev", encryption_key=imported_key(stack))
        WorkflowMonitoring(stack, "Monitoring", core=core)

    warnings = key_warnings(synthesize(define).app)
    assert warnings["S/Monitoring/Alerts"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "ACCOUNT"}}
    (of_topics,) = [one for one in warnings["S/Core"] if one["Principal"] == {"Service": "sns.amazonaws.com"}]
    assert of_topics["Condition"] == {"ArnLike": {"aws:SourceArn": "arn:aws:sns:REGION:ACCOUNT:claims-dev-*"}}


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        (GIVEN.replace(CORE_ACCOUNT, TEAM), f"is in account '{TEAM}': use a key of account '{CORE_ACCOUNT}'"),
        (GIVEN.replace("eu-west-1", "us-east-1"), "is in region 'us-east-1': use a key of region 'eu-west-1'"),
    ],
)
def test_a_key_of_another_place_is_refused(arn: str, problem: str) -> None:
    stack = Stack(App(context=dict(NO_BUNDLING)), "S", env=HERE)
    key = kms.Key.from_key_arn(stack, "Key", arn)
    with pytest.raises(ValueError, match=f"encryption_key of 'S/Core' {problem}"):
        OrchestratorCore(stack, "Core", system="claims", stage="dev", encryption_key=key)


def test_the_alerts_can_have_a_key_that_the_core_has_not() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S", env=HERE)
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        WorkflowMonitoring(stack, "Monitoring", core=core, encryption_key=kms.Key(stack, "Key"))

    template = synthesize(define).stacks["S"]
    (key,) = template.resources("AWS::KMS::Key")
    assert {value for value in keys_of(template).values() if value} == {f"<{key}>"}
    found = [statement for statement in statements(template) if statement.type == "AWS::KMS::Key"]
    assert [statement.principal for statement in found[1:]] == [{"Service": ["cloudwatch.amazonaws.com"]}]


def test_a_key_for_a_topic_of_alerts_that_is_brought_is_refused() -> None:
    stack = Stack(App(context=dict(NO_BUNDLING)), "S", env=HERE)
    core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
    topic, key = sns.Topic(stack, "Mine"), kms.Key(stack, "Key")
    with pytest.raises(ValueError, match=r"both alerts_topic 'S/Mine' and an encryption_key.*leave one of them out"):
        WorkflowMonitoring(stack, "Monitoring", core=core, alerts_topic=topic, encryption_key=key)


def of_policy(written: list[dict[str, Any]]) -> list[Statement]:
    """The statements of a key's policy that is written down."""
    key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Statement": written}}}
    return list(statements(StackTemplate({"Resources": {"Key": key}})))


def key_warnings(app: App) -> dict[str, list[dict[str, Any]]]:
    """The statements that synthesis says a key needs, by the construct that says so."""
    found: dict[str, list[dict[str, Any]]] = {}
    for construct in app.node.find_all():
        for entry in construct.node.metadata:
            text = str(entry.data)
            if "cannot change the policy of key" in text:
                assert entry.type == "aws:cdk:warning"
                assert "docs/operations.md" in text
                needed = text[text.index("{") : text.rindex("}") + 1]
                found[construct.node.path] = json.loads(f"[{needed}]")
    return found


def facts(statement: Statement) -> tuple[Any, ...]:
    return (statement.effect, statement.principal, statement.actions, statement.resources, statement.conditions)


def test_an_imported_key_is_used_as_well() -> None:
    stacks = synthesize(estate(imported_key)).stacks
    assert set(keys_of(stacks["Platform"]).values()) == {GIVEN}
    assert stacks["Platform"].resources("AWS::KMS::Key") == {}
    (parameter,) = [
        resource["Properties"]["Value"]
        for resource in stacks["Platform"].resources("AWS::SSM::Parameter").values()
        if resource["Properties"]["Name"] == PUBLISHED
    ]
    assert parameter == GIVEN


def test_activities_and_plugins_of_other_apps_have_keys_of_their_own() -> None:
    def define(app: App) -> None:
        team = Stack(app, "Team", env=HERE)
        core = OrchestratorCore.from_system(team, "Core", system="claims", stage="dev")
        key = kms.Key(team, "Key")
        rate = Activity(team, "Rate", core=core, encryption_key=key)
        define_plugins(team, "Rate", rate.parallel, encryption_key=key)

    template = synthesize(define).stacks["Team"]
    (key,) = template.resources("AWS::KMS::Key")
    assert set(keys_of(template).values()) == {f"<{key}>"}
    found = [statement for statement in statements(template) if statement.type == "AWS::KMS::Key"]
    assert [statement.principal for statement in found[2:]] == [
        {"Service": ["sns.amazonaws.com"]},
        {"Service": ["events.amazonaws.com"]},
    ]


def test_a_role_of_another_account_gets_a_right_on_the_key() -> None:
    def define(app: App) -> None:
        team = Stack(app, "Team", env=Environment(account=TEAM, region="eu-west-1"))
        core = OrchestratorCore.from_attributes(
            team, "Core", system="claims", stage="dev", account=CORE_ACCOUNT, encryption_key_arn=GIVEN
        )
        rate = Activity.from_attributes(team, "Rate", core=core)
        role = bare_role(team, "Role")
        Plugin(team, "Score", stage=rate.parallel, function=define_function(team, role=role))
        fixed = iam.Role.from_role_arn(team, "Fixed", f"arn:aws:iam::{TEAM}:role/fixed", mutable=False)
        Plugin(team, "Rank", stage=rate.pre, function=define_function(team, "Rank", role=fixed))

    synthesized = synthesize(define)
    template = synthesized.stacks["Team"]
    (policy,) = template.resources("AWS::IAM::Policy").values()
    assert [
        (statement["Action"], template.readable(statement["Resource"]))
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ] == [
        ("sqs:SendMessage", f"arn:<Partition>:sqs:eu-west-1:{CORE_ACCOUNT}:claims-dev-results"),
        (["kms:Decrypt", "kms:GenerateDataKey"], GIVEN),
    ]
    warned = Annotations.from_stack(synthesized.app.node.find_child("Team"))  # type: ignore[arg-type]
    warned.has_warning("/Team/Rank", Match.string_like_regexp(rf"kms:GenerateDataKey.*{GIVEN}"))


def test_cfn_lint_finds_nothing() -> None:
    app = App(context=dict(NO_BUNDLING))
    estate(defined_key, plugin_accounts=[TEAM], organization_id=ORGANIZATION)(app)
    for name in ("Platform", "Team"):
        stack = app.node.find_child(name)
        assert isinstance(stack, Stack)
        assert lint(stack) == []
