"""A function's resource policy: whether it lets a topic call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.core.topic_permission import may_call

TOPIC = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel"
WILD = "arn:aws:sns:eu-west-1:123456789012:claims-dev-*"


def policy(**other: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        **other,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def source(operator: str, *arns: str, key: str = "AWS:SourceArn") -> dict[str, Any]:
    return {operator: {key: list(arns) if len(arns) > 1 else arns[0]}}


@pytest.mark.parametrize(
    "allowed",
    [
        policy(),
        policy(Principal="*"),
        policy(Principal={"Service": "*"}),
        policy(Principal={"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}),
        policy(Action=["lambda:GetFunction", "lambda:invokefunction"]),
        policy(Action="lambda:*"),
        policy(Condition=source("ArnLike", TOPIC)),
        policy(Condition=source("ArnLike", WILD)),
        policy(Condition=source("ArnEquals", WILD, key="aws:SourceArn")),
        policy(Condition=source("StringLike", "arn:aws:sns:*:claims-dev-Rate-?arallel")),
        policy(Condition=source("ArnLike", "arn:*:sns:*:123456789012:claims-*-Rate-*")),
        policy(Condition=source("StringEquals", "arn:other", TOPIC)),
        policy(Condition=source("ArnLikeIfExists", WILD)),
        policy(Condition={**source("ArnLike", WILD), "StringEquals": {"AWS:SourceAccount": "123456789012"}}),
        policy(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        policy(Condition={"ArnLike": "odd"}),
        {"Statement": policy()["Statement"][0]},
        {"Statement": [policy(Effect="Deny")["Statement"][0], policy()["Statement"][0]]},
    ],
)
def test_what_allows(allowed: dict[str, Any]) -> None:
    assert may_call(allowed, TOPIC)


@pytest.mark.parametrize(
    "refused",
    [
        None,
        {},
        {"Statement": []},
        {"Statement": ["odd"]},
        policy(Effect="Deny"),
        policy(Principal={"Service": "events.amazonaws.com"}),
        policy(Principal={"AWS": "arn:aws:iam::123456789012:root"}),
        policy(Action="lambda:GetFunction"),
        policy(Condition=source("ArnLike", "arn:aws:sns:eu-west-1:123456789012:claims-prod-*")),
        policy(Condition=source("ArnLikeIfExists", "arn:aws:sns:eu-west-1:123456789012:claims-prod-*")),
        policy(Condition=source("ArnLike", TOPIC.upper())),
        policy(Condition=source("StringEquals", WILD)),
        policy(Condition={**source("ArnLike", WILD), "StringEquals": {"aws:SourceAccount": "999999999999"}}),
    ],
)
def test_what_does_not(refused: dict[str, Any] | None) -> None:
    assert not may_call(refused, TOPIC)


def test_stars_without_number_take_no_time() -> None:
    """Tried in every place, thirty stars would take longer than the run of any function."""
    hostile = policy(Action=["*a" * 2_000 + "z", "*"], Condition=source("ArnLike", "*a" * 30 + "z", "*a*a*?" * 300))
    assert not may_call(hostile, f"{TOPIC}{'a' * 200}")


@given(st.text("ab*?", max_size=7), st.text("ab", max_size=7))
def test_stars_and_question_marks_mean_what_they_say(pattern: str, text: str) -> None:
    assert may_call(policy(Condition=source("ArnLike", pattern)), text) is _means(pattern, text)


def _means(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_means(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in {text[0], "?"} and _means(pattern[1:], text[1:])
