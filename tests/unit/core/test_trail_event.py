"""CloudTrail's events: where each says to look, and which say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator_runtime.core.trail_event import (
    Change,
    FunctionChanged,
    Subscribed,
    SubscriptionChanged,
    read_trail_event,
)

PREFIX = "arn:aws:sns:eu-west-1:123456789012:claims-dev-"
TOPIC = f"{PREFIX}Rate-parallel"
ARN = f"{TOPIC}:6f2d"
SCORE = "arn:aws:lambda:eu-west-1:123456789012:function:score"


def event(name: str, asked: object, answered: object = None, **other: Any) -> dict[str, Any]:
    return {
        "eventName": name,
        "awsRegion": "eu-west-1",
        "recipientAccountId": "123456789012",
        "requestParameters": asked,
        "responseElements": answered,
        **other,
    }


@pytest.mark.parametrize(
    ("answered", "change"),
    [
        ({"subscriptionArn": ARN}, SubscriptionChanged(ARN)),
        ({"subscriptionArn": "pending confirmation"}, Subscribed(TOPIC, SCORE)),
        ({"subscriptionArn": None}, Subscribed(TOPIC, SCORE)),
        ({}, Subscribed(TOPIC, SCORE)),
        (None, Subscribed(TOPIC, SCORE)),
    ],
)
def test_a_subscribe_tells_the_arn_or_at_least_the_topic(answered: object, change: Change) -> None:
    assert read_trail_event(event("Subscribe", {"topicArn": TOPIC, "endpoint": SCORE}, answered), PREFIX) == change


@pytest.mark.parametrize("asked", [{}, {"endpoint": {"hidden": True}}, {"endpoint": 7}])
def test_a_hidden_endpoint_is_none(asked: dict[str, Any]) -> None:
    assert read_trail_event(event("Subscribe", {"topicArn": TOPIC, **asked}), PREFIX) == Subscribed(TOPIC, None)


@pytest.mark.parametrize("name", ["SetSubscriptionAttributes", "Unsubscribe"])
def test_what_names_a_subscription(name: str) -> None:
    assert read_trail_event(event(name, {"subscriptionArn": ARN}), PREFIX) == SubscriptionChanged(ARN)


@pytest.mark.parametrize(
    "function",
    [
        "score",
        "score:live",
        "score:12",
        "function:score",
        "123456789012:function:score",
        "123456789012:function:score:live",
        SCORE,
        f"{SCORE}:live",
        f"{SCORE}:$LATEST",
    ],
)
@pytest.mark.parametrize(
    "name",
    [
        "UpdateFunctionCode20150331v2",
        "UpdateFunctionConfiguration20150331v2",
        "UpdateAlias20150331",
        "DeleteFunction20150331",
        "UpdateFunctionCode",
        "DeleteFunction",
    ],
)
def test_what_names_a_function_however_it_is_spelled(name: str, function: str) -> None:
    assert read_trail_event(event(name, {"functionName": function}), PREFIX) == FunctionChanged(SCORE)


def test_a_function_is_where_its_arn_says() -> None:
    arn = "arn:aws-cn:lambda:cn-north-1:999999999999:function:score"
    assert read_trail_event(event("DeleteFunction20150331", {"functionName": arn}), PREFIX) == FunctionChanged(arn)


@pytest.mark.parametrize(
    "ignored",
    [
        event("Subscribe", {"topicArn": TOPIC}, errorCode="InvalidParameter"),
        event("Subscribe", {"topicArn": "arn:aws:sns:eu-west-1:123456789012:other-dev-Rate-parallel"}),
        event("Subscribe", None),
        event("Unsubscribe", {"subscriptionArn": "arn:aws:sns:eu-west-1:123456789012:other:1"}),
        event("Unsubscribe", {}),
        event("DeleteFunctionConcurrency20171031", {"functionName": "score"}),
        event("DeleteFunctionEventInvokeConfig", {"functionName": "score"}),
        event("UpdateFunctionCode20150331v2", {"functionName": "a:b:c:d"}),
        event("CreateFunction20150331", {"functionName": "score"}),
        {},
    ],
)
def test_what_says_nothing(ignored: dict[str, Any]) -> None:
    assert read_trail_event(ignored, PREFIX) is None


RECORDED = json.loads((Path(__file__).parents[2] / "data" / "cloudtrail_events.json").read_text())


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_recorded_events_are_understood(name: str) -> None:
    detail = RECORDED[name]["detail"]
    assert read_trail_event(detail, "arn:aws:sns:us-east-1:000000000000:claims-dev-") is not None


@pytest.mark.parametrize(
    "name", ["f" * 141, "f" * 4_096, "a/b", "score\n", "score:live\x00", "sc\u00f6re", "", " ", "a:b:c:d"]
)
def test_what_can_be_no_function_is_not_looked_for(name: str) -> None:
    """A key that is too long or empty is an error of DynamoDB's, which Lambda would bring again and again."""
    assert read_trail_event(event("DeleteFunction20150331", {"functionName": name}), PREFIX) is None
    assert (
        read_trail_event(event("DeleteFunction20150331", {"functionName": "f"}, awsRegion={"a": "b"}), PREFIX) is None
    )


@pytest.mark.parametrize("rest", ["x" * 600, "Rate-parallel:1\n", "Rate/parallel:1", "Rate-parallel:\ud800"])
def test_what_can_be_no_subscription_is_not_looked_for(rest: str) -> None:
    assert read_trail_event(event("Unsubscribe", {"subscriptionArn": PREFIX + rest}), PREFIX) is None
    assert read_trail_event(event("Subscribe", {"topicArn": PREFIX + rest}), PREFIX) is None
    named = {"subscriptionArn": f"{TOPIC}:{rest.rpartition(':')[2]}" if rest[-1] != "1" else PREFIX + rest}
    assert read_trail_event(event("Subscribe", {"topicArn": TOPIC}, named), PREFIX) == Subscribed(TOPIC, None)


@pytest.mark.parametrize("detail", [None, [], "Subscribe", 7, {}])
def test_a_detail_that_is_none_says_nothing(detail: object) -> None:
    assert read_trail_event(detail, PREFIX) is None
