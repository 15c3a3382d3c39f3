"""A function's resource policy: whether it lets a topic invoke the function, and how certain that is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.core.topic_permission import Permission, permission

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


DENY = policy(Effect="Deny")["Statement"][0]
ALLOW = policy()["Statement"][0]
ELSEWHERE = "arn:aws:sns:eu-west-1:123456789012:claims-prod-*"

GRANTING = [
    policy(),
    policy(Principal="*"),
    policy(Principal={"AWS": "*"}),
    policy(Principal={"Service": "*"}),
    policy(Principal={"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}),
    policy(Action=["lambda:GetFunction", "lambda:invokefunction"]),
    policy(Action="lambda:*"),
    policy(Condition={}),
    policy(Condition=source("ArnLike", TOPIC)),
    policy(Condition=source("ArnLike", WILD)),
    policy(Condition=source("ArnEquals", WILD, key="aws:SourceArn")),
    policy(Condition=source("StringLike", "arn:aws:sns:*:claims-dev-Rate-?arallel")),
    policy(Condition=source("ArnLike", "arn:*:sns:*:123456789012:claims-*-Rate-*")),
    policy(Condition=source("StringEquals", "arn:other", TOPIC)),
    policy(Condition=source("ArnLikeIfExists", WILD)),
    policy(Condition={**source("ArnLike", WILD), "StringEquals": {"AWS:SourceAccount": "123456789012"}}),
    {"Statement": ALLOW},
    {"Statement": [ALLOW, {**ALLOW, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]},
    {"Statement": [ALLOW, {**DENY, "Principal": {"Service": "events.amazonaws.com"}}]},
    {"Statement": [ALLOW, {**DENY, "Action": "lambda:GetFunction"}]},
    {"Statement": [ALLOW, {**DENY, "Condition": source("ArnLike", ELSEWHERE)}]},
]
REFUSING: list[dict[str, Any] | None] = [
    None,
    {},
    {"Statement": []},
    {"Statement": ["odd"]},
    policy(Effect="Deny"),
    policy(Principal={"Service": "events.amazonaws.com"}),
    policy(Principal={"AWS": "arn:aws:iam::123456789012:root"}),
    policy(Principal=None),
    policy(Action="lambda:GetFunction"),
    policy(Condition=source("ArnLike", ELSEWHERE)),
    policy(Condition=source("ArnLikeIfExists", ELSEWHERE)),
    policy(Condition=source("ArnLike", TOPIC.upper())),
    policy(Condition=source("StringEquals", WILD)),
    policy(Condition={"StringEquals": {"aws:SourceArn": []}}),
    policy(Condition={**source("ArnLike", WILD), "StringEquals": {"aws:SourceAccount": "999999999999"}}),
    policy(Condition={**source("ArnLike", ELSEWHERE), "StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
    {"Statement": [DENY, ALLOW]},
    {"Statement": [ALLOW, {**DENY, "Action": "*", "Principal": "*"}]},
    {"Statement": [ALLOW, {**DENY, "Condition": source("ArnLike", WILD)}]},
]
UNCLEAR = [
    policy(Principal={"Service": "sns.af-south-1.amazonaws.com"}),
    policy(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
    policy(Condition={**source("ArnLike", WILD), "Bool": {"aws:SecureTransport": "true"}}),
    policy(Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}),
    policy(Condition=source("StringNotEquals", TOPIC)),
    policy(Condition=source("ForAnyValue:StringLike", WILD)),
    policy(Condition=source("StringLike", "${aws:PrincipalTag/topic}")),
    policy(Condition=source("ArnLike", "arn:aws:sns:*")),
    policy(Condition={"ArnLike": "odd"}),
    policy(Condition="odd"),
    {"Statement": [{**ALLOW, "NotAction": "lambda:GetFunction"}]},
    {"Statement": [{**ALLOW, "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:user/eve"}}]},
    {"Statement": [ALLOW, {**DENY, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]},
    {"Statement": [ALLOW, {**DENY, "NotAction": "lambda:GetFunction"}]},
    {"Statement": [{**ALLOW, "NewerElement": "odd"}]},
    {"Statement": [ALLOW, {**DENY, "NewerElement": "odd"}]},
    {"Statement": [ALLOW, {**ALLOW, "Effect": "Newer"}]},
    {"Statement": [ALLOW, {**ALLOW, "Effect": ["Deny"]}]},
    {"Statement": [ALLOW, "odd"]},
    {"Statement": [ALLOW, {**DENY, "NotPrincipal": {"Service": "sns.amazonaws.com"}}]},
]


@pytest.mark.parametrize("granting", GRANTING)
def test_policy_that_grants(granting: dict[str, Any]) -> None:
    assert permission(granting, TOPIC) is Permission.GRANTED


@pytest.mark.parametrize("refusing", REFUSING)
def test_policy_that_refuses(refusing: dict[str, Any] | None) -> None:
    assert permission(refusing, TOPIC) is Permission.REFUSED


@pytest.mark.parametrize("unclear", UNCLEAR)
def test_what_is_not_understood_neither_grants_nor_refuses(unclear: dict[str, Any]) -> None:
    assert permission(unclear, TOPIC) is Permission.UNCLEAR


def test_stars_without_number_take_no_time() -> None:
    """Tried in every place, thirty stars would take longer than the run of any function."""
    hostile = policy(Action=["*a" * 2_000 + "z", "*"], Condition=source("ArnLike", "*a" * 30 + "z", "*a*a*?" * 300))
    assert permission(hostile, f"{TOPIC}{'a' * 200}") is Permission.REFUSED


@given(st.text("ab*?", max_size=7), st.text("ab", max_size=7))
def test_stars_and_question_marks_mean_what_they_say(pattern: str, text: str) -> None:
    granted = permission(policy(Condition=source("StringLike", pattern)), text) is Permission.GRANTED
    assert granted is _means(pattern, text)


def _means(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_means(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in {text[0], "?"} and _means(pattern[1:], text[1:])
