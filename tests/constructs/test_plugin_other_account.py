"""Plugins whose core lies in another account: nothing that they name of it may be of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.plugin.plugin import Plugin
from orchestrator_constructs.plugin.queue_plugin import QueuePlugin
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE
from tests.constructs.plugin_stacks import bare_role, define_function, lint, nag
from tests.constructs.synthesis import NO_BUNDLING

CORE, OWN = "111122223333", "444455556666"
REGION = "eu-west-1"


def core_arn(service: str, name: str) -> dict[str, Any]:
    """An ARN of the core, in the partition of whoever deploys."""
    return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, f":{service}:{REGION}:{CORE}:{name}"]]}


TOPIC = core_arn("sns", "claims-dev-Rate-parallel")
TOPICS = core_arn("sns", "claims-dev-*")
RESULTS = core_arn("sqs", "claims-dev-results")


@pytest.fixture
def app() -> App:
    return App(context=dict(NO_BUNDLING))


@pytest.fixture
def stack(app: App) -> Stack:
    return Stack(app, "Team", env=Environment(account=OWN, region=REGION))


@pytest.fixture
def rate(stack: Stack) -> IActivity:
    core = OrchestratorCore.from_attributes(stack, "Core", system="claims", stage="dev", account=CORE)
    return Activity.from_attributes(stack, "Rate", core=core, name="Rate")


def filled_by(template: Template) -> list[Any]:
    """The conditions under which the queues of a stack take messages of SNS."""
    return [
        statement["Condition"]
        for policy in template.find_resources("AWS::SQS::QueuePolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]


def sends_to(template: Template) -> list[Any]:
    """Where the roles of a stack may send."""
    return [
        statement["Resource"]
        for policy in template.find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "sqs:SendMessage"
    ]


def test_a_function_is_subscribed_called_and_registered_there(stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::SNS::Subscription", {"TopicArn": TOPIC})
    template.has_resource_properties("AWS::Lambda::Permission", {"SourceArn": TOPICS})
    template.has_resource_properties(
        REGISTRATION_RESOURCE_TYPE,
        {"ServiceToken": core_arn("lambda", "function:claims-dev-register-plugin")},
    )
    assert filled_by(template) == [{"ArnEquals": {"aws:SourceArn": TOPIC}}]
    assert sends_to(template) == [RESULTS]


def test_a_queue_is_filled_from_there_and_its_dead_letters_reported_there(stack: Stack, rate: IActivity) -> None:
    QueuePlugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::SNS::Subscription", {"TopicArn": TOPIC})
    assert filled_by(template) == [{"ArnEquals": {"aws:SourceArn": TOPIC}}] * 2
    assert sends_to(template) == [RESULTS] * 2


def test_a_fifo_queue_is_fed_from_there(stack: Stack, rate: IActivity) -> None:
    QueuePlugin(stack, "Score", stage=rate.parallel, fifo=True)
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::Lambda::Permission", {"SourceArn": TOPICS})
    assert filled_by(template) == [{"ArnEquals": {"aws:SourceArn": TOPIC}}]
    assert sends_to(template).count(RESULTS) == 2


def test_lambda_reports_nothing_to_another_account_and_that_is_said(stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
    Template.from_stack(stack).resource_count_is("AWS::Lambda::EventInvokeConfig", 0)
    (warning,) = Annotations.from_stack(stack).find_warning("/Team/Score", Match.any_value())
    assert "because the results queue lies in another account" in str(warning.entry.data)
    assert "orchestrator:crashesUnseen" in str(warning.entry.data)


def test_a_function_as_it_is_cannot_be_a_plugin_of_another_account(stack: Stack, rate: IActivity) -> None:
    with pytest.raises(ValueError, match="destinations do not lead into another account, and the results queue"):
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack), reports_itself=False)


@pytest.mark.parametrize(
    ("reports_itself", "configs", "sentence"),
    [
        (True, 0, "because the results queue may lie in another account"),
        (False, 1, "it is not known yet whether the results queue 'claims-dev-results' lies in one"),
    ],
)
def test_where_the_account_is_not_known_yet_that_is_said(
    app: App, reports_itself: bool, configs: int, sentence: str
) -> None:
    stack = Stack(app, "Anywhere")
    core = OrchestratorCore.from_attributes(stack, "Core", system="claims", stage="dev", account=CORE)
    rate = Activity.from_attributes(stack, "Rate", core=core, name="Rate")
    Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack), reports_itself=reports_itself)
    Template.from_stack(stack).resource_count_is("AWS::Lambda::EventInvokeConfig", configs)
    (warning,) = Annotations.from_stack(stack).find_warning("/Anywhere/Score", Match.any_value())
    assert sentence in str(warning.entry.data)


def test_an_unknown_role_is_told_of_the_core_s_queue(stack: Stack, rate: IActivity) -> None:
    function = lambda_.Function.from_function_arn(stack, "Fn", f"arn:aws:lambda:{REGION}:{OWN}:function:score")
    Plugin(stack, "Score", stage=rate.parallel, function=function)
    (warning, _) = Annotations.from_stack(stack).find_warning("/Team/Score", Match.any_value())
    assert json.dumps(f"arn:aws:sqs:{REGION}:{CORE}:claims-dev-results") in str(warning.entry.data)


def test_refuses_a_core_in_another_region(stack: Stack) -> None:
    core = OrchestratorCore.from_attributes(
        stack, "Core", system="claims", stage="dev", account=CORE, region="us-east-1"
    )
    rate = Activity.from_attributes(stack, "Rate", core=core, name="Rate")
    with pytest.raises(ValueError, match="would be deployed to eu-west-1, and its core lies in us-east-1"):
        QueuePlugin(stack, "Score", stage=rate.parallel)


def test_cdk_nag_and_cfn_lint_find_nothing(app: App, stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.pre, function=define_function(stack, role=bare_role(stack)))
    QueuePlugin(stack, "Rank", stage=rate.pre, fifo=True)
    assert lint(stack) == []
    nag(app)
