"""The functions of the core: their environments, their roles, and the props that limit them."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from orchestrator_constructs import Activity, IOrchestratorCore, OrchestratorCore, Workflow
from orchestrator_runtime.contract import CHECK_DEADLINES_EVERY_SECONDS, Env, Handler
from orchestrator_runtime.custom_resources import STAGES_RESOURCE_TYPE
from orchestrator_runtime.deployment import Deployment
from tests.constructs.synthesis import StackTemplate, synthesize

CLAIMS = Deployment("claims", "dev")
OF_THE_CORE = [handler for handler in Handler if handler is not Handler.WATCH_RUNS]
"""``WorkflowMonitoring`` defines the other."""
STATUS, CONTROL, REGISTRY = "CoreStatusAE845D7E", "CoreControl6EA14BB9", "CoreRegistry6A5719C9"
TOPICS = "arn:<Partition>:sns:<Region>:<AccountId>:claims-dev-*"
WORKFLOWS = "arn:<Partition>:states:<Region>:<AccountId>:stateMachine:claims-dev-workflow-"
DEAD_SWEEPS = "CoreDeadLettersSweeps0AC0BEB8"
EXECUTIONS = "arn:<Partition>:states:<Region>:<AccountId>:execution:claims-dev-workflow-*:*"
ACTIVITIES = "arn:<Partition>:ssm:<Region>:<AccountId>:parameter/claims/dev/activities"
ROWS = {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem"}
CONTROL_ITEMS = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
ACTIVITY_WORK = {
    f"<{STATUS}>": ROWS | {"dynamodb:DeleteItem"},
    f"<{CONTROL}>": CONTROL_ITEMS - {"dynamodb:PutItem"},
    f"<{REGISTRY}>": {"dynamodb:Query"},
    TOPICS: {"sns:Publish"},
    f"{WORKFLOWS}*": {"states:SendTaskSuccess", "states:SendTaskFailure"},
}
ENDING = {
    f"<{STATUS}>": ROWS,
    f"<{CONTROL}>": CONTROL_ITEMS,
    f"{WORKFLOWS}*": {"states:SendTaskFailure"},
}
REGISTRY_WORK = {
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
}
PLUGIN_CALLS = {"lambda:InvokeFunction", "lambda:GetFunctionConfiguration", "lambda:GetPolicy"}
ACTIVITY_ENV = {
    Env.STATUS_TABLE: f"<{STATUS}>",
    Env.CONTROL_TABLE: f"<{CONTROL}>",
    Env.REGISTRY_TABLE: f"<{REGISTRY}>",
    Env.RESULTS_QUEUE_URL: "<claims-dev-results>",
    Env.TOPIC_ARN_PREFIX: TOPICS.removesuffix("*"),
}
REGISTRATION_ENV = {
    Env.REGISTRY_TABLE: f"<{REGISTRY}>",
    Env.TOPIC_ARN_PREFIX: TOPICS.removesuffix("*"),
}


@pytest.mark.parametrize("handler", OF_THE_CORE)
def test_functions_run_on_arm_with_their_layer_and_log_group(claims: StackTemplate, handler: Handler) -> None:
    properties = claims.function(handler)["Properties"]
    assert properties["FunctionName"] == CLAIMS.function(handler)
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == ["arm64"]
    assert len(properties["Layers"]) == 1
    assert properties["LoggingConfig"]["LogFormat"] == "JSON"
    log_group = claims.resources("AWS::Logs::LogGroup")[properties["LoggingConfig"]["LogGroup"]["Ref"]]
    assert log_group["Properties"] == {"RetentionInDays": 30}
    assert log_group["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (Handler.BEGIN_RUN, {Env.STATUS_TABLE: f"<{STATUS}>", Env.RETENTION_DAYS: "90"}),
        (Handler.OPEN_ACTIVITY, ACTIVITY_ENV),
        (Handler.RECORD_RESULT, ACTIVITY_ENV),
        (Handler.CHECK_DEADLINES, ACTIVITY_ENV),
        (Handler.END_RUN, {Env.STATUS_TABLE: f"<{STATUS}>", Env.CONTROL_TABLE: f"<{CONTROL}>"}),
        (Handler.CANCEL_RUN, {Env.STATUS_TABLE: f"<{STATUS}>", Env.CONTROL_TABLE: f"<{CONTROL}>"}),
        (
            Handler.SWEEP_RUNS,
            {
                Env.STATUS_TABLE: f"<{STATUS}>",
                Env.CONTROL_TABLE: f"<{CONTROL}>",
                Env.WORKFLOW_ARN_PREFIX: WORKFLOWS,
            },
        ),
        (Handler.REGISTER_PLUGIN, {**REGISTRATION_ENV, Env.PLUGINS_PER_STAGE: "200"}),
        (Handler.REGISTER_STAGES, {Env.REGISTRY_TABLE: f"<{REGISTRY}>"}),
        (
            Handler.RECONCILE,
            {
                **REGISTRATION_ENV,
                Env.ACTIVITIES_PATH: "/claims/dev/activities/",
                Env.PLUGINS_PER_STAGE: "200",
            },
        ),
    ],
)
def test_functions_have_the_environment_that_they_need(
    claims: StackTemplate, handler: Handler, expected: dict[Env, str]
) -> None:
    variables = claims.readable(claims.function(handler)["Properties"]["Environment"]["Variables"])
    ours = {key: value for key, value in variables.items() if not key.startswith("POWERTOOLS_")}
    assert ours == {variable.value: value for variable, value in expected.items()}


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (
            Handler.BEGIN_RUN,
            {f"<{STATUS}>": ROWS, EXECUTIONS: {"states:DescribeExecution"}},
        ),
        (Handler.OPEN_ACTIVITY, {**ACTIVITY_WORK, f"<{CONTROL}>": CONTROL_ITEMS}),
        (
            Handler.CHECK_DEADLINES,
            {**ACTIVITY_WORK, f"<{CONTROL}>": CONTROL_ITEMS, f"<{CONTROL}>/index/due_activities": {"dynamodb:Query"}},
        ),
        (
            Handler.RECORD_RESULT,
            {
                **ACTIVITY_WORK,
                f"<{REGISTRY}>": {"dynamodb:GetItem", "dynamodb:Query"},
                "<claims-dev-results>": {
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                },
            },
        ),
        (Handler.END_RUN, ENDING),
        (Handler.CANCEL_RUN, {**ENDING, EXECUTIONS: {"states:StopExecution"}}),
        (
            Handler.SWEEP_RUNS,
            {
                **ENDING,
                f"<{STATUS}>/index/active_runs": {"dynamodb:Query"},
                EXECUTIONS: {"states:DescribeExecution"},
                f"{WORKFLOWS}*": {"states:SendTaskFailure", "states:ListExecutions"},
                f"<{DEAD_SWEEPS}>": {"sqs:SendMessage"},
            },
        ),
        (
            Handler.REGISTER_PLUGIN,
            {
                f"<{REGISTRY}>": REGISTRY_WORK,
                TOPICS: {
                    "sns:GetTopicAttributes",
                    "sns:GetSubscriptionAttributes",
                    "sns:ListSubscriptionsByTopic",
                },
                "<CoreDeadLettersRegistrations52157AF3>": {"sqs:SendMessage"},
            },
        ),
        (
            Handler.REGISTER_STAGES,
            {
                f"<{REGISTRY}>": {"dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"},
                "arn:<Partition>:cloudformation:<Region>:<AccountId>:stack/*": {"cloudformation:DescribeStacks"},
                "<CoreDeadLettersRegistrations52157AF3>": {"sqs:SendMessage"},
            },
        ),
        (
            Handler.RECONCILE,
            {
                f"<{REGISTRY}>": REGISTRY_WORK,
                f"<{REGISTRY}>/index/by_function": {"dynamodb:Query"},
                TOPICS: {"sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes"},
                f"{ACTIVITIES}": {"ssm:GetParametersByPath"},
                f"{ACTIVITIES}/*": {"ssm:GetParametersByPath"},
                "arn:<Partition>:lambda:<Region>:<AccountId>:function:*": PLUGIN_CALLS,
                "<CoreDeadLettersReconciliations264D2C56>": {"sqs:SendMessage"},
            },
        ),
    ],
)
def test_functions_may_do_what_their_handlers_do(
    claims: StackTemplate, handler: Handler, expected: dict[str, set[str]]
) -> None:
    properties = claims.function(handler)
    log_group = properties["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    assert claims.allowed(properties) == {
        **expected,
        f"<{log_group}>": {"logs:CreateLogStream", "logs:PutLogEvents"},
        "*": {"xray:PutTraceSegments", "xray:PutTelemetryRecords"},
    }


def test_no_role_carries_a_managed_policy(claims: StackTemplate) -> None:
    assert not [
        role for role in claims.resources("AWS::IAM::Role").values() if "ManagedPolicyArns" in role["Properties"]
    ]


@pytest.mark.parametrize("handler", [Handler.RECONCILE, Handler.SWEEP_RUNS])
def test_functions_that_read_everything_have_the_longest_timeout(claims: StackTemplate, handler: Handler) -> None:
    assert claims.function(handler)["Properties"]["Timeout"] == 900


def test_deadlines_are_checked_within_a_minute_with_more_memory(claims: StackTemplate) -> None:
    properties = {handler: claims.function(handler)["Properties"] for handler in OF_THE_CORE}
    assert properties[Handler.CHECK_DEADLINES]["Timeout"] < CHECK_DEADLINES_EVERY_SECONDS
    assert {handler: found["MemorySize"] for handler, found in properties.items()} == {
        **dict.fromkeys(OF_THE_CORE, 512),
        Handler.CHECK_DEADLINES: 1024,
    }


@pytest.mark.parametrize(
    ("handler", "queue"),
    [
        (Handler.SWEEP_RUNS, DEAD_SWEEPS),
        (Handler.REGISTER_PLUGIN, "CoreDeadLettersRegistrations52157AF3"),
        (Handler.REGISTER_STAGES, "CoreDeadLettersRegistrations52157AF3"),
        (Handler.RECONCILE, "CoreDeadLettersReconciliations264D2C56"),
    ],
)
def test_asynchronous_invocations_that_fail_for_good_are_kept(
    claims: StackTemplate, handler: Handler, queue: str
) -> None:
    """Reconciliation leaves a function that is being updated to Lambda's next attempt, of three."""
    properties = claims.function(handler)["Properties"]
    assert claims.readable(properties["DeadLetterConfig"]) == {"TargetArn": f"<{queue}>"}
    configured = claims.resources("AWS::Lambda::EventInvokeConfig").values()
    assert {claims.readable(config["Properties"]["FunctionName"]) for config in configured} == {
        "<claims-dev-check-deadlines>",
        "<claims-dev-register-plugin>",
        "<claims-dev-register-stages>",
    }


@pytest.mark.parametrize("handler", [Handler.REGISTER_PLUGIN, Handler.REGISTER_STAGES])
def test_what_cloudformation_asks_is_done_before_it_gives_up_or_not_at_all(
    claims: StackTemplate, handler: Handler
) -> None:
    """Lambda's third attempt comes three minutes after the first: by then CloudFormation has deleted the resource."""
    (config,) = [
        found["Properties"]
        for found in claims.resources("AWS::Lambda::EventInvokeConfig").values()
        if claims.readable(found["Properties"]["FunctionName"]) == f"<{CLAIMS.function(handler)}>"
    ]
    age, timeout = config["MaximumEventAgeInSeconds"], claims.function(handler)["Properties"]["Timeout"]
    assert (age, config["MaximumRetryAttempts"]) == (75, 1)
    patience = {int(found["Properties"]["ServiceTimeout"]) for found in claims.resources(STAGES_RESOURCE_TYPE).values()}
    assert patience == {120}
    assert age + timeout < min(patience)


def core_with(**props: Any) -> StackTemplate:
    """The template of a core with some props."""

    def define(app: App) -> None:
        OrchestratorCore(Stack(app, "Core"), "Core", system="claims", stage="dev", **props)

    return synthesize(define).stacks["Core"]


def test_functions_to_ask_can_be_named() -> None:
    score = "arn:aws:lambda:eu-west-1:123456789012:function:score"
    team = "arn:aws:lambda:eu-west-1:123456789012:function:team-*"
    template = core_with(plugin_functions=[score, team])
    allowed = template.allowed(template.function(Handler.RECONCILE))
    assert {key for key, actions in allowed.items() if actions == PLUGIN_CALLS} == {score, f"{score}:*", team}


def test_no_function_need_be_asked() -> None:
    template = core_with(plugin_functions=[])
    allowed = template.allowed(template.function(Handler.RECONCILE))
    assert not [key for key, actions in allowed.items() if actions & PLUGIN_CALLS]


def test_a_raised_quota_of_filter_policies_is_passed_on() -> None:
    template = core_with(plugins_per_stage=500)
    for handler in (Handler.REGISTER_PLUGIN, Handler.RECONCILE):
        variables = template.function(handler)["Properties"]["Environment"]["Variables"]
        assert variables[Env.PLUGINS_PER_STAGE] == "500"


def test_only_record_result_may_be_invoked_repeatedly_in_one_chain(claims: StackTemplate) -> None:
    """Lambda stops a function after sixteen invocations in a chain of SNS and SQS; activities may have more plugins."""
    loops = {handler: claims.function(handler)["Properties"].get("RecursiveLoop") for handler in OF_THE_CORE}
    assert loops == {**dict.fromkeys(OF_THE_CORE), Handler.RECORD_RESULT: "Allow"}


def test_concurrency_can_be_reserved() -> None:
    template = core_with(reserved_concurrency={Handler.RECORD_RESULT: 20, Handler.OPEN_ACTIVITY: 50})
    reserved = {h: template.function(h)["Properties"].get("ReservedConcurrentExecutions") for h in OF_THE_CORE}
    assert reserved == {**dict.fromkeys(OF_THE_CORE), Handler.RECORD_RESULT: 20, Handler.OPEN_ACTIVITY: 50}
    (mapping,) = template.resources("AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 20}


def in_a_network(app: App) -> None:
    stack = Stack(app, "Core")
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
    OrchestratorCore(stack, "Core", system="claims", stage="dev", vpc=vpc)


NETWORK = {
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}


def test_functions_run_in_a_network() -> None:
    template = synthesize(in_a_network).stacks["Core"]
    (group,) = template.resources("AWS::EC2::SecurityGroup")
    for handler in OF_THE_CORE:
        function = template.function(handler)
        config = function["Properties"]["VpcConfig"]
        assert config["SecurityGroupIds"] == [{"Fn::GetAtt": [group, "GroupId"]}]
        assert all("Private" in subnet["Ref"] for subnet in config["SubnetIds"])
        assert template.allowed(function)["*"] >= NETWORK


def test_a_network_of_ones_own_groups_and_subnets() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Core")
        vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
        OrchestratorCore(
            stack,
            "Core",
            system="claims",
            stage="dev",
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnets=[vpc.private_subnets[0]]),
            security_groups=[ec2.SecurityGroup(stack, "Mine", vpc=vpc)],
        )

    template = synthesize(define).stacks["Core"]
    config = template.function(Handler.BEGIN_RUN)["Properties"]["VpcConfig"]
    (group,) = template.resources("AWS::EC2::SecurityGroup")
    assert config["SecurityGroupIds"] == [{"Fn::GetAtt": [group, "GroupId"]}]
    assert len(config["SubnetIds"]) == 1


def boundaries(template: StackTemplate) -> dict[str, Any]:
    roles = template.resources("AWS::IAM::Role")
    return {key: template.readable(role["Properties"].get("PermissionsBoundary")) for key, role in roles.items()}


def policy(stack: Stack, name: str) -> iam.IManagedPolicy:
    return iam.ManagedPolicy.from_managed_policy_name(stack, f"Policy{name}", name)


def arn_of(name: str) -> str:
    return f"arn:<Partition>:iam::<AccountId>:policy/{name}"


def test_the_permissions_boundary_of_the_core_is_the_default_of_workflows() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "Core")
        core = OrchestratorCore(
            stack, "Core", system="claims", stage="dev", permissions_boundary=policy(stack, "Bounded")
        )
        elsewhere = Stack(app, "Elsewhere")
        rate = Activity(elsewhere, "Rate", core=core)
        Workflow(elsewhere, "Quote", core=core, activities=[rate])
        Workflow(elsewhere, "Other", core=core, activities=[rate], permissions_boundary=policy(elsewhere, "Closer"))

    stacks = synthesize(define).stacks
    assert set(boundaries(stacks["Core"]).values()) == {arn_of("Bounded")}
    assert len(boundaries(stacks["Core"])) == len(OF_THE_CORE)
    roles = boundaries(stacks["Elsewhere"])
    assert {key[:5]: boundary for key, boundary in roles.items()} == {
        "Quote": arn_of("Bounded"),
        "Other": arn_of("Closer"),
    }


def test_nothing_is_bounded_by_default(claims: StackTemplate) -> None:
    assert {value for value in boundaries(claims).values() if value} == set()


@pytest.mark.parametrize("found", [False, True], ids=["in its stack", "by another app"])
def test_a_tool_may_be_let_cancel_runs(found: bool) -> None:
    def define(app: App) -> None:
        stack = Stack(app, "S")
        if found:
            core: IOrchestratorCore = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
        else:
            core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        core.grant_cancel(iam.Role(stack, "Tool", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com")))

    template = synthesize(define).stacks["S"]
    (role,) = [key for key in template.resources("AWS::IAM::Role") if key.startswith("Tool")]
    ((resource, actions),) = template.allowed({"Properties": {"Role": {"Fn::GetAtt": [role, "Arn"]}}}).items()
    assert actions == {"lambda:InvokeFunction"}
    assert resource == ("</claims/dev/core/cancel-run-arn>" if found else "<claims-dev-cancel-run>")
