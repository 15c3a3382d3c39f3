"""Core, activities and workflows in one stack, in several of one app, and in several apps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cfnlint.api
import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match
from cdk_nag import AwsSolutionsChecks

from tests.constructs import apps
from tests.constructs.synthesis import StackTemplate, Synthesized, recommended_flags, synthesize

FLAGS = [pytest.param({}, id="no flags"), pytest.param(recommended_flags(), id="all flags")]
SEPARATE = {
    "claims-dev": apps.core_alone,
    "Activities": apps.activities_alone,
    "Workflows": apps.workflows_alone,
    "Users": apps.users_alone,
}
LAYOUTS = [
    pytest.param(apps.one_stack, id="one stack"),
    pytest.param(apps.three_stacks, id="three stacks"),
    pytest.param(apps.every_prop, id="every prop"),
    *(pytest.param(define, id=f"{name} alone") for name, define in SEPARATE.items()),
]


@pytest.fixture(scope="module", params=LAYOUTS)
def define(request: pytest.FixtureRequest) -> Callable[[App], None]:
    chosen: Callable[[App], None] = request.param
    return chosen


@pytest.fixture(scope="module", params=FLAGS)
def layout(define: Callable[[App], None], request: pytest.FixtureRequest) -> Synthesized:
    return synthesize(define, flags=request.param)


def test_cfn_lint_finds_nothing(layout: Synthesized) -> None:
    """W3005 apart: the CDK itself writes a dependency that a reference implies."""
    lint = cfnlint.api.ManualArgs(regions=["eu-west-1"], ignore_checks=["W3005"])
    assert [
        str(match)
        for stack in layout.stacks.values()
        for match in cfnlint.api.lint(json.dumps(stack.body), config=lint)
    ] == []


def test_cdk_nag_finds_nothing(layout: Synthesized) -> None:
    assert nag_findings(layout.app) == []


def test_no_stack_locks_another(layout: Synthesized) -> None:
    for stack in layout.stacks.values():
        assert "Fn::ImportValue" not in json.dumps(stack.body)
        assert not [key for key in stack.body.get("Outputs", {}) if key.startswith("ExportsOutput")]


def nag_findings(app: App) -> list[tuple[str, str]]:
    report = AwsSolutionsChecks().validate_scope(app)
    return [
        (violation.rule_name, resource.construct_path or "")
        for violation in report.violations
        for resource in violation.violating_resources
    ]


def test_cdk_nag_is_awake_and_findings_of_a_known_account_are_acknowledged() -> None:
    """With an account and a region the findings have other ids; a wildcard of the user's own is still found."""

    def define(app: App) -> None:
        stack = Stack(app, "claims-dev", env=Environment(account="123456789012", region="eu-west-1"))
        core = apps.define_core(stack)
        apps.define_workflows(stack, core, apps.define_activities(stack, core))
        apps.define_user(stack).add_to_policy(iam.PolicyStatement(actions=["s3:*"], resources=["*"]))

    assert nag_findings(synthesize(define, flags=recommended_flags()).app) == [
        ("AwsSolutions-IAM5[Action::s3:*]", "claims-dev/User/DefaultPolicy/Resource"),
        ("AwsSolutions-IAM5[Resource::*]", "claims-dev/User/DefaultPolicy/Resource"),
    ]


def test_stacks_of_one_app_are_deployed_in_order(three_stacks: Synthesized) -> None:
    assert three_stacks.dependencies == {
        "claims-dev": set(),
        "Activities": {"claims-dev"},
        "Workflows": {"claims-dev", "Activities"},
        "Users": {"claims-dev", "Workflows"},
    }


def test_states_are_the_same_in_every_layout(one_stack: Synthesized, three_stacks: Synthesized) -> None:
    """In another stack of the app, ARNs are built by naming convention."""
    reference = one_stack.stacks["claims-dev"]
    arns = {
        f"<claims-dev-{name}>": conventional("lambda", f"function:claims-dev-{name}")
        for name in ("begin-run", "open-activity", "end-run")
    }
    for workflow in apps.WORKFLOWS:
        machine = f"claims-dev-workflow-{workflow}"
        assert three_stacks.stacks["Workflows"].asl(machine) == replaced(reference.asl(machine), arns)


def conventional(service: str, resource: str) -> str:
    return f"arn:<Partition>:{service}:<Region>:<AccountId>:{resource}"


def replaced(value: Any, words: dict[str, str]) -> Any:
    text = json.dumps(value)
    for word, other in words.items():
        text = text.replace(json.dumps(word), json.dumps(other))
    return json.loads(text)


def test_separate_apps_find_each_other_in_ssm() -> None:
    parameters = {
        name: {
            parameter["Default"]
            for key, parameter in synthesize(define).stacks[name].body.get("Parameters", {}).items()
            if key != "BootstrapVersion"
        }
        for name, define in SEPARATE.items()
    }
    assert parameters == {
        "claims-dev": set(),
        "Activities": {"/claims/dev/core/register-stages-arn"},
        "Workflows": {
            "/claims/dev/core/begin-run-arn",
            "/claims/dev/core/open-activity-arn",
            "/claims/dev/core/end-run-arn",
        },
        "Users": {
            "/claims/dev/core/results-queue-arn",
            "/claims/dev/core/status-table-arn",
            "/claims/dev/workflows/NewBusiness/state-machine-arn",
        },
    }


def granted(stack: StackTemplate) -> dict[str, set[str]]:
    """What the role ``User`` may do."""
    (role,) = [key for key in stack.resources("AWS::IAM::Role") if key.startswith("User")]
    return stack.allowed({"Properties": {"Role": {"Fn::GetAtt": [role, "Arn"]}}})


READ = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}


def test_grants_in_one_stack(claims: StackTemplate) -> None:
    assert granted(claims) == {
        "<claims-dev-results>": {"sqs:SendMessage"},
        "<CoreStatusAE845D7E>": READ,
        "<claims-dev-workflow-NewBusiness>": {"states:StartExecution"},
    }


def test_grants_across_stacks_name_what_they_can_and_look_up_the_rest(three_stacks: Synthesized) -> None:
    assert granted(three_stacks.stacks["Users"]) == {
        conventional("sqs", "claims-dev-results"): {"sqs:SendMessage"},
        "</claims/dev/core/status-table-arn>": READ,
        conventional("states", "stateMachine:claims-dev-workflow-NewBusiness"): {"states:StartExecution"},
    }


def test_grants_across_apps_are_looked_up() -> None:
    assert granted(synthesize(apps.users_alone).stacks["Users"]) == {
        "</claims/dev/core/results-queue-arn>": {"sqs:SendMessage"},
        "</claims/dev/core/status-table-arn>": READ,
        "</claims/dev/workflows/NewBusiness/state-machine-arn>": {"states:StartExecution"},
    }


def test_activities_are_published(claims: StackTemplate) -> None:
    published = {
        parameter["Properties"]["Name"]: claims.readable(parameter["Properties"]["Value"])
        for parameter in claims.resources("AWS::SSM::Parameter").values()
    }
    exported = {o["Export"]["Name"]: claims.readable(o["Value"]) for o in claims.body["Outputs"].values()}
    for name in apps.ACTIVITIES:
        below = f"/claims/dev/activities/{name}"
        assert {key: value for key, value in published.items() if key.startswith(f"{below}/")} == {
            f"{below}/pre/topic-arn": f"<claims-dev-{name}-pre>",
            f"{below}/parallel/topic-arn": f"<claims-dev-{name}-parallel>",
            f"{below}/post/topic-arn": f"<claims-dev-{name}-post>",
        }
        assert {key: value for key, value in exported.items() if f"-{name}-" in key} == {
            f"claims-dev-{name}-pre-processing": f"<claims-dev-{name}-pre>",
            f"claims-dev-{name}-parallel-processing": f"<claims-dev-{name}-parallel>",
            f"claims-dev-{name}-post-processing": f"<claims-dev-{name}-post>",
        }
    assert {key: value for key, value in published.items() if "/workflows/" in key} == {
        f"/claims/dev/workflows/{name}/state-machine-arn": f"<claims-dev-workflow-{name}>" for name in apps.WORKFLOWS
    }


def test_topics_are_encrypted_and_take_only_tls(claims: StackTemplate) -> None:
    topics = claims.resources("AWS::SNS::Topic")
    key = "arn:<Partition>:kms:<Region>:<AccountId>:alias/aws/sns"
    assert {claims.readable(topic["Properties"]["KmsMasterKeyId"]) for topic in topics.values()} == {key}
    claims.template.all_resources_properties(
        "AWS::SNS::TopicPolicy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [Match.object_like({"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})]
                )
            }
        },
    )
    assert len(claims.resources("AWS::SNS::TopicPolicy")) == len(topics)
