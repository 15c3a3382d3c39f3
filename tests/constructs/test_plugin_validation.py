"""What the ``Plugin`` construct refuses at synth time, and how it says so."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_lambda as lambda_

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.plugin.plugin import Plugin


def define_function(stack: Stack, name: str = "Function") -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
    )


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a slash in the name": ({"name": "a/b"}, "the plugin name 'a/b' is not allowed: use 1 to 64 letters"),
    "an empty name": ({"name": ""}, "the plugin name '' is not allowed"),
    "the reserved key": ({"filter_policy": {"plugins": ["Other"]}}, "'plugins' is reserved: leave it out"),
    "null": ({"filter_policy": {"line": [None]}}, "write {'exists': false}"),
    "null beside a token": (
        {
            "filter_policy": {"metadata": {"line": [Token.as_string({"Ref": "Line"}), None]}},
            "filter_policy_scope": "MessageBody",
        },
        "null and a token cannot be in one policy",
    ),
    "a bare boolean": ({"filter_policy": {"urgent": [True]}}, "write 'true'"),
    "a value that is no array": ({"filter_policy": {"line": "auto"}}, r'write \["auto"\]'),
    "an operator of EventBridge": ({"filter_policy": {"line": [{"wildcard": "a*"}]}}, "SNS has none"),
    "more than 4 KB": ({"filter_policy": {"line": ["x" * 4_100]}}, "is 4,113 bytes of JSON, at most 4,096"),
    "an unknown scope": ({"filter_policy_scope": "Body"}, "use 'MessageAttributes' or 'MessageBody'"),
    "a negative order": ({"order": -1}, "order of plugin 'Team/Score' is -1: use a whole number from 0 to 1000000"),
    "a fraction as order": ({"order": 1.5}, "is 1.5: use a whole number"),
    "a boolean as order": ({"order": True}, "is True: use a whole number"),
    "no timeout at all": ({"timeout": Duration.seconds(0)}, "timeout of plugin 'Team/Score' is 0 s: use a whole"),
    "half a second": ({"start_within": Duration.millis(500)}, "start_within of plugin 'Team/Score' is 500 ms"),
    "more than a year": ({"timeout": Duration.days(366)}, "at most 365 days"),
}


@pytest.mark.parametrize(("props", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refuses(stack: Stack, rate: IActivity, props: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack), **props)


def test_refuses_an_id_that_is_no_name(stack: Stack, rate: IActivity) -> None:
    with pytest.raises(ValueError, match="the plugin name '_Score' is not allowed"):
        Plugin(stack, "_Score", stage=rate.parallel, function=define_function(stack))


def test_takes_what_is_at_the_limits(stack: Stack, rate: IActivity) -> None:
    Plugin(
        stack,
        "Score",
        stage=rate.parallel,
        function=define_function(stack),
        order=0,
        timeout=Duration.days(365),
        start_within=Duration.seconds(1),
        filter_policy={key: [str(value) for value in range(20)] for key in "abcdefghijkl"},
    )


def test_refuses_a_second_plugin_of_that_name_on_the_stage(stack: Stack, rate: IActivity) -> None:
    again = Activity.from_system(stack, "Again", system="claims", stage="dev", name="Rate")
    Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
    text = "plugin 'Score' of stage claims-dev/Rate/parallel is defined twice, as 'Team/Score' and as 'Team/Second'"
    with pytest.raises(ValueError, match=re.escape(text)):
        Plugin(stack, "Second", stage=again.parallel, function=define_function(stack, "Other"), name="Score")


def test_takes_the_name_again_on_another_stage(stack: Stack, rate: IActivity) -> None:
    Plugin(stack, "Score", stage=rate.parallel, function=define_function(stack))
    Plugin(stack, "Second", stage=rate.post, function=define_function(stack, "Other"), name="Score")


def test_refuses_two_names_for_one_function(stack: Stack, rate: IActivity) -> None:
    function = define_function(stack)
    Plugin(stack, "Score", stage=rate.pre, function=function)
    with pytest.raises(ValueError, match="is plugin 'Score' and cannot be plugin 'Rank' as well") as refusal:
        Plugin(stack, "Rank", stage=rate.post, function=function)
    assert "Set name='Score' here too, or define two functions" in str(refusal.value)
