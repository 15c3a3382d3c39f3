"""Subscriptions, read from SNS."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from orchestrator_runtime.aws.subscriptions import SnsSubscriptions
from orchestrator_runtime.aws.topics import SnsTopics
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.subscription import Listed, Subscription, Unseen
from tests.unit.moto_tables import REGION

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel"


@pytest.fixture
def sns(aws: None) -> SNSClient:
    client = boto3.client("sns", region_name=REGION)
    client.create_topic(Name="claims-dev-Rate-parallel")
    return client


def answer(client: SNSClient, operation: str, status: int, document: dict[str, Any]) -> None:
    """Let SNS answer so: what moto cannot be brought to."""

    def respond(**_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        return SimpleNamespace(status_code=status), document

    # What a hook returns is the answer, though its type says that it returns nothing.
    hook: Any = respond
    client.meta.events.register(f"before-call.sns.{operation}", hook)


def test_every_subscription_is_listed_on_more_than_a_page(sns: SNSClient) -> None:
    arns = [
        sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"{QUEUE}{number}")["SubscriptionArn"]
        for number in range(150)
    ]
    listed = SnsSubscriptions(sns).of_topic(TOPIC)
    assert sorted(listed, key=lambda one: one.arn or "") == [
        Listed(arn, "sqs", f"{QUEUE}{arns.index(arn)}", "123456789012") for arn in sorted(arns)
    ]


def test_what_waits_for_its_confirmation_has_no_arn_and_what_was_deleted_is_not_listed(sns: SNSClient) -> None:
    found = [
        {"SubscriptionArn": arn, "Protocol": "https", "Endpoint": f"https://example.com/{arn}"}
        for arn in ("PendingConfirmation", "Deleted")
    ]
    answer(sns, "ListSubscriptionsByTopic", 200, {"Subscriptions": found})
    assert SnsSubscriptions(sns).of_topic(TOPIC) == [Listed(None, "https", "https://example.com/PendingConfirmation")]


def test_a_topic_that_is_gone_has_no_subscriptions(sns: SNSClient) -> None:
    assert SnsSubscriptions(sns).of_topic(f"{TOPIC}-other") == []


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, {}),
        ({"FilterPolicy": json.dumps({"line": ["ü"]})}, {"filter_policy": {"line": ["ü"]}}),
        (
            {"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps({"metadata": {"line": ["auto"]}})},
            {"filter_policy": {"metadata": {"line": ["auto"]}}, "filter_policy_scope": "MessageBody"},
        ),
    ],
)
def test_a_subscription_is_read(sns: SNSClient, attributes: dict[str, str], expected: dict[str, Any]) -> None:
    arn = sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE, Attributes=attributes)["SubscriptionArn"]
    read = SnsSubscriptions(sns).get(arn)
    assert read == Subscription(arn=arn, protocol="sqs", endpoint=QUEUE, account="123456789012", **expected)


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ("[" * 8_192, "its filter policy is no JSON object of at most"),
        ("{", "its filter policy is no JSON object of at most"),
        ('["line"]', "its filter policy is no JSON object of at most"),
        ('{"a":' * 200 + "1" + "}" * 200, "its filter policy is no JSON object of at most"),
        ('{"a":["' + "x" * 8_182 + '"]}', ""),
        ('{"a":["' + "x" * 8_183 + '"]}', "its filter policy is 8,193 bytes, and 8,192 are read: shorten it"),
    ],
    ids=["brackets", "no JSON", "list", "deep", "8,192 bytes", "8,193 bytes"],
)
def test_a_filter_policy_that_cannot_be_read_is_a_problem_of_its_subscription_only(
    sns: SNSClient, policy: str, problem: str
) -> None:
    attributes = {"Protocol": "sqs", "Endpoint": QUEUE, "FilterPolicy": policy}
    answer(sns, "GetSubscriptionAttributes", 200, {"Attributes": attributes})
    read = SnsSubscriptions(sns).get(f"{TOPIC}:1")
    assert isinstance(read, Subscription)
    assert (read.filter_problem or "").startswith(problem)
    assert bool(read.filter_problem) is bool(problem)
    assert bool(read.filter_policy) is not bool(problem)


def test_what_is_not_confirmed_says_so(sns: SNSClient) -> None:
    attributes = {"Protocol": "https", "Endpoint": "https://example.com", "PendingConfirmation": "true"}
    answer(sns, "GetSubscriptionAttributes", 200, {"Attributes": attributes})
    read = SnsSubscriptions(sns).get(f"{TOPIC}:1")
    assert isinstance(read, Subscription)
    assert not read.confirmed


def test_a_subscription_that_is_gone(sns: SNSClient) -> None:
    arn = sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)["SubscriptionArn"]
    sns.unsubscribe(SubscriptionArn=arn)
    assert SnsSubscriptions(sns).get(arn) is Unseen.GONE


def test_a_subscription_of_another_account_is_unreadable(sns: SNSClient) -> None:
    answer(sns, "GetSubscriptionAttributes", 403, {"Error": {"Code": "AuthorizationError", "Message": "no"}})
    assert SnsSubscriptions(sns).get(f"{TOPIC}:1") is Unseen.UNREADABLE


def test_one_that_only_the_list_knows_is_another_account_s(sns: SNSClient) -> None:
    entry = {"SubscriptionArn": f"{TOPIC}:1", "Owner": "210987654321", "Protocol": "sqs", "Endpoint": QUEUE}
    answer(sns, "ListSubscriptionsByTopic", 200, {"Subscriptions": [entry]})
    assert SnsSubscriptions(sns).get(f"{TOPIC}:1") is Unseen.UNREADABLE


def test_one_that_the_list_still_has_is_gone_if_it_was_the_topic_s_own_account_s(sns: SNSClient) -> None:
    entry = {"SubscriptionArn": f"{TOPIC}:1", "Owner": "123456789012", "Protocol": "sqs", "Endpoint": QUEUE}
    answer(sns, "ListSubscriptionsByTopic", 200, {"Subscriptions": [entry]})
    assert SnsSubscriptions(sns).get(f"{TOPIC}:1") is Unseen.GONE


@pytest.mark.parametrize("listed", [True, False])
def test_what_the_attributes_do_not_tell_is_taken_from_the_list(sns: SNSClient, listed: bool) -> None:
    entry = {"SubscriptionArn": f"{TOPIC}:1", "Owner": "123456789012", "Protocol": "sqs", "Endpoint": QUEUE}
    answer(sns, "GetSubscriptionAttributes", 200, {"Attributes": {"FilterPolicy": '{"line": ["auto"]}'}})
    answer(sns, "ListSubscriptionsByTopic", 200, {"Subscriptions": [entry] if listed else []})
    expected = Subscription(
        arn=f"{TOPIC}:1", protocol="sqs", endpoint=QUEUE, account="123456789012", filter_policy={"line": ["auto"]}
    )
    assert SnsSubscriptions(sns).get(f"{TOPIC}:1") == (expected if listed else Unseen.GONE)


@pytest.mark.parametrize("operation", ["GetSubscriptionAttributes", "ListSubscriptionsByTopic", "GetTopicAttributes"])
def test_other_trouble_is_raised(sns: SNSClient, operation: str) -> None:
    answer(sns, operation, 400, {"Error": {"Code": "InvalidParameter", "Message": "no"}})
    subscriptions, topics = SnsSubscriptions(sns), SnsTopics(sns, "arn:")
    ask: dict[str, Any] = {
        "GetSubscriptionAttributes": subscriptions.get,
        "ListSubscriptionsByTopic": subscriptions.of_topic,
        "GetTopicAttributes": topics.exists,
    }
    with pytest.raises(ClientError, match="InvalidParameter"):
        ask[operation](TOPIC)


def test_a_topic_exists_or_not(sns: SNSClient) -> None:
    topics = SnsTopics(sns, TOPIC.removesuffix("Rate-parallel"))
    assert topics.arn("Rate", Stage.PARALLEL) == TOPIC
    assert topics.exists(TOPIC)
    assert not topics.exists(topics.arn("Rate", Stage.PRE))
