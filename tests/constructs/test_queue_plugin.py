"""What the ``QueuePlugin`` construct puts into a template."""

from __future__ import annotations

import json

import pytest
from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.plugin.queue_plugin import QueuePlugin
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE
from tests.constructs.plugin_stacks import (
    allowed_to,
    bare_role,
    define_function,
    imported_activity,
    lint,
    logical_id,
    nag,
    only,
    referred,
    results_queue,
    team_stack,
)
from tests.constructs.synthesis import NO_BUNDLING

SOURCE = "AWS::Lambda::EventSourceMapping"
LAMBDA_CONSUMES = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
CONSUME = LAMBDA_CONSUMES | {"sqs:ChangeMessageVisibility"}
DEAD_LETTERS = "orchestrator_runtime.plugin_queue.report_dead_letters.lambda_handler"


def role_of_handler(template: Template, handler: str) -> str:
    _, function = only(template, "AWS::Lambda::Function", Handler=handler)
    return referred(function["Properties"]["Role"])


class TestQueue:
    def test_is_filled_by_the_topic_with_the_message_alone(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(stack, "Score", stage=rate.parallel, filter_policy={"line": ["auto"]})
        _, subscription = only(Template.from_stack(stack), "AWS::SNS::Subscription")
        assert subscription["Properties"] == {
            "Protocol": "sqs",
            "TopicArn": stack.resolve(rate.parallel.topic_arn(consumer=stack)),
            "Endpoint": stack.resolve(plugin.queue.queue_arn),
            "RawMessageDelivery": True,
            "FilterPolicy": {"plugins": ["Score"]},
            "FilterPolicyScope": "MessageAttributes",
            "RedrivePolicy": {"deadLetterTargetArn": stack.resolve(plugin.dead_letter_queue.queue_arn)},
        }

    def test_is_encrypted_and_passes_on_what_is_received_too_often(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(stack, "Score", stage=rate.pre)
        _, queue = only(Template.from_stack(stack), "AWS::SQS::Queue", VisibilityTimeout=300)
        assert queue["Properties"] == {
            "SqsManagedSseEnabled": True,
            "VisibilityTimeout": 300,
            "MessageRetentionPeriod": 4 * 86_400,
            "RedrivePolicy": {
                "deadLetterTargetArn": stack.resolve(plugin.dead_letter_queue.queue_arn),
                "maxReceiveCount": 3,
            },
        }

    def test_takes_what_it_is_told(self, stack: Stack, rate: IActivity) -> None:
        told = {"max_receives": 7, "visibility_timeout": Duration.minutes(20), "retention": Duration.days(10)}
        QueuePlugin(stack, "Score", stage=rate.pre, **told)  # type: ignore[arg-type]  # values of several types
        Template.from_stack(stack).has_resource_properties(
            "AWS::SQS::Queue",
            {
                "VisibilityTimeout": 1200,
                "MessageRetentionPeriod": 864_000,
                "RedrivePolicy": Match.object_like({"maxReceiveCount": 7}),
            },
        )

    def test_and_its_dead_letter_queue_are_open_to_the_topic_alone_by_tls(self, stack: Stack, rate: IActivity) -> None:
        QueuePlugin(stack, "Score", stage=rate.parallel)
        topic = stack.resolve(rate.parallel.topic_arn(consumer=stack))
        policies = Template.from_stack(stack).find_resources("AWS::SQS::QueuePolicy")
        assert len(policies) == 2
        for policy in policies.values():
            statements = policy["Properties"]["PolicyDocument"]["Statement"]
            assert [
                (one["Action"], one["Principal"], one["Condition"]) for one in statements if one["Effect"] == "Allow"
            ] == [("sqs:SendMessage", {"Service": "sns.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": topic}})]
            assert [one["Condition"] for one in statements if one["Effect"] == "Deny"] == [
                {"Bool": {"aws:SecureTransport": "false"}}
            ]

    @pytest.mark.parametrize(
        ("timeout", "kept"), [(None, 4), (Duration.hours(1), 4), (Duration.days(7), 7), (Duration.days(30), 14)]
    )
    def test_keeps_a_message_as_long_as_the_plugin_has_time(
        self, stack: Stack, rate: IActivity, timeout: Duration | None, kept: int
    ) -> None:
        QueuePlugin(stack, "Score", stage=rate.pre, timeout=timeout)
        Template.from_stack(stack).has_resource_properties(
            "AWS::SQS::Queue", {"MessageRetentionPeriod": kept * 86_400, "VisibilityTimeout": 300}
        )

    @pytest.mark.parametrize(("timeout", "hidden"), [(Duration.minutes(2), 720), (Duration.seconds(6), 36), (None, 30)])
    def test_hides_a_message_for_six_times_as_long_as_the_function_may_take(
        self, stack: Stack, rate: IActivity, timeout: Duration | None, hidden: int
    ) -> None:
        function = define_function(stack, timeout=timeout)
        QueuePlugin(stack, "Score", stage=rate.pre, function=function.add_alias("live"))
        Template.from_stack(stack).has_resource_properties("AWS::SQS::Queue", {"VisibilityTimeout": hidden})


class TestRegistration:
    def test_carries_every_prop_as_text(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(
            stack,
            "Score",
            stage=rate.post,
            filter_policy={"line": ["auto"]},
            mandatory=False,
            order=10,
            always_run=True,
            timeout=Duration.hours(5),
            start_within=Duration.minutes(30),
            description="Scores the customer",
        )
        template = Template.from_stack(stack)
        _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
        assert registration["Properties"].pop("ServiceToken")
        assert registration["Properties"] == {
            "ServiceTimeout": "120",
            "Activity": "Rate",
            "Stage": "post",
            "Name": "Score",
            "SubscriptionArn": stack.resolve(plugin.subscription_arn),
            "Kind": "queue",
            "ReportsStart": "true",
            "Mandatory": "false",
            "Order": "10",
            "AlwaysRun": "true",
            "TimeoutSeconds": "18000",
            "StartWithinSeconds": "1800",
            "Description": "Scores the customer",
            "FilterPolicy": '{"line":["auto"]}',
            "FilterPolicyScope": "MessageAttributes",
        }

    def test_waits_for_no_start_unless_told_to(self, stack: Stack, rate: IActivity) -> None:
        QueuePlugin(stack, "Score", stage=rate.pre, function=define_function(stack))
        Template.from_stack(stack).has_resource_properties(
            REGISTRATION_RESOURCE_TYPE, {"ReportsStart": "false", "StartWithinSeconds": Match.absent()}
        )

    def test_comes_when_all_is_there_that_it_takes_to_report(self, stack: Stack, rate: IActivity) -> None:
        QueuePlugin(stack, "Score", stage=rate.pre, function=define_function(stack))
        template = Template.from_stack(stack)
        _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
        wanted = {only(template, "AWS::SNS::Subscription")[0]}
        wanted |= set(template.find_resources(SOURCE)) | set(template.find_resources("AWS::SQS::QueuePolicy"))
        assert len(wanted) == 5
        assert wanted <= set(registration["DependsOn"])


class TestFunction:
    def test_is_called_with_messages_one_by_one(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack)
        plugin = QueuePlugin(stack, "Score", stage=rate.pre, function=function)
        queue = stack.resolve(plugin.queue.queue_arn)
        _, source = only(Template.from_stack(stack), SOURCE, EventSourceArn=queue)
        assert source["Properties"] == {
            "FunctionName": stack.resolve(function.function_name),
            "EventSourceArn": queue,
            "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }

    @pytest.mark.parametrize(("batch", "window"), [(10, Match.absent()), (11, 1), (10_000, 1)])
    def test_is_called_as_often_and_with_as_much_as_it_is_told(
        self, stack: Stack, rate: IActivity, batch: int, window: object
    ) -> None:
        function = define_function(stack).add_alias("live")
        QueuePlugin(stack, "Score", stage=rate.pre, function=function, max_concurrency=5, batch_size=batch)
        Template.from_stack(stack).has_resource_properties(
            SOURCE,
            {
                "FunctionName": stack.resolve(function.function_name),
                "BatchSize": batch,
                "MaximumBatchingWindowInSeconds": window,
                "ScalingConfig": {"MaximumConcurrency": 5},
            },
        )

    def test_may_read_the_queue_and_report_and_no_more(self, stack: Stack, rate: IActivity) -> None:
        role = bare_role(stack)
        plugin = QueuePlugin(stack, "Score", stage=rate.pre, function=define_function(stack, role=role))
        template = Template.from_stack(stack)
        assert allowed_to(template, logical_id(role)) == {
            logical_id(plugin.queue): LAMBDA_CONSUMES,
            results_queue(template): {"sqs:SendMessage"},
        }

    def test_is_connected_after_its_right_to_read(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(stack, "Score", stage=rate.pre, function=define_function(stack, role=bare_role(stack)))
        template = Template.from_stack(stack)
        _, source = only(template, SOURCE, EventSourceArn=stack.resolve(plugin.queue.queue_arn))
        readers = [name for name in template.find_resources("AWS::IAM::Policy") if name.startswith("ScoreReader")]
        assert source["DependsOn"] == readers

    def test_knows_its_name_and_when_it_receives_a_message_for_the_last_time(
        self, stack: Stack, rate: IActivity
    ) -> None:
        QueuePlugin(stack, "Score", stage=rate.pre, function=define_function(stack).add_alias("live"), max_receives=5)
        Template.from_stack(stack).has_resource_properties(
            "AWS::Lambda::Function",
            {"Environment": {"Variables": {"ORCHESTRATOR_PLUGIN_NAME": "Score", "ORCHESTRATOR_MAX_RECEIVES": "5"}}},
        )

    def test_has_no_destination_because_the_queue_repeats_what_failed(self, stack: Stack, rate: IActivity) -> None:
        QueuePlugin(stack, "Score", stage=rate.pre, function=define_function(stack))
        Template.from_stack(stack).resource_count_is("AWS::Lambda::EventInvokeConfig", 0)

    def test_may_be_imported_with_its_role(self, stack: Stack, rate: IActivity) -> None:
        function = lambda_.Function.from_function_attributes(
            stack,
            "Fn",
            function_arn=stack.format_arn(service="lambda", resource="function", resource_name="score"),
            role=iam.Role.from_role_name(stack, "Role", "score-role"),
            same_environment=True,
        )
        QueuePlugin(stack, "Score", stage=rate.pre, function=function)
        template = Template.from_stack(stack)
        policies = template.find_resources("AWS::IAM::Policy", {"Properties": {"Roles": ["score-role"]}})
        assert len(policies) == 2  # to read, and to report
        template.resource_count_is(SOURCE, 2)


class TestDeadLetters:
    def test_are_reported_by_a_function_that_may_do_nothing_else(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(stack, "Score", stage=rate.pre)
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::Lambda::Function",
            {
                "Handler": DEAD_LETTERS,
                "Environment": {"Variables": {"ORCHESTRATOR_PLUGIN_NAME": "Score", "ORCHESTRATOR_MAX_RECEIVES": "3"}},
                "Layers": Match.absent(),
                "MemorySize": 256,
                "Timeout": 30,
            },
        )
        log_group, _ = only(template, "AWS::Logs::LogGroup", RetentionInDays=30)
        assert allowed_to(template, role_of_handler(template, DEAD_LETTERS)) == {
            logical_id(plugin.dead_letter_queue): LAMBDA_CONSUMES,
            results_queue(template): {"sqs:SendMessage"},
            log_group: {"logs:CreateLogStream", "logs:PutLogEvents"},
        }
        template.has_resource_properties(
            SOURCE,
            {
                "EventSourceArn": stack.resolve(plugin.dead_letter_queue.queue_arn),
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
        )

    def test_stay_hidden_while_that_function_may_work(self, stack: Stack, rate: IActivity) -> None:
        QueuePlugin(stack, "Score", stage=rate.pre)
        Template.from_stack(stack).has_resource_properties(
            "AWS::SQS::Queue", {"VisibilityTimeout": 180, "MessageRetentionPeriod": 14 * 86_400}
        )


class TestConsumerOutsideOfLambda:
    def test_may_read_and_report_and_is_known_as_sender(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(stack, "Score", stage=rate.pre)
        task = bare_role(stack, "Task", "ecs-tasks.amazonaws.com")
        plugin.grant_consume(task).assert_success()
        template = Template.from_stack(stack)
        assert allowed_to(template, logical_id(task)) == {
            logical_id(plugin.queue): CONSUME,
            results_queue(template): {"sqs:SendMessage"},
        }
        _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
        assert registration["Properties"]["SenderRoleIds"] == {
            "Fn::Join": [
                "",
                [
                    {"Fn::GetAtt": [role_of_handler(template, DEAD_LETTERS), "RoleId"]},
                    ",",
                    {"Fn::GetAtt": [logical_id(task), "RoleId"]},
                ],
            ]
        }

    def test_granted_twice_is_let_in_once(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(stack, "Score", stage=rate.pre)
        task = bare_role(stack, "Task")
        plugin.grant_consume(task)
        plugin.grant_consume(task)
        template = Template.from_stack(stack)
        _, policy = only(template, "AWS::IAM::Policy", Roles=[{"Ref": logical_id(task)}])
        assert len(policy["Properties"]["PolicyDocument"]["Statement"]) == 2  # to read, and to report
        _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
        assert json.dumps(registration["Properties"]["SenderRoleIds"]).count(logical_id(task)) == 1

    def test_with_an_imported_role_is_let_in_but_not_told_from_strangers(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(stack, "Score", stage=rate.pre)
        plugin.grant_consume(iam.Role.from_role_name(stack, "Task", "task-role"))
        template = Template.from_stack(stack)
        _, policy = only(template, "AWS::IAM::Policy", Roles=["task-role"])
        actions = [one["Action"] for one in policy["Properties"]["PolicyDocument"]["Statement"]]
        assert [set(actions[0]), actions[1]] == [CONSUME, "sqs:SendMessage"]
        template.has_resource_properties(REGISTRATION_RESOURCE_TYPE, {"SenderRoleIds": Match.absent()})

    def test_as_long_as_nobody_is_let_in_anybody_may_report(self, stack: Stack, rate: IActivity) -> None:
        """The consumer may be of another app: known would be the reader of dead letters alone."""
        QueuePlugin(stack, "Score", stage=rate.pre)
        Template.from_stack(stack).has_resource_properties(
            REGISTRATION_RESOURCE_TYPE, {"SenderRoleIds": Match.absent()}
        )

    def test_beside_an_imported_role_a_known_one_makes_no_difference(self, stack: Stack, rate: IActivity) -> None:
        plugin = QueuePlugin(stack, "Score", stage=rate.pre)
        plugin.grant_consume(bare_role(stack, "Task"))
        plugin.grant_consume(iam.Role.from_role_name(stack, "Imported", "task-role"))
        Template.from_stack(stack).has_resource_properties(
            REGISTRATION_RESOURCE_TYPE, {"SenderRoleIds": Match.absent()}
        )

    def test_a_function_with_an_imported_role_may_report(self, stack: Stack, rate: IActivity) -> None:
        function = define_function(stack, role=iam.Role.from_role_name(stack, "Imported", "score-role"))
        QueuePlugin(stack, "Score", stage=rate.pre, function=function)
        Template.from_stack(stack).has_resource_properties(
            REGISTRATION_RESOURCE_TYPE, {"SenderRoleIds": Match.absent()}
        )

    def test_in_a_later_stack_knows_the_queue_and_is_not_known_here(self) -> None:
        app = App(context=dict(NO_BUNDLING))
        team, tasks = Stack(app, "Team"), Stack(app, "Tasks")
        plugin = QueuePlugin(team, "Score", stage=imported_activity(team).pre)
        task = bare_role(tasks, "Task")
        CfnOutput(tasks, "Queue", value=plugin.queue.queue_url)
        plugin.grant_consume(task)
        app.synth()  # refuses stacks that need each other
        policy = json.dumps(Template.from_stack(tasks).find_resources("AWS::IAM::Policy"))
        assert all(action in policy for action in (*CONSUME, "sqs:SendMessage"))
        Template.from_stack(team).has_resource_properties(REGISTRATION_RESOURCE_TYPE, {"SenderRoleIds": Match.absent()})

    def test_and_function_may_live_in_stacks_of_their_own(self) -> None:
        app = App(context=dict(NO_BUNDLING))
        platform, functions, team = (Stack(app, name) for name in ("Platform", "Functions", "Team"))
        core = OrchestratorCore(platform, "Core", system="claims", stage="dev", exports=False)
        rate = Activity(platform, "Rate", core=core)
        QueuePlugin(team, "Score", stage=rate.pre, function=define_function(functions))
        app.synth()  # refuses stacks that need each other
        assert not Template.from_stack(platform).find_outputs("*", {"Export": Match.any_value()})
        assert not Template.from_stack(team).find_outputs("*", {"Export": Match.any_value()})


def test_works_on_every_stage_of_an_activity_in_the_core_s_stack() -> None:
    stack = team_stack()
    rate = Activity(stack, "Rate", core=OrchestratorCore(stack, "Core", system="claims", stage="dev"))
    for position in ("pre", "parallel", "post"):
        QueuePlugin(stack, f"On-{position}", stage=getattr(rate, position), function=define_function(stack, position))
    template = Template.from_stack(stack)
    for position in ("pre", "parallel", "post"):
        topic = stack.resolve(getattr(rate, position).topic.topic_arn)
        only(template, "AWS::SNS::Subscription", TopicArn=topic, Protocol="sqs")


def test_cdk_nag_finds_nothing() -> None:
    app = App(context=dict(NO_BUNDLING))
    stack = team_stack(app)
    plugin = QueuePlugin(
        stack, "Score", stage=imported_activity(stack).pre, function=define_function(stack, role=bare_role(stack))
    )
    plugin.grant_consume(bare_role(stack, "Task"))
    nag(app)


def test_cfn_lint_finds_nothing(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    plugin = QueuePlugin(stack, "Score", stage=rate.pre, function=function, max_concurrency=2, batch_size=100)
    plugin.grant_consume(bare_role(stack))
    assert lint(stack) == []
