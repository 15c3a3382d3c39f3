"""What ``QueuePlugin`` puts into a template for a FIFO queue, which a topic cannot fill by itself."""

from __future__ import annotations

from aws_cdk import App, Stack
from aws_cdk.assertions import Match, Template

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
    team_stack,
)
from tests.constructs.synthesis import NO_BUNDLING

FEEDER = "orchestrator_runtime.plugin_queue.forward_to_fifo.lambda_handler"
DEAD_LETTERS = "orchestrator_runtime.plugin_queue.report_dead_letters.lambda_handler"


def feeder_of(template: Template) -> tuple[str, dict[str, object]]:
    name, function = only(template, "AWS::Lambda::Function", Handler=FEEDER)
    return name, function["Properties"]


def test_the_topic_calls_the_feeder(stack: Stack, rate: IActivity) -> None:
    QueuePlugin(stack, "Score", stage=rate.pre, fifo=True)
    template = Template.from_stack(stack)
    name, _ = feeder_of(template)
    arn = {"Fn::GetAtt": [name, "Arn"]}
    undelivered, _ = only(template, "AWS::SQS::Queue", MessageRetentionPeriod=14 * 86_400, FifoQueue=None)
    _, subscription = only(template, "AWS::SNS::Subscription")
    assert subscription["Properties"] == {
        "Protocol": "lambda",
        "TopicArn": stack.resolve(rate.pre.topic_arn(consumer=stack)),
        "Endpoint": arn,
        "FilterPolicy": {"plugins": ["Score"]},
        "FilterPolicyScope": "MessageAttributes",
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": [undelivered, "Arn"]}},
    }
    template.has_resource_properties("AWS::Lambda::Permission", {"FunctionName": arn, "Principal": "sns.amazonaws.com"})
    template.has_resource_properties(
        REGISTRATION_RESOURCE_TYPE,
        {"Kind": "fifo-queue", "ReportsStart": "false"},
    )


def test_the_feeder_knows_queue_and_key(stack: Stack, rate: IActivity) -> None:
    plugin = QueuePlugin(stack, "Score", stage=rate.pre, fifo=True, fifo_key="policy_number")
    _, feeder = feeder_of(Template.from_stack(stack))
    assert feeder["Environment"] == {
        "Variables": {
            "ORCHESTRATOR_PLUGIN_NAME": "Score",
            "ORCHESTRATOR_FIFO_QUEUE_URL": stack.resolve(plugin.queue.queue_url),
            "ORCHESTRATOR_FIFO_KEY": "policy_number",
        }
    }
    assert "Layers" not in feeder


def test_the_run_orders_where_no_key_is_named(stack: Stack, rate: IActivity) -> None:
    QueuePlugin(stack, "Score", stage=rate.pre, fifo=True)
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": {"ORCHESTRATOR_FIFO_KEY": Match.absent()}}}
    )


def test_the_feeder_may_fill_the_queue_and_lambda_report_its_failure(stack: Stack, rate: IActivity) -> None:
    plugin = QueuePlugin(stack, "Score", stage=rate.pre, fifo=True)
    template = Template.from_stack(stack)
    ((results, _),) = template.find_parameters("*", {"Default": "/claims/dev/core/results-queue-arn"}).items()
    name, feeder = feeder_of(template)
    allowed = allowed_to(template, referred(feeder["Role"]))
    logs = [resource for resource in allowed if "FeederLogs" in resource]
    assert allowed == {
        logical_id(plugin.queue): {"sqs:SendMessage"},
        results: {"sqs:SendMessage"},
        logs[0]: {"logs:CreateLogStream", "logs:PutLogEvents"},
    }
    template.has_resource_properties(
        "AWS::Lambda::EventInvokeConfig",
        {
            "FunctionName": {"Ref": name},
            "DestinationConfig": {"OnFailure": {"Destination": {"Ref": results}}, "OnSuccess": Match.absent()},
        },
    )


def test_the_queue_keeps_order_and_dies_into_a_queue_of_its_kind(stack: Stack, rate: IActivity) -> None:
    plugin = QueuePlugin(stack, "Score", stage=rate.pre, fifo=True, function=define_function(stack))
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {
            "FifoQueue": True,
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
            "RedrivePolicy": {
                "deadLetterTargetArn": stack.resolve(plugin.dead_letter_queue.queue_arn),
                "maxReceiveCount": 3,
            },
        },
    )
    dead = template.to_json()["Resources"][logical_id(plugin.dead_letter_queue)]["Properties"]
    assert dead["FifoQueue"] is True


def test_dead_letters_of_the_queue_and_of_the_subscription_are_reported(stack: Stack, rate: IActivity) -> None:
    QueuePlugin(stack, "Score", stage=rate.pre, fifo=True)
    template = Template.from_stack(stack)
    name, _ = only(template, "AWS::Lambda::Function", Handler=DEAD_LETTERS)
    sources = template.find_resources(
        "AWS::Lambda::EventSourceMapping", {"Properties": {"FunctionName": {"Ref": name}}}
    )
    queues = {referred(one["Properties"]["EventSourceArn"]) for one in sources.values()}
    kept_longest = template.find_resources("AWS::SQS::Queue", {"Properties": {"MessageRetentionPeriod": 14 * 86_400}})
    assert queues == set(kept_longest)
    assert len(queues) == 2


def test_all_who_may_report_are_known(stack: Stack, rate: IActivity) -> None:
    role = bare_role(stack)
    QueuePlugin(stack, "Score", stage=rate.pre, fifo=True, function=define_function(stack, role=role))
    template = Template.from_stack(stack)
    _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
    delimiter, parts = registration["Properties"]["SenderRoleIds"]["Fn::Join"]
    assert (delimiter, parts[1::2]) == ("", [",", ","])
    reporting = [
        only(template, "AWS::Lambda::Function", Handler=one)[1]["Properties"] for one in (FEEDER, DEAD_LETTERS)
    ]
    expected = {logical_id(role), *(referred(one["Role"]) for one in reporting)}
    assert {referred(part) for part in parts[::2]} == expected


def test_registration_comes_after_what_reports_failures(stack: Stack, rate: IActivity) -> None:
    QueuePlugin(stack, "Score", stage=rate.pre, fifo=True)
    template = Template.from_stack(stack)
    _, registration = only(template, REGISTRATION_RESOURCE_TYPE)
    kinds = ("SNS::Subscription", "Lambda::Permission", "Lambda::EventInvokeConfig")
    assert {only(template, f"AWS::{kind}")[0] for kind in kinds} <= set(registration["DependsOn"])


def test_cdk_nag_and_cfn_lint_find_nothing() -> None:
    app = App(context=dict(NO_BUNDLING))
    stack = team_stack(app)
    function = define_function(stack, role=bare_role(stack))
    QueuePlugin(stack, "Score", stage=imported_activity(stack).pre, fifo=True, fifo_key="policy", function=function)
    assert lint(stack) == []
    nag(app)
