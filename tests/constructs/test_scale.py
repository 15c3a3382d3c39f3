"""What the page on 10,000 plugins says of templates: what a plugin takes of a stack, and what the core is given."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
from aws_cdk import Stack
from aws_cdk.assertions import Template

from benchmarks import throughput
from orchestrator_constructs import IActivity, Plugin, QueuePlugin
from orchestrator_constructs.workflow.run_states import DEFAULT_RUN_DAYS
from orchestrator_runtime.contract import DEFAULT_RETENTION_DAYS, Handler
from tests.constructs.plugin_stacks import define_function, imported_activity, only, team_stack
from tests.constructs.synthesis import StackTemplate
from tests.docs.pages import PROJECT, begins_a_row

PAGE = PROJECT / "docs" / "scale.md"
RESOURCES_OF_A_STACK = 500
POLICY_BYTES = 20_480
PLUGINS = 10_000
READS_OF_SUBSCRIPTIONS = 30
"""A second, that SNS allows."""


def define_plugin(stack: Stack, rate: IActivity, name: str) -> None:
    Plugin(stack, name, stage=rate.parallel, function=define_function(stack, name))


def define_queue_plugin(stack: Stack, rate: IActivity, name: str) -> None:
    QueuePlugin(stack, name, stage=rate.parallel, function=define_function(stack, name))


@pytest.mark.parametrize(
    ("define", "limit", "said"),
    [
        (
            define_plugin,
            "resources of a CloudFormation stack: 500",
            "a plugin with its function has {each}, a stack takes {most}",
        ),
        (
            define_queue_plugin,
            "the same, with a queue in front",
            "a queue plugin with its function has {each}, a stack takes {most}",
        ),
    ],
    ids=["function", "queue"],
)
def test_plugins_of_a_stack(define: Callable[[Stack, IActivity, str], None], limit: str, said: str) -> None:
    fewer, more = resources(define, "One"), resources(define, "One", "Two")
    each = more - fewer
    assert begins_a_row(PAGE, limit, said.format(each=each, most=RESOURCES_OF_A_STACK // each))


def resources(define: Callable[[Stack, IActivity, str], None], *names: str) -> int:
    stack = team_stack()
    rate = imported_activity(stack)
    for name in names:
        define(stack, rate, name)
    return len(Template.from_stack(stack).to_json()["Resources"])


def test_permissions_of_a_function(stack: Stack, rate: IActivity) -> None:
    """The statement that Lambda makes of the permission, as ``GetPolicy`` shows it."""
    define_plugin(stack, rate, "Score")
    Plugin(stack, "Again", stage=rate.pre, function=stack.node.find_child("ScoreFunction"), name="Score")  # type: ignore[arg-type]
    name, permission = only(Template.from_stack(stack), "AWS::Lambda::Permission")
    assert permission["Properties"]["SourceArn"]["Fn::Join"][1][-1] == ":claims-dev-*"
    here = "eu-west-1:123456789012"
    statement = {
        "Sid": f"{stack.stack_name}-{name}-1A2B3C4D5E6F",
        "Effect": "Allow",
        "Principal": {"Service": permission["Properties"]["Principal"]},
        "Action": permission["Properties"]["Action"],
        "Resource": f"arn:aws:lambda:{here}:function:{stack.stack_name}-ScoreFunction14DEB70C-1A2B3C4D5E6F",
        "Condition": {"ArnLike": {"AWS:SourceArn": f"arn:aws:sns:{here}:claims-dev-*"}},
    }
    size = len(json.dumps(statement, separators=(",", ":")))
    told = f"one permission for each core, whatever the number of its stages: {size} bytes here"
    assert begins_a_row(
        PAGE,
        f"a function's resource policy: {POLICY_BYTES:,} bytes",
        f"{told}, so {POLICY_BYTES // size} cores",
    ), size


def test_reconciliation_has_time_for_all(claims: StackTemplate) -> None:
    timeout = claims.function(Handler.RECONCILE)["Properties"]["Timeout"]
    takes = math.ceil(PLUGINS / READS_OF_SUBSCRIPTIONS)
    assert takes < timeout
    assert begins_a_row(
        PAGE,
        f"reconciliation: {READS_OF_SUBSCRIPTIONS} calls a second, one for each subscription",
        f"{PLUGINS:,} / {READS_OF_SUBSCRIPTIONS} = {takes} s of the {timeout} s that the function has",
    )
    assert f"beyond {timeout * READS_OF_SUBSCRIPTIONS:,} plugins" in PAGE.read_text()


def test_reports_are_tried_for_hours(claims: StackTemplate) -> None:
    queue = claims.named("claims-dev-results")["Properties"]
    receives, hidden = queue["RedrivePolicy"]["maxReceiveCount"], queue["VisibilityTimeout"]
    hours = receives * hidden / 3600
    assert f"{receives} receives last, which with {hidden} s between two is {hours:g} hours" in PAGE.read_text()


def test_how_long_a_run_is_kept() -> None:
    assert throughput.DEFAULT_RUN_DAYS == DEFAULT_RUN_DAYS
    days = DEFAULT_RUN_DAYS + DEFAULT_RETENTION_DAYS
    assert f"for the {days} days that a run is kept by default" in PAGE.read_text()
