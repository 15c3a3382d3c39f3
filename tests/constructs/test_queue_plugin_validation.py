"""What ``QueuePlugin`` refuses before anything is deployed."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Annotations, Match, Template

from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.plugin.plugin import Plugin
from orchestrator_constructs.plugin.queue_plugin import QueuePlugin
from tests.constructs.plugin_stacks import define_function

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a slash in the name": ({"name": "a/b"}, "the plugin name 'a/b' is not allowed"),
    "the reserved key": ({"filter_policy": {"plugins": ["Other"]}}, "'plugins' is reserved"),
    "a negative order": ({"order": -1}, "order of plugin 'Team/Score' is -1"),
    "no timeout at all": ({"timeout": Duration.seconds(0)}, "timeout of plugin 'Team/Score' is 0 s"),
    "half a second to start": ({"start_within": Duration.millis(500)}, "start_within of plugin 'Team/Score' is 500 ms"),
    "a key without FIFO": ({"fifo_key": "policy"}, "is 'policy', but its queue is no FIFO queue: set fifo=True"),
    "an empty key": ({"fifo": True, "fifo_key": ""}, "fifo_key of plugin 'Team/Score' is empty"),
    "a large FIFO batch": ({"fifo": True, "batch_size": 11}, "is 11: use a whole number from 1 to 10$"),
    "a huge batch": ({"batch_size": 10_001}, "is 10001: use a whole number from 1 to 10000"),
    "an empty batch": ({"batch_size": 0}, "batch_size of plugin 'Team/Score' is 0"),
    "no receive": ({"max_receives": 0}, "max_receives of plugin 'Team/Score' is 0: use a whole number from 1 to 1000"),
    "a boolean as receives": ({"max_receives": True}, "is True: use a whole number"),
    "too many receives": ({"max_receives": 1001}, "is 1001: use"),
    "one call at a time": ({"max_concurrency": 1}, "is 1: use a whole number from 2 to 1000"),
    "too many calls": ({"max_concurrency": 1001}, "max_concurrency of plugin 'Team/Score' is 1001"),
    "not hidden at all": ({"visibility_timeout": Duration.seconds(0)}, "visibility_timeout of .* is 0 s: use a whole"),
    "half a second hidden": (
        {"visibility_timeout": Duration.millis(60_500)},
        "is 60500 ms: use a whole number of seconds",
    ),
    "hidden too long": ({"visibility_timeout": Duration.hours(13)}, "is 46800 s: .* at most 12 hours"),
    "kept too short": ({"retention": Duration.seconds(59)}, "retention of plugin 'Team/Score' is 59 s"),
    "kept too long": ({"retention": Duration.days(15)}, "is 1296000 s: .*, 60 or more and at most 14 days"),
    "less than the function": (
        {"visibility_timeout": Duration.seconds(59)},
        "visibility_timeout of plugin 'Team/Score' is 59 s, and its function may take 60 s.* Use 360 s",
    ),
}


@pytest.mark.parametrize(("props", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refuses(stack: Stack, rate: IActivity, props: dict[str, Any], sentence: str) -> None:
    function = define_function(stack, timeout=Duration.minutes(1))
    with pytest.raises(ValueError, match=sentence):
        QueuePlugin(stack, "Score", stage=rate.parallel, function=function, **props)


@pytest.mark.parametrize(
    ("props", "sentence"),
    [
        ({"max_concurrency": 5}, "say how Lambda reads the queue, and it has no function"),
        ({"batch_size": 2}, "say how Lambda reads the queue, and it has no function"),
        ({"idempotent": False}, "gives its function a table, and it has no function"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refuses_without_function(stack: Stack, rate: IActivity, props: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        QueuePlugin(stack, "Score", stage=rate.parallel, **props)


def test_takes_what_is_at_the_limits(stack: Stack, rate: IActivity) -> None:
    QueuePlugin(
        stack,
        "Score",
        stage=rate.parallel,
        function=define_function(stack, timeout=Duration.minutes(15)),
        batch_size=10_000,
        max_receives=1000,
        max_concurrency=1000,
        visibility_timeout=Duration.minutes(15),
        retention=Duration.days(14),
    )
    QueuePlugin(
        stack,
        "Rank",
        stage=rate.parallel,
        function=define_function(stack, "Rank"),
        fifo=True,
        batch_size=10,
        max_receives=1,
        max_concurrency=2,
        visibility_timeout=Duration.hours(12),
        retention=Duration.minutes(1),
    )


def test_passes_tokens_on(stack: Stack, rate: IActivity) -> None:
    number: Any = Token.as_number({"Ref": "Number"})
    QueuePlugin(
        stack,
        "Score",
        stage=rate.parallel,
        function=define_function(stack, timeout=Duration.seconds(number)),
        batch_size=number,
        max_receives=number,
        retention=Duration.seconds(number),
    )
    template = Template.from_stack(stack)
    template.has_resource_properties(
        "AWS::SQS::Queue",
        {
            "VisibilityTimeout": 300,
            "MessageRetentionPeriod": {"Ref": "Number"},
            "RedrivePolicy": {"maxReceiveCount": {"Ref": "Number"}},
        },
    )
    template.has_resource_properties("AWS::Lambda::EventSourceMapping", {"BatchSize": {"Ref": "Number"}})
    template.has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": {"ORCHESTRATOR_MAX_RECEIVES": {"Ref": "Number"}}}}
    )


SHORT = "orchestrator:retentionShort"


@pytest.mark.parametrize(
    ("retention", "timeout", "wanted"),
    [(Duration.hours(1), Duration.hours(2), 7200), (Duration.days(13), Duration.days(30), 14 * 86_400)],
    ids=["shorter than the timeout", "shorter than a queue could keep it"],
)
def test_warns_of_a_queue_that_loses_what_the_plugin_has_time_for(
    stack: Stack, rate: IActivity, retention: Duration, timeout: Duration, wanted: int
) -> None:
    QueuePlugin(stack, "Score", stage=rate.parallel, retention=retention, timeout=timeout)
    (warning,) = Annotations.from_stack(stack).find_warning("/Team/Score", Match.string_like_regexp(SHORT))
    assert f"Use {wanted} s, or leave retention out" in str(warning.entry.data)


@pytest.mark.parametrize(
    ("retention", "timeout"),
    [
        (Duration.hours(2), Duration.hours(2)),
        (Duration.days(14), Duration.days(30)),
        (None, Duration.days(30)),
        (Duration.minutes(1), None),
        (Duration.minutes(1), Duration.seconds(Token.as_number({"Ref": "Number"}))),
    ],
    ids=["as long", "as long as a queue can", "by default", "unknown timeout", "token"],
)
def test_does_not_warn_of_a_queue_that_keeps(
    stack: Stack, rate: IActivity, retention: Duration | None, timeout: Duration | None
) -> None:
    QueuePlugin(stack, "Score", stage=rate.parallel, retention=retention, timeout=timeout)
    Annotations.from_stack(stack).has_no_warning("*", Match.string_like_regexp(SHORT))


def test_refuses_a_function_whose_role_is_not_known(stack: Stack, rate: IActivity) -> None:
    function = lambda_.Function.from_function_name(stack, "Fn", "score")
    with pytest.raises(ValueError, match=r"was imported without its role.*Function\.from_function_attributes"):
        QueuePlugin(stack, "Score", stage=rate.parallel, function=function)


def test_refuses_a_second_plugin_of_that_name_of_whatever_kind(stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
    with pytest.raises(ValueError, match="plugin 'Score' of stage claims-dev/Rate/parallel is defined twice"):
        QueuePlugin(stack, "Second", stage=rate.parallel, name="Score")


def test_refuses_two_names_for_one_function_behind_an_alias_too(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    Plugin(stack, "Score", stage=rate.pre, function=function)
    with pytest.raises(ValueError, match="is plugin 'Score' and cannot be plugin 'Rank' as well"):
        QueuePlugin(stack, "Rank", stage=rate.pre, function=function.add_alias("live"))


def test_refuses_two_counts_of_receives_for_one_function(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    QueuePlugin(stack, "Before", stage=rate.pre, function=function, name="Score")
    with pytest.raises(ValueError, match="with max_receives=3 and cannot be behind one with max_receives=5 as well"):
        QueuePlugin(stack, "After", stage=rate.post, function=function, name="Score", max_receives=5)


def test_refuses_a_function_that_lambda_reports_elsewhere(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    Plugin(stack, "Score", stage=rate.pre, function=function, reports_itself=False)
    with pytest.raises(ValueError, match="reports_itself=False and has reports_itself=True here"):
        QueuePlugin(stack, "Queued", stage=rate.post, function=function, name="Score")
