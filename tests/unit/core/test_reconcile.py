"""What becomes of a registration, from one sight of what it is of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.reconcile import Remove, Sight, Write, decide, has_to_ask
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import Answer, Function, NoAnswer, StageTopic, Subscription, Unseen
from tests.unit.samples import NOW

TOPIC = StageTopic("Rate", Stage.PARALLEL, "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel")
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:score"
CALLS = Subscription(arn=f"{TOPIC.arn}:1", protocol="lambda", endpoint=FUNCTION, filter_policy={"line": ["auto"]})
QUEUE = replace(CALLS, protocol="sqs", endpoint="arn:aws:sqs:eu-west-1:123456789012:score")
ANSWER = Answer({"pluginName": "Score", "order": 7}, "3")
BEFORE = NOW - timedelta(hours=1)


def sight(registered: Registration | None = None, **other: Any) -> Sight:
    seen = Sight(
        topic=TOPIC, registered=registered, seen_at=NOW, subscription=CALLS, function=Function("r1", version="3")
    )
    return replace(seen, **other)


def written(seen: Sight) -> Registration:
    action = decide(seen)
    assert isinstance(action, Write)
    return action.registration


SCORE = replace(written(sight(answer=ANSWER)), seen_at=BEFORE)
MANAGED = replace(SCORE, owner="arn:stack", revision=None)


@pytest.mark.parametrize(
    ("asks", "seen"),
    [
        (True, sight()),
        (True, sight(replace(SCORE, revision=None))),
        (True, sight(SCORE, subscription=replace(CALLS, filter_policy={}))),
        (True, sight(SCORE, function=Function("r2"))),
        (True, sight(function=Unseen.UNREADABLE)),
        (False, sight(SCORE)),
        (False, sight(SCORE, function=Unseen.UNREADABLE)),
        (False, sight(function=Unseen.GONE)),
        (False, sight(MANAGED)),
        (False, sight(subscription=Unseen.GONE)),
        (False, sight(subscription=Unseen.UNREADABLE)),
        (False, sight(subscription=QUEUE, function=None)),
        (False, sight(subscription=replace(CALLS, confirmed=False))),
    ],
)
def test_a_function_is_asked_when_it_or_its_subscription_is_new_or_changed(asks: bool, seen: Sight) -> None:
    assert has_to_ask(seen) is asks


@pytest.mark.parametrize(
    ("revision", "seen"),
    [
        ("r1", sight(answer=ANSWER)),
        ("r1", sight(answer=replace(ANSWER, version=None))),
        ("r1", sight(answer=ANSWER, function=Function("r1"))),
        (None, sight(answer=replace(ANSWER, version="4"))),
        ("unreadable", sight(answer=ANSWER, function=Unseen.UNREADABLE)),
        (None, sight(subscription=QUEUE, function=None)),
        (None, sight(answer=NoAnswer("throttled", passing=True))),
        (None, sight(answer=NoAnswer("not allowed", called=False))),
        ("r1", sight(answer=NoAnswer("it failed"))),
    ],
)
def test_what_is_registered_notes_which_revision_of_the_function_said_so(revision: str | None, seen: Sight) -> None:
    assert written(seen).revision == revision


@pytest.mark.parametrize(
    "seen",
    [
        sight(answer=ANSWER),
        sight(SCORE, subscription=replace(CALLS, filter_policy={}), answer=ANSWER),
        sight(SCORE, answer=Answer({"pluginName": "Score", "order": 8})),
        sight(MANAGED, subscription=replace(CALLS, endpoint=f"{FUNCTION}:live")),
    ],
)
def test_whatever_is_written_is_a_version_of_its_own(seen: Sight) -> None:
    assert written(seen).seen_at == NOW


def test_what_is_as_it_was_is_left_alone() -> None:
    assert decide(sight(SCORE)) is None
    assert decide(sight(SCORE, answer=ANSWER)) is None
    assert decide(sight(MANAGED)) is None
    assert decide(sight(MANAGED, subscription=replace(CALLS, filter_policy={}))) is None, (
        "the construct's filter counts"
    )


def test_what_is_changed_is_named() -> None:
    action = decide(sight(SCORE, answer=Answer({"pluginName": "Rank", "order": 8}, "3")))
    assert isinstance(action, Write)
    assert action.changed == ("name", "order")


@pytest.mark.parametrize(
    ("why", "other"),
    [
        ("its subscription is gone", {"subscription": Unseen.GONE}),
        (f"its function {FUNCTION} is gone", {"function": Unseen.GONE}),
        (
            "it cannot report, and its filter has no 'plugins'",
            {"subscription": replace(CALLS, protocol="email", endpoint="ops@example.com"), "function": None},
        ),
    ],
)
def test_what_nothing_can_call_is_removed_and_why_is_told(why: str, other: dict[str, Any]) -> None:
    assert decide(sight(SCORE, **other)) == Remove(SCORE, why)
    assert decide(sight(**other)) is None, "there is nothing to remove"


@pytest.mark.parametrize(
    ("policy", "scope", "since"),
    [
        ({"line": ["auto"]}, "MessageAttributes", BEFORE),
        ({"line": ["home"]}, "MessageAttributes", BEFORE),
        ({"line": ["auto"], "zone": ["north"]}, "MessageAttributes", NOW),
        ({"zone": ["north"]}, "MessageAttributes", NOW),
        ({}, "MessageAttributes", BEFORE),
        ({"metadata": {"line": ["auto"]}}, "MessageBody", BEFORE),
    ],
)
def test_a_filter_that_names_a_new_key_is_new(policy: dict[str, Any], scope: str, since: datetime) -> None:
    registered = replace(SCORE, filter_keys_since=BEFORE)
    subscription = replace(CALLS, filter_policy=policy, filter_policy_scope=scope)
    action = decide(sight(registered, subscription=subscription, answer=ANSWER))
    assert (action.registration if isinstance(action, Write) else registered).filter_keys_since == since


def test_a_new_subscription_filters_since_it_was_seen() -> None:
    assert written(sight(answer=ANSWER)).filter_keys_since == NOW
    assert written(sight(answer=ANSWER, subscription=replace(CALLS, filter_policy={}))).filter_keys_since is None
