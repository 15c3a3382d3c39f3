"""What the ``Plugin`` construct puts into a template."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Environment, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.plugin.plugin import Plugin
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE
from tests.constructs.plugin_stacks import bare_role, define_function, lint, logical_id, nag, only
from tests.constructs.synthesis import NO_BUNDLING

SNS = "sns.amazonaws.com"


@pytest.fixture
def app() -> App:
    return App(context=dict(NO_BUNDLING))


@pytest.fixture
def stack(app: App) -> Stack:
    return Stack(app, "Team")


class TestSubscription:
    def test_filters_on_the_plugin_s_own_name(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        plugin = Plugin(stack, "Score", stage=rate.parallel, function=function)
        Template.from_stack(stack).has_resource_properties(
            "AWS::SNS::Subscription",
            {
                "Protocol": "lambda",
                "TopicArn": stack.resolve(rate.parallel.topic_arn(consumer=stack)),
                "Endpoint": stack.resolve(function.function_arn),
                "FilterPolicy": {"plugins": ["Score"]},
                "FilterPolicyScope": "MessageAttributes",
                "RedrivePolicy": {"deadLetterTargetArn": stack.resolve(plugin.dead_letter_queue.queue_arn)},
            },
        )

    @pytest.mark.parametrize("scope", ["MessageAttributes", "MessageBody"])
    def test_leaves_the_author_s_filter_to_the_core(self, stack: Stack, rate: IActivity, scope: Any) -> None:
        policy = {"line": ["auto", None], "premium": [{"numeric": [">=", 1000.5]}], "größe": [{"exists": True}]}
        if scope == "MessageAttributes":
            policy["line"] = ["auto"]
        Plugin(
            stack,
            "Score",
            stage=rate.parallel,
            function=define_function(stack),
            name="Credit score",
            filter_policy=policy,
            filter_policy_scope=scope,
        )
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::SNS::Subscription",
            {"FilterPolicy": {"plugins": ["Credit score"]}, "FilterPolicyScope": "MessageAttributes"},
        )
        _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
        assert json.loads(registration["Properties"]["FilterPolicy"]) == policy
        assert registration["Properties"]["FilterPolicyScope"] == scope

    def test_takes_the_topic_from_ssm(self, stack: Stack, rate: IActivity) -> None:
        Plugin(stack, "Score", stage=rate.pre, function=define_function(stack))
        Template.from_stack(stack).has_parameter(
            "*",
            {
                "Type": "AWS::SSM::Parameter::Value<String>",
                "Default": "/claims/dev/activities/Rate/pre/topic-arn",
            },
        )

    def test_undelivered_messages_go_to_a_queue_that_only_the_topic_may_fill(
        self, stack: Stack, rate: IActivity
    ) -> None:
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
        topic = stack.resolve(rate.parallel.topic_arn(consumer=stack))
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::SQS::Queue", {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 14 * 86_400}
        )
        _, policy = only(template, "AWS::SQS::QueuePolicy")
        allowed = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
        denied = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
        assert [one["Condition"] for one in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
        assert [(one["Action"], one["Principal"], one["Condition"]) for one in allowed] == [
            ("sqs:SendMessage", {"Service": SNS}, {"ArnEquals": {"aws:SourceArn": topic}})
        ]


class TestRegistration:
    def test_carries_every_prop_as_text(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        plugin = Plugin(
            stack,
            "Score",
            stage=rate.post,
            function=function,
            filter_policy={"line": ["auto"]},
            mandatory=False,
            order=10,
            always_run=True,
            timeout=Duration.minutes(5),
            start_within=Duration.seconds(30),
            description="Scores the customer",
        )
        assert function.role is not None
        template = Template.from_stack(stack)
        _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
        service_token = registration["Properties"].pop("ServiceToken")
        assert template.to_json()["Parameters"][service_token["Ref"]]["Default"] == (
            "/claims/dev/core/register-plugin-arn"
        )
        assert registration["Properties"] == {
            "ServiceTimeout": "120",
            "Activity": "Rate",
            "Stage": "post",
            "Name": "Score",
            "SubscriptionArn": stack.resolve(plugin.subscription_arn),
            "Kind": "function",
            "ReportsStart": "true",
            "Mandatory": "false",
            "Order": "10",
            "AlwaysRun": "true",
            "TimeoutSeconds": "300",
            "StartWithinSeconds": "30",
            "Description": "Scores the customer",
            "FilterPolicy": '{"line":["auto"]}',
            "FilterPolicyScope": "MessageAttributes",
            "SenderRoleIds": {"Fn::GetAtt": [logical_id(function.role), "RoleId"]},
        }

    def test_leaves_out_what_is_the_stage_s_to_say(self, stack: Stack, rate: IActivity) -> None:
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
        Template.from_stack(stack).has_resource_properties(
            REGISTRATION_RESOURCE_TYPE,
            {
                "Mandatory": "true",
                "Order": "90",
                "AlwaysRun": "false",
                "TimeoutSeconds": Match.absent(),
                "StartWithinSeconds": Match.absent(),
                "Description": Match.absent(),
                "FilterPolicy": Match.absent(),
                "FilterPolicyScope": Match.absent(),
            },
        )

    def test_comes_after_subscription_and_permission(self, stack: Stack, rate: IActivity) -> None:
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
        template = Template.from_stack(stack)
        _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
        before = {only(template, f"AWS::{kind}")[0] for kind in ("SNS::Subscription", "Lambda::Permission")}
        assert before <= set(registration["DependsOn"])

    def test_passes_tokens_on(self, stack: Stack, rate: IActivity) -> None:
        Plugin(
            stack,
            "Score",
            stage=rate.parallel,
            function=define_function(stack),
            order=Token.as_number({"Ref": "Order"}),  # type: ignore[arg-type]  # a float to mypy, a token to the CDK
            timeout=Duration.seconds(Token.as_number({"Ref": "Timeout"})),
            filter_policy={"line": [Token.as_string({"Ref": "Line"})]},
        )
        _, registration = only(Template.from_stack(stack), REGISTRATION_RESOURCE_TYPE)
        assert registration["Properties"]["Order"] == {"Ref": "Order"}
        assert registration["Properties"]["TimeoutSeconds"] == {"Ref": "Timeout"}
        assert registration["Properties"]["FilterPolicy"] == {"Fn::Join": ["", ['{"line":["', {"Ref": "Line"}, '"]}']]}


class TestFunction:
    def test_may_be_called_by_every_topic_of_the_core(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        Plugin(stack, "Score", stage=rate.parallel, function=function)
        Template.from_stack(stack).has_resource_properties(
            "AWS::Lambda::Permission",
            {
                "Action": "lambda:InvokeFunction",
                "FunctionName": stack.resolve(function.function_arn),
                "Principal": SNS,
                "SourceArn": stack.resolve(f"arn:{stack.partition}:sns:{stack.region}:{stack.account}:claims-dev-*"),
            },
        )

    def test_on_two_stages_has_one_permission_and_one_name(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        Plugin(stack, "ScoreBefore", stage=rate.pre, function=function, name="Score")
        Plugin(stack, "ScoreAfter", stage=rate.post, function=function, name="Score")
        template = Template.from_stack(stack)
        template.resource_count_is("AWS::SNS::Subscription", 2)
        template.resource_count_is("AWS::Lambda::Permission", 1)

    def test_of_two_cores_has_a_permission_for_each(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        other = Activity.from_system(stack, "Other", system="claims", stage="test", name="Rate")
        Plugin(stack, "Score", stage=rate.pre, function=function)
        Plugin(stack, "TestScore", stage=other.pre, function=function, name="Score")
        Template.from_stack(stack).resource_count_is("AWS::Lambda::Permission", 2)

    def test_may_report_and_nothing_else(self, stack: Stack, rate: IActivity) -> None:
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
        template = Template.from_stack(stack)
        _, policy = only(template, "AWS::IAM::Policy")
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        parameter = statement.pop("Resource")["Ref"]
        assert statement == {"Effect": "Allow", "Action": "sqs:SendMessage"}
        assert template.to_json()["Parameters"][parameter]["Default"] == "/claims/dev/core/results-queue-arn"

    def test_knows_its_name(self, stack: Stack, rate: IActivity) -> None:
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
        Template.from_stack(stack).has_resource_properties(
            "AWS::Lambda::Function", {"Environment": {"Variables": {"ORCHESTRATOR_PLUGIN_NAME": "Score"}}}
        )

    def test_an_alias_is_called_and_registered_as_such(self, stack: Stack, rate: IActivity) -> None:
        alias = define_function(stack).add_alias("live")
        Plugin(stack, "Score", stage=rate.parallel, function=alias)
        template = Template.from_stack(stack)
        endpoint = stack.resolve(alias.function_arn)
        template.has_resource_properties("AWS::SNS::Subscription", {"Endpoint": endpoint})
        template.has_resource_properties("AWS::Lambda::Permission", {"FunctionName": endpoint})
        template.has_resource_properties(REGISTRATION_RESOURCE_TYPE, {"SenderRoleIds": Match.any_value()})

    def test_imported_without_role_is_warned_about_with_the_statement(self, app: App) -> None:
        stack = Stack(app, "Placed", env=Environment(account="111122223333", region="eu-west-1"))
        rate = Activity.from_system(stack, "Rate", system="claims", stage="dev", name="Rate")
        arn = "arn:aws:lambda:eu-west-1:111122223333:function:score"
        Plugin(stack, "Score", stage=rate.parallel, function=lambda_.Function.from_function_arn(stack, "Fn", arn))
        statement = json.dumps(
            {
                "Effect": "Allow",
                "Action": "sqs:SendMessage",
                "Resource": "arn:aws:sqs:eu-west-1:111122223333:claims-dev-results",
            }
        )
        warnings = Annotations.from_stack(stack).find_warning("/Placed/Score", Match.any_value())
        assert [statement in str(warning.entry.data) for warning in warnings] == [True, False]
        assert "is killed, or raises Retryable to the end" in str(warnings[1].entry.data)
        template = Template.from_stack(stack)
        template.has_resource_properties(REGISTRATION_RESOURCE_TYPE, {"SenderRoleIds": Match.absent()})
        template.resource_count_is("AWS::Lambda::Permission", 1)

    def test_imported_with_its_role_is_let_report(self, stack: Stack, rate: IActivity) -> None:
        role = iam.Role.from_role_name(stack, "Role", "score-role")
        function = lambda_.Function.from_function_attributes(
            stack,
            "Fn",
            function_arn=stack.format_arn(service="lambda", resource="function", resource_name="score"),
            role=role,
            same_environment=True,
        )
        Plugin(stack, "Score", stage=rate.parallel, function=function)
        (warning,) = Annotations.from_stack(stack).find_warning("*", Match.any_value())
        assert "because it was imported, and its owner may have configured it" in str(warning.entry.data)
        template = Template.from_stack(stack)
        template.has_resource_properties("AWS::IAM::Policy", {"Roles": ["score-role"]})
        template.has_resource_properties(REGISTRATION_RESOURCE_TYPE, {"SenderRoleIds": Match.absent()})


class TestPlaces:
    def test_in_the_core_s_stack(self, app: App) -> None:
        stack = Stack(app, "All")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        rate = Activity(stack, "Rate", core=core)
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::SNS::Subscription", {"TopicArn": stack.resolve(rate.parallel.topic.topic_arn)}
        )

    def test_in_another_stack_of_the_app_locks_nothing(self, app: App) -> None:
        platform, functions, team = (Stack(app, name) for name in ("Platform", "Functions", "Team"))
        core = OrchestratorCore(platform, "Core", system="claims", stage="dev", exports=False)
        rate = Activity(platform, "Rate", core=core)
        Plugin(team, "Score", stage=rate.parallel, function=define_function(functions))
        assert not Template.from_stack(platform).find_outputs("*", {"Export": Match.any_value()})
        template = Template.from_stack(team)
        template.has_resource_properties(REGISTRATION_RESOURCE_TYPE, {"Name": "Score"})
        Template.from_stack(functions).resource_count_is("AWS::Lambda::Permission", 1)


def test_cdk_nag_finds_nothing(app: App, stack: Stack, rate: IActivity) -> None:
    # With no managed policy: what the function may do beside reporting is its author's choice, not the plugin's.
    Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack, role=bare_role(stack)))
    nag(app)


def test_cfn_lint_finds_nothing(stack: Stack, rate: IActivity) -> None:
    for position, stage in (("Pre", rate.pre), ("Parallel", rate.parallel)):
        Plugin(stack, f"Score{position}", stage=stage, function=define_function(stack, position), name="Score")
    assert lint(stack) == []
