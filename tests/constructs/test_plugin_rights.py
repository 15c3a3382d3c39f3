"""The rights of those who work for a plugin: given, or spelled out where this app cannot give them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, ArnFormat, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.plugin.plugin import Plugin
from orchestrator_constructs.plugin.queue_plugin import QueuePlugin
from tests.constructs.plugin_stacks import define_function
from tests.constructs.synthesis import NO_BUNDLING

ACCOUNT, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"
TO_REPORT = {
    "Effect": "Allow",
    "Action": "sqs:SendMessage",
    "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:claims-dev-results",
}
TO_READ = {
    "Effect": "Allow",
    "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
    "Resource": "ARN of Team/Score/Queue",
}
TO_CONSUME = {**TO_READ, "Action": [*TO_READ["Action"], "sqs:ChangeMessageVisibility"]}


@pytest.fixture
def stack() -> Stack:
    return Stack(App(context=dict(NO_BUNDLING)), "Team", env=Environment(account=ACCOUNT, region=REGION))


def role_of(stack: Stack, account: str = ACCOUNT, **how: Any) -> iam.IRole:
    return iam.Role.from_role_arn(stack, "Role", f"arn:aws:iam::{account}:role/worker", **how)


def imported_function(stack: Stack, role: iam.IRole) -> lambda_.IFunction:
    arn = stack.format_arn(
        service="lambda", resource="function", resource_name="score", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    return lambda_.Function.from_function_attributes(stack, "Fn", function_arn=arn, role=role, same_environment=True)


def said(stack: Stack) -> str:
    """What is warned of about the roles of a stack's plugin."""
    warnings = Annotations.from_stack(stack).find_warning("/Team/Score", Match.string_like_regexp("roleFixed"))
    return " ".join(str(warning.entry.data) for warning in warnings)


def policies_of(stack: Stack, role: str = "worker") -> list[Any]:
    return list(Template.from_stack(stack).find_resources("AWS::IAM::Policy", {"Properties": {"Roles": [role]}}))


def define_consumer(stack: Stack, rate: IActivity, role: iam.IRole) -> None:
    QueuePlugin(stack, "Score", stage=rate.pre).grant_consume(role)


def define_reader(stack: Stack, rate: IActivity, role: iam.IRole) -> None:
    QueuePlugin(stack, "Score", stage=rate.pre, function=imported_function(stack, role))


def define_plugin(stack: Stack, rate: IActivity, role: iam.IRole) -> None:
    Plugin(stack, "Score", stage=rate.pre, function=define_function(stack, role=role))


WORKERS = {
    "function": (define_plugin, [TO_REPORT]),
    "function behind a queue": (define_reader, [TO_REPORT, TO_READ]),
    "consumer": (define_consumer, [TO_REPORT, TO_CONSUME]),
}


@pytest.mark.parametrize(("define", "needed"), WORKERS.values(), ids=WORKERS)
@pytest.mark.parametrize(
    "how", [{"mutable": False}, {"account": OTHER}], ids=["not to be changed", "of another account"]
)
def test_a_role_that_is_not_ours_is_left_alone_and_its_statements_are_spelled_out(
    stack: Stack, rate: IActivity, define: Any, needed: list[Any], how: dict[str, Any]
) -> None:
    define(stack, rate, role_of(stack, **how))
    assert policies_of(stack) == []
    warning = said(stack)
    assert [one for one in (TO_REPORT, TO_READ, TO_CONSUME) if json.dumps(one) in warning] == needed


@pytest.mark.parametrize("define", [define for define, _ in WORKERS.values()], ids=WORKERS)
def test_an_imported_role_is_changed_and_nothing_said(stack: Stack, rate: IActivity, define: Any) -> None:
    define(stack, rate, role_of(stack))
    assert policies_of(stack) != []
    assert said(stack) == ""


def test_a_consumer_that_is_an_account_is_told_what_its_roles_need(stack: Stack, rate: IActivity) -> None:
    QueuePlugin(stack, "Score", stage=rate.pre).grant_consume(iam.AccountPrincipal(OTHER))
    assert json.dumps(TO_REPORT) in said(stack)
    assert json.dumps(TO_CONSUME) in said(stack)  # the queue lets it in, and its own account has to let it out
    policies = Template.from_stack(stack).find_resources("AWS::SQS::QueuePolicy")
    assert "sqs:ReceiveMessage" in json.dumps(policies)


def test_an_imported_consumer_in_a_later_stack_locks_no_core(stack: Stack) -> None:
    app = App(context=dict(NO_BUNDLING))
    platform, tasks = Stack(app, "Platform"), Stack(app, "Tasks")
    core = OrchestratorCore(platform, "Core", system="claims", stage="dev", exports=False)
    plugin = QueuePlugin(tasks, "Score", stage=Activity(platform, "Rate", core=core).pre)
    plugin.grant_consume(iam.Role.from_role_name(tasks, "Role", "worker"))
    assert not Template.from_stack(platform).find_outputs("*", {"Export": Match.any_value()})
