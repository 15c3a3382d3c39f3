"""What Lambda itself reports of a plugin: destinations that point to the results queue."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import App, ArnFormat, Duration, Environment, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.plugin.plugin import Plugin
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE
from tests.constructs.plugin_stacks import (
    bare_role,
    define_function,
    imported_activity,
    lint,
    nag,
    only,
    results_queue,
    team_stack,
)
from tests.constructs.synthesis import NO_BUNDLING

CONFIG = "AWS::Lambda::EventInvokeConfig"
IMPORTED_ARN = "arn:aws:lambda:eu-west-1:111122223333:function:score"


@pytest.fixture
def placed() -> Stack:
    env = Environment(account="111122223333", region="eu-west-1")
    return Stack(App(context=dict(NO_BUNDLING)), "Placed", env=env)


class TestFunctionThatReportsItself:
    def test_is_reported_by_lambda_when_a_call_failed_for_good(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        Plugin(stack, "Score", stage=rate.parallel, function=function)
        template = Template.from_stack(stack)
        _, config = only(template, CONFIG)
        assert config["Properties"] == {
            "FunctionName": stack.resolve(function.function_name),
            "Qualifier": "$LATEST",
            "DestinationConfig": {"OnFailure": {"Destination": {"Ref": results_queue(template)}}},
        }
        template.has_resource_properties(REGISTRATION_RESOURCE_TYPE, {"ReportsStart": "true", "Kind": "function"})

    def test_gets_its_destination_after_the_right_to_send_and_before_the_registration(
        self, stack: Stack, rate: IActivity
    ) -> None:
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack, role=bare_role(stack)))
        template = Template.from_stack(stack)
        name, config = only(template, CONFIG)
        policy, _ = only(template, "AWS::IAM::Policy")
        assert policy in config["DependsOn"]
        _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
        assert name in registration["DependsOn"]

    def test_may_send_and_no_more(self, stack: Stack, rate: IActivity) -> None:
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
        _, policy = only(Template.from_stack(stack), "AWS::IAM::Policy")
        assert [one["Action"] for one in policy["Properties"]["PolicyDocument"]["Statement"]] == ["sqs:SendMessage"]

    def test_on_two_stages_has_one_destination(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        for stage in ("pre", "post"):
            Plugin(stack, stage, stage=getattr(rate, stage), function=function, name="Score")
        Template.from_stack(stack).resource_count_is(CONFIG, 1)
        Annotations.from_stack(stack).has_no_warning("*", Match.any_value())

    def test_on_two_cores_tells_the_first_and_says_so(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        other = imported_activity(stack, id="Other", stage="test")
        Plugin(stack, "Score", stage=rate.pre, function=function)
        Plugin(stack, "TestScore", stage=other.pre, function=function, name="Score")
        template = Template.from_stack(stack)
        _, config = only(template, CONFIG)
        assert config["Properties"]["DestinationConfig"]["OnFailure"] == {
            "Destination": {"Ref": results_queue(template)}
        }
        (warning,) = Annotations.from_stack(stack).find_warning("/Team/TestScore", Match.any_value())
        assert "belong to a plugin of claims-dev" in str(warning.entry.data)
        assert "is not reported to claims-test" in str(warning.entry.data)

    def test_keeps_what_its_author_configured_and_says_what_to_do(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack, retry_attempts=0)
        Plugin(stack, "Score", stage=rate.pre, function=function)
        _, config = only(Template.from_stack(stack), CONFIG)
        assert "DestinationConfig" not in config["Properties"]
        (warning,) = Annotations.from_stack(stack).find_warning("/Team/Score", Match.any_value())
        assert "let its on_failure point to 'claims-dev-results'" in str(warning.entry.data)

    @pytest.mark.parametrize("qualified", ["alias", "version"])
    def test_behind_an_alias_or_version_has_it_there(self, stack: Stack, rate: IActivity, qualified: str) -> None:
        function = define_function(stack)
        target = function.add_alias("live") if qualified == "alias" else function.current_version
        Plugin(stack, "Score", stage=rate.parallel, function=target)
        arn = stack.resolve(target.function_arn)
        Template.from_stack(stack).has_resource_properties(
            CONFIG,
            {
                "FunctionName": {"Fn::Select": [6, {"Fn::Split": [":", arn]}]},
                "Qualifier": {"Fn::Select": [7, {"Fn::Split": [":", arn]}]},
            },
        )

    def test_imported_is_left_to_its_owner_who_is_told_what_to_do(self, placed: Stack) -> None:
        function = lambda_.Function.from_function_arn(placed, "Fn", IMPORTED_ARN)
        Plugin(placed, "Score", stage=imported_activity(placed).parallel, function=function)
        Template.from_stack(placed).resource_count_is(CONFIG, 0)
        unseen = Match.string_like_regexp("orchestrator:crashesUnseen")
        (warning,) = Annotations.from_stack(placed).find_warning("/Placed/Score", unseen)
        assert "let its on_failure point to 'claims-dev-results' where it is defined" in str(warning.entry.data)

    def test_in_another_stack_than_the_plugin_and_the_core(self) -> None:
        app = App(context=dict(NO_BUNDLING))
        platform, functions, team = (Stack(app, name) for name in ("Platform", "Functions", "Team"))
        core = OrchestratorCore(platform, "Core", system="claims", stage="dev")
        Plugin(team, "Score", stage=Activity(platform, "Rate", core=core).pre, function=define_function(functions))
        _, config = only(Template.from_stack(functions), CONFIG)
        destination = config["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination["Fn::Join"][1][-1].endswith(":claims-dev-results")


class TestFunctionAsItIs:
    def test_is_reported_by_lambda_however_a_call_ended(self, stack: Stack, rate: IActivity) -> None:
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack), reports_itself=False)
        template = Template.from_stack(stack)
        to_queue = {"Destination": {"Ref": results_queue(template)}}
        template.has_resource_properties(CONFIG, {"DestinationConfig": {"OnFailure": to_queue, "OnSuccess": to_queue}})
        template.has_resource_properties(REGISTRATION_RESOURCE_TYPE, {"ReportsStart": "false", "Kind": "function"})

    @pytest.mark.parametrize(
        ("arn", "qualifier"), [(IMPORTED_ARN, "$LATEST"), (f"{IMPORTED_ARN}:live", "live"), (f"{IMPORTED_ARN}:7", "7")]
    )
    def test_may_be_imported(self, placed: Stack, arn: str, qualifier: str) -> None:
        function = lambda_.Function.from_function_arn(placed, "Fn", arn)
        Plugin(placed, "Score", stage=imported_activity(placed).pre, function=function, reports_itself=False)
        Template.from_stack(placed).has_resource_properties(CONFIG, {"FunctionName": "score", "Qualifier": qualifier})

    def test_may_be_an_imported_function_known_by_name_alone(self, stack: Stack, rate: IActivity) -> None:
        function = lambda_.Function.from_function_name(stack, "Fn", "score")
        Plugin(stack, "Score", stage=rate.pre, function=function, reports_itself=False)
        template = Template.from_stack(stack)
        template.has_resource_properties(CONFIG, {"FunctionName": Match.any_value(), "Qualifier": "$LATEST"})

    @pytest.mark.parametrize("known", [True, False], ids=["ARN", "token"])
    @pytest.mark.parametrize("kind", ["version", "alias"])
    def test_may_be_an_imported_alias_or_version(self, placed: Stack, kind: str, known: bool) -> None:
        arn = f"{IMPORTED_ARN}:7" if known else Token.as_string({"Fn::ImportValue": "Score"})
        function: lambda_.IFunction
        function = version = lambda_.Version.from_version_arn(placed, "Version", arn)
        if kind == "alias":
            function = lambda_.Alias.from_alias_attributes(placed, "Alias", alias_name="live", alias_version=version)
        Plugin(placed, "Score", stage=imported_activity(placed).pre, function=function, reports_itself=False)
        name, qualifier = "score", {"version": "7", "alias": "live"}[kind]
        parts = {"Fn::Split": [":", placed.resolve(function.function_arn)]}
        Template.from_stack(placed).has_resource_properties(
            CONFIG,
            {"FunctionName": name, "Qualifier": qualifier}
            if known
            else {"FunctionName": {"Fn::Select": [6, parts]}, "Qualifier": {"Fn::Select": [7, parts]}},
        )

    def test_may_be_imported_twice_as_two_aliases(self, placed: Stack) -> None:
        rate = imported_activity(placed)
        version = lambda_.Version.from_version_arn(placed, "Version", f"{IMPORTED_ARN}:7")
        for name in ("live", "next"):
            alias = lambda_.Alias.from_alias_attributes(placed, name, alias_name=name, alias_version=version)
            for stage in (rate.pre, rate.post):
                id = f"{name}-{stage.position}"  # noqa: A001
                Plugin(placed, id, name=name, stage=stage, function=alias, reports_itself=False)
        Template.from_stack(placed).resource_count_is(CONFIG, 2)

    def test_may_be_imported_with_its_role(self, stack: Stack, rate: IActivity) -> None:
        function = lambda_.Function.from_function_attributes(
            stack,
            "Fn",
            function_arn=stack.format_arn(
                service="lambda",
                resource="function",
                resource_name="score",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            ),
            role=iam.Role.from_role_name(stack, "Role", "score-role"),
            same_environment=True,
        )
        Plugin(stack, "Score", stage=rate.pre, function=function, reports_itself=False)
        template = Template.from_stack(stack)
        policy, _ = only(template, "AWS::IAM::Policy")
        assert only(template, CONFIG)[1]["DependsOn"] == [policy]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "start_within": ({"start_within": Duration.seconds(5)}, "start_within of plugin 'Team/Score' has no meaning"),
    "idempotent": ({"idempotent": False}, "idempotent of plugin 'Team/Score' has no meaning"),
}


@pytest.mark.parametrize(("props", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_function_as_it_is_cannot_have(stack: Stack, rate: IActivity, props: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"{sentence} with reports_itself=False"):
        Plugin(stack, "Score", stage=rate.pre, function=define_function(stack), reports_itself=False, **props)


def test_refuses_a_function_as_it_is_with_a_configuration_of_its_own(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack, max_event_age=Duration.minutes(5))
    with pytest.raises(ValueError, match=re.escape("belong to a configuration of its own (EventInvokeConfig)")):
        Plugin(stack, "Score", stage=rate.pre, function=function, reports_itself=False)


def test_refuses_a_function_as_it_is_of_which_nobody_knows_whether_it_is_an_alias(
    stack: Stack, rate: IActivity
) -> None:
    function = lambda_.Function.from_function_arn(stack, "Fn", Token.as_string({"Fn::ImportValue": "Score"}))
    with pytest.raises(
        ValueError, match=r"an ARN that is known only when .* or by Alias\.from_alias_attributes or Ver"
    ):
        Plugin(stack, "Score", stage=rate.pre, function=function, reports_itself=False)


def test_refuses_a_function_as_it_is_on_two_cores(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    other = imported_activity(stack, id="Other", stage="test")
    Plugin(stack, "Score", stage=rate.pre, function=function, reports_itself=False)
    with pytest.raises(ValueError, match="belong to a plugin of claims-dev: define a function for each of the two"):
        Plugin(stack, "TestScore", stage=other.pre, function=function, name="Score", reports_itself=False)


def test_refuses_one_function_that_does_and_does_not_report(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    Plugin(stack, "Score", stage=rate.pre, function=function)
    with pytest.raises(ValueError, match="with reports_itself=True and has reports_itself=False here"):
        Plugin(stack, "Again", stage=rate.post, function=function, name="Score", reports_itself=False)


def test_the_author_s_later_configuration_is_refused_by_the_cdk(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    Plugin(stack, "Score", stage=rate.pre, function=function)
    with pytest.raises(RuntimeError, match="EventInvokeConfig has already been configured"):
        function.configure_async_invoke(retry_attempts=1)


def test_cdk_nag_finds_nothing() -> None:
    app = App(context=dict(NO_BUNDLING))
    stack = team_stack(app)
    function = define_function(stack, role=bare_role(stack))
    Plugin(stack, "Score", stage=imported_activity(stack).pre, function=function, reports_itself=False)
    nag(app)


def test_cfn_lint_finds_nothing(stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.pre, function=define_function(stack).add_alias("live"), reports_itself=False)
    Plugin(stack, "Rank", stage=rate.pre, function=define_function(stack, "Rank"))
    assert lint(stack) == []
