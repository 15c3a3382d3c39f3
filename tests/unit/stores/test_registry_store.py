"""The registry: one item a subscription, listed by stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.stores.registry import DynamoRegistry
from tests.unit.samples import NOW, a_registration

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
    revision="7 4b1c",
    problem="odd",
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


def test_more_registrations_than_a_page_holds_are_all_listed(registry: DynamoRegistry) -> None:
    for number in range(30):
        registry.put(a_registration(f"P{number:02d}", description="d" * 40_000))
    names = [registration.name for registration in registry.registrations("Rate", Stage.PARALLEL)]
    assert names == [f"P{number:02d}" for number in range(30)]


def test_registrations_are_found_by_function(registry: DynamoRegistry) -> None:
    score = a_registration()
    alias = replace(score, subscription_arn="arn:alias", endpoint=f"{score.endpoint}:live", stage=Stage.POST)
    for registration in (score, alias, a_registration("Other")):
        registry.put(registration)
    found = registry.of_function(score.endpoint)
    assert sorted(found, key=lambda registration: registration.stage) == [score, alias]
    assert registry.of_function("arn:aws:lambda:eu-west-1:123456789012:function:nobody") == []


def test_one_registration_is_read_by_its_key(registry: DynamoRegistry) -> None:
    registry.put(FULL)
    assert registry.get("Rate", Stage.PARALLEL, FULL.subscription_arn) == FULL
    assert registry.get("Rate", Stage.PRE, FULL.subscription_arn) is None


def seen(seconds: int = 0, **other: Any) -> Registration:
    return a_registration(seen_at=NOW + timedelta(seconds=seconds), **other)


def test_what_was_found_is_written_over_what_was_read_and_nothing_else(registry: DynamoRegistry) -> None:
    first, second, third = seen(), seen(1, order=1), seen(2, order=2)
    assert registry.put(first)
    assert not registry.put(second), "nothing was read, but something stands there"
    assert registry.put(second, replacing=first)
    assert not registry.put(third, replacing=first), "somebody else wrote meanwhile"
    assert registry.registrations("Rate", Stage.PARALLEL) == [second]
    assert not registry.put(seen(3, subscription_arn="arn:other"), replacing=seen(2, subscription_arn="arn:other"))


def test_what_has_no_time_yet_is_replaced_by_what_has(registry: DynamoRegistry) -> None:
    assert registry.put(a_registration())
    assert registry.put(seen(), replacing=a_registration())
    assert not registry.put(seen(1), replacing=a_registration())


def test_what_was_read_is_removed_once_and_nothing_newer(registry: DynamoRegistry) -> None:
    first, second = seen(), seen(1)
    registry.put(first)
    registry.put(second, replacing=first)
    assert not registry.remove(first)
    assert registry.registrations("Rate", Stage.PARALLEL) == [second]
    assert registry.remove(second)
    assert registry.remove(second), "it is gone, as it was to be"
    assert registry.registrations("Rate", Stage.PARALLEL) == []
