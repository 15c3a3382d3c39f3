"""The registry: one item a subscription, listed by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator_runtime.contract import REGISTRY_BY_FUNCTION, Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.stores.registry import DynamoRegistry
from tests.unit.moto_tables import REGISTRY
from tests.unit.samples import a_registration

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FULL = a_registration(
    "All said",
    protocol="sqs",
    owner="arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1",
    filter_policy={"line": ["auto", {"prefix": "ü"}], "premium": [{"numeric": [">=", 1000.00001]}], "vip": [True]},
    filter_policy_scope="MessageBody",
    mandatory=False,
    order=-5,
    always_run=True,
    timeout_seconds=31_536_000,
    start_within_seconds=60,
    reports_start=False,
    sender_role_ids=("AROAEXAMPLE",),
    description="Scores \U0001f697",
)


@pytest.mark.parametrize("registration", [a_registration(), FULL], ids=["least", "all"])
def test_a_registration_survives_as_made(registry: DynamoRegistry, registration: Registration) -> None:
    registry.put(registration)
    assert registry.registrations("Rate", Stage.PARALLEL) == [registration]


def test_registrations_are_listed_by_stage(registry: DynamoRegistry) -> None:
    here = [a_registration("A"), a_registration("B")]
    others = [a_registration("C", stage=Stage.PRE), a_registration("D", activity="Rate2")]
    for registration in (*here, *others):
        registry.put(registration)
    assert registry.registrations("Rate", Stage.PARALLEL) == here
    assert registry.registrations("Rate", Stage.PRE) == [others[0]]
    assert registry.registrations("Rate", Stage.POST) == []


def test_a_registration_of_the_same_subscription_is_replaced(registry: DynamoRegistry) -> None:
    registry.put(FULL)
    changed = a_registration("Other", subscription_arn=FULL.subscription_arn)
    registry.put(changed)
    assert registry.registrations("Rate", Stage.PARALLEL) == [changed]


def test_a_delete_takes_one_subscription_and_may_be_repeated(registry: DynamoRegistry) -> None:
    old, new = a_registration(), a_registration(subscription_arn="arn:new")
    registry.put(old)
    registry.put(new)
    for _ in range(2):
        registry.delete("Rate", Stage.PARALLEL, old.subscription_arn)
        assert registry.registrations("Rate", Stage.PARALLEL) == [new]


def test_more_registrations_than_a_page_holds_are_all_listed(registry: DynamoRegistry) -> None:
    for number in range(30):
        registry.put(a_registration(f"P{number:02d}", description="d" * 40_000))
    names = [registration.name for registration in registry.registrations("Rate", Stage.PARALLEL)]
    assert names == [f"P{number:02d}" for number in range(30)]


def test_registrations_are_found_by_function(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    registry.put(a_registration())
    registry.put(a_registration("Other"))
    found = dynamodb.query(
        TableName=REGISTRY,
        IndexName=REGISTRY_BY_FUNCTION,
        KeyConditionExpression="#function = :function",
        ExpressionAttributeNames={"#function": "function"},
        ExpressionAttributeValues={":function": {"S": a_registration().function}},
    )["Items"]
    assert [item["name"]["S"] for item in found] == ["Score"]
