"""The table of a plugin that is not idempotent."""

from __future__ import annotations

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.plugin.plugin import Plugin
from orchestrator_constructs.plugin.queue_plugin import QueuePlugin
from tests.constructs.plugin_stacks import bare_role, define_function, imported_activity, lint, nag, only, team_stack
from tests.constructs.synthesis import NO_BUNDLING

TABLE = "AWS::DynamoDB::GlobalTable"


def test_is_as_powertools_wants_it_and_goes_with_the_stack(stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.pre, function=define_function(stack), idempotent=False)
    Template.from_stack(stack).has_resource(
        TABLE,
        {
            "DeletionPolicy": "Delete",
            "Properties": Match.object_like(
                {
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                    "TimeToLiveSpecification": {"AttributeName": "expiration", "Enabled": True},
                    "BillingMode": "PAY_PER_REQUEST",
                    "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
                }
            ),
        },
    )


def test_is_known_to_the_function_which_may_use_it(stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.pre, function=define_function(stack), idempotent=False)
    template = Template.from_stack(stack)
    table, _ = only(template, TABLE)
    template.has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": {"ORCHESTRATOR_IDEMPOTENCY_TABLE": {"Ref": table}}}}
    )
    _, policy = only(template, "AWS::IAM::Policy")
    (statement,) = [
        one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Action"] != "sqs:SendMessage"
    ]
    assert sorted(statement["Action"]) == [f"dynamodb:{verb}Item" for verb in ("Delete", "Get", "Put", "Update")]
    assert statement["Resource"] == {"Fn::GetAtt": [table, "Arn"]}


def test_is_one_for_all_plugins_of_a_function(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    Plugin(stack, "Before", stage=rate.pre, function=function.add_alias("live"), name="Score", idempotent=False)
    QueuePlugin(stack, "After", stage=rate.post, function=function, name="Score", idempotent=False)
    Template.from_stack(stack).resource_count_is(TABLE, 1)


def test_lies_beside_the_function(stack: Stack, rate: IActivity) -> None:
    functions = Stack(App.of(stack), "Functions")
    Plugin(stack, "Score", stage=rate.pre, function=define_function(functions), idempotent=False)
    Template.from_stack(functions).resource_count_is(TABLE, 1)


def test_cannot_be_given_to_an_imported_function(stack: Stack, rate: IActivity) -> None:
    function = lambda_.Function.from_function_name(stack, "Fn", "score")
    with pytest.raises(ValueError, match="function 'Team/Fn' is imported") as refusal:
        Plugin(stack, "Score", stage=rate.pre, function=function, idempotent=False)
    for wanted in ("'id'", "'expiration'", "ORCHESTRATOR_IDEMPOTENCY_TABLE", "dynamodb:UpdateItem", "leave idempotent"):
        assert wanted in str(refusal.value)


def test_is_not_there_unless_asked_for(stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.pre, function=define_function(stack))
    Template.from_stack(stack).resource_count_is(TABLE, 0)


def test_cdk_nag_and_cfn_lint_find_nothing() -> None:
    app = App(context=dict(NO_BUNDLING))
    stack = team_stack(app)
    function = define_function(stack, role=bare_role(stack))
    Plugin(stack, "Score", stage=imported_activity(stack).pre, function=function, idempotent=False)
    assert lint(stack) == []
    nag(app)
