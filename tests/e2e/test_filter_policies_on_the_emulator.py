"""The evaluator of filter policies, compared with the SNS of the local AWS: generated policies and messages.

Where the two differ, the difference is one of those in ``filter_deviations``, each with the rule of SNS that the
evaluator follows, and each shown by a case of its own, which fails when the emulator has learnt the rule.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestrator_cli.local import LocalEnvironment
from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES, MESSAGE_BODY, matches, problems
from tests.e2e.filter_deviations import DEVIATIONS, Deviation, Policy
from tests.unit import filter_strategies

pytestmark = pytest.mark.e2e

SUBSCRIPTIONS: Final = 20
MESSAGES: Final = 20
EXAMPLES: Final = 40
_BATCH: Final = 10
_TYPES: Final = {str: "String", int: "Number", float: "Number", list: "String.Array"}


@dataclass
class Post:
    """A topic, and queues that are subscribed to it, each with a policy of its own."""

    aws: LocalEnvironment
    scope: str
    subscriptions: list[str] = field(default_factory=list)
    queues: list[str] = field(default_factory=list)
    topic: str = ""

    def open(self) -> Post:
        sns, sqs = self.aws.client("sns"), self.aws.client("sqs")
        self.topic = sns.create_topic(Name=f"filters-{self.scope}")["TopicArn"]
        for number in range(SUBSCRIPTIONS):
            queue = sqs.create_queue(QueueName=f"filters-{self.scope}-{number}")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            subscription = sns.subscribe(
                TopicArn=self.topic,
                Protocol="sqs",
                Endpoint=arn,
                Attributes={"RawMessageDelivery": "true", "FilterPolicyScope": self.scope},
                ReturnSubscriptionArn=True,
            )
            self.queues.append(queue)
            self.subscriptions.append(subscription["SubscriptionArn"])
        return self

    def deliver(self, policies: list[Policy], messages: list[object]) -> list[set[int]]:
        """Publish messages; say for each policy which of them came."""
        sns = self.aws.client("sns")
        for subscription, policy in zip(self.subscriptions, policies, strict=False):
            sns.set_subscription_attributes(
                SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
            )
        entries = [self._entry(number, message) for number, message in enumerate(messages)]
        for first in range(0, len(entries), _BATCH):
            answer = sns.publish_batch(TopicArn=self.topic, PublishBatchRequestEntries=entries[first : first + _BATCH])
            assert not answer.get("Failed")
        # SNS's deliveries to queues are done when the emulator's Publish returns.
        return [set(self._received(queue)) for queue in self.queues[: len(policies)]]

    def _entry(self, number: int, message: Any) -> Any:
        """Whichever of body and attributes the policy does not look at carries the message's number."""
        if self.scope == MESSAGE_BODY:
            named = {"number": {"DataType": "String", "StringValue": str(number)}}
            return {"Id": str(number), "Message": json.dumps(message), "MessageAttributes": named}
        attributes = {
            name: {
                "DataType": _TYPES[type(value)],
                "StringValue": json.dumps(value) if isinstance(value, list) else str(value),
            }
            for name, value in message.items()
        }
        return {"Id": str(number), "Message": str(number), "MessageAttributes": attributes}

    def _received(self, queue: str) -> Iterator[int]:
        sqs = self.aws.client("sqs")
        while messages := sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", []):
            for message in messages:
                numbered = message.get("MessageAttributes", {})
                yield int(numbered["number"]["StringValue"] if "number" in numbered else message["Body"])
            sqs.delete_message_batch(
                QueueUrl=queue,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )


@pytest.fixture(scope="module")
def posts(local_aws: LocalEnvironment) -> Mapping[str, Post]:
    return {scope: Post(local_aws, scope).open() for scope in (MESSAGE_ATTRIBUTES, MESSAGE_BODY)}


@dataclass
class Score:
    """How many pairs were decided, how many of them not alike, and how many might be for which known reason."""

    pairs: int = 0
    matched: int = 0
    differing: int = 0
    excused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def ours(policy: Policy, message: Any, scope: str) -> bool:
    if scope == MESSAGE_BODY:
        return matches(policy, {}, body=message, scope=scope)
    return matches(policy, message)


# What looks like another type than it is, in policies and in messages.
looks = st.sampled_from(["5", "1.0", "true", "null", '["x"]'])
rules = filter_strategies.rules | looks | filter_strategies.operator("prefix", looks)
flat = filter_strategies.flat_of(rules)
messages = {
    MESSAGE_ATTRIBUTES: st.dictionaries(filter_strategies.names, filter_strategies.values | looks, max_size=4),
    MESSAGE_BODY: st.dictionaries(filter_strategies.names, filter_strategies.bodies | looks, max_size=3)
    | filter_strategies.bodies,
}
policies = {
    MESSAGE_ATTRIBUTES: filter_strategies.policies_of(flat),
    MESSAGE_BODY: filter_strategies.policies_of(flat) | filter_strategies.nested_of(flat),
}


@pytest.mark.parametrize("scope", [MESSAGE_ATTRIBUTES, MESSAGE_BODY])
def test_the_emulator_delivers_what_the_evaluator_says(posts: Mapping[str, Post], scope: str) -> None:
    post, score = posts[scope], Score()
    known = [deviation for deviation in DEVIATIONS if deviation.scope == scope]
    accepted = policies[scope].filter(lambda policy: not problems(policy, scope))

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # the differences of a delivery are told at once, the smallest first
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(accepted, min_size=SUBSCRIPTIONS, max_size=SUBSCRIPTIONS),
        st.lists(messages[scope], min_size=MESSAGES, max_size=MESSAGES),
    )
    def compare(some: list[Policy], sent: list[Any]) -> None:
        differences = []
        for policy, came in zip(some, post.deliver(some, sent), strict=True):
            for number, message in enumerate(sent):
                expected = ours(policy, message, scope)
                differ = expected is not (number in came)
                reasons = [deviation.name for deviation in known if deviation.touches(policy, message)]
                score.pairs += 1
                score.matched += expected
                score.differing += differ
                score.excused += bool(reasons)
                score.reasons.update(reasons)
                if differ and not reasons:
                    differences.append(f"{json.dumps(policy)} and {json.dumps(message)}: we say {expected}")
        assert sorted(differences, key=len)[:10] == []

    compare()
    print(f"{scope}: {score}")
    assert score.pairs >= 10_000
    assert score.matched >= 200
    assert score.excused <= score.pairs / 4, "the known deviations excuse too much"


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.name)
def test_a_known_deviation_is_one_still(posts: Mapping[str, Post], deviation: Deviation) -> None:
    """If this fails, the emulator has learnt it: take the deviation off the list."""
    policy, message = deviation.policy, deviation.message
    assert ours(policy, message, deviation.scope) is deviation.expected
    [came] = posts[deviation.scope].deliver([policy], [message])
    assert bool(came) is not deviation.expected
    touching = [one.name for one in DEVIATIONS if one.scope == deviation.scope and one.touches(policy, message)]
    assert touching == [deviation.name]
