"""Managed registrations: of a stage's names each is held by one owner, whatever comes at once or comes again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.stores.registry import DynamoRegistry
from tests.unit.moto_tables import REGISTRY, items, meanwhile
from tests.unit.samples import NOW, a_registration

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TEAM, OTHER = "arn:stack/team", "arn:stack/other"


def managed(name: str = "Score", arn: str = "arn:one", owner: str = TEAM, **other: Any) -> Registration:
    return a_registration(name, subscription_arn=arn, owner=owner, **{"seen_at": NOW, **other})


def standing(registry: DynamoRegistry) -> list[tuple[str, str, str]]:
    return [(r.name, r.subscription_arn, r.owner) for r in registry.registrations("Rate", Stage.PARALLEL)]


def held(client: DynamoDBClient) -> dict[str, tuple[str, set[str]]]:
    """Who holds each name, and for which subscriptions."""
    return {
        f"{item['activity']['S']}/{item['registration']['S']}": (item["owner"]["S"], set(item["holders"]["SS"]))
        for item in items(client, REGISTRY)
        if item["activity"]["S"].startswith("~names/")
    }


def gone(registry: DynamoRegistry, registration: Registration) -> bool:
    return registry.unregister(
        registration.activity, registration.stage, registration.subscription_arn, owner=registration.owner
    )


def test_a_name_is_held_with_the_registration(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    assert registry.register(managed()) is None
    assert standing(registry) == [("Score", "arn:one", TEAM)]
    assert held(dynamodb) == {"~names/Rate/parallel/Score": (TEAM, {"arn:one"})}


def test_a_name_that_another_owner_holds_is_refused(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    registry.register(managed())
    before = items(dynamodb, REGISTRY)
    assert registry.register(managed(arn="arn:two", owner=OTHER)) == TEAM
    assert items(dynamodb, REGISTRY) == before


def test_of_two_deployments_in_the_same_second_one_is_refused(
    registry: DynamoRegistry, dynamodb: DynamoDBClient
) -> None:
    """The other one's write falls between this one's reading and its writing."""
    with meanwhile(dynamodb, "TransactWriteItems", lambda: registry.register(managed(owner=OTHER, arn="arn:two"))):
        assert registry.register(managed()) == OTHER
    assert standing(registry) == [("Score", "arn:two", OTHER)]
    assert held(dynamodb) == {"~names/Rate/parallel/Score": (OTHER, {"arn:two"})}


def test_an_owner_that_replaces_holds_the_name_twice_for_a_moment(
    registry: DynamoRegistry, dynamodb: DynamoDBClient
) -> None:
    old, new = managed(), managed(arn="arn:two")
    assert registry.register(old) is None
    assert registry.register(new) is None
    assert held(dynamodb) == {"~names/Rate/parallel/Score": (TEAM, {"arn:one", "arn:two"})}
    assert gone(registry, old)
    assert standing(registry) == [("Score", "arn:two", TEAM)]
    assert registry.register(managed(arn="arn:three", owner=OTHER)) == TEAM
    assert gone(registry, new)
    assert items(dynamodb, REGISTRY) == []


def test_the_same_again_changes_nothing_but_what_it_says(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    registry.register(managed())
    assert registry.register(managed(order=1)) is None
    assert [r.order for r in registry.registrations("Rate", Stage.PARALLEL)] == [1]
    assert held(dynamodb) == {"~names/Rate/parallel/Score": (TEAM, {"arn:one"})}


def test_a_renamed_plugin_lets_its_name_go(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    registry.register(managed())
    assert registry.register(managed("Better")) is None
    assert held(dynamodb) == {"~names/Rate/parallel/Better": (TEAM, {"arn:one"})}
    assert registry.register(managed(arn="arn:two", owner=OTHER)) is None


def test_a_refused_new_name_leaves_the_old_one_held(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    registry.register(managed())
    registry.register(managed("Taken", "arn:two", OTHER))
    assert registry.register(managed("Taken")) == OTHER
    assert set(held(dynamodb)) == {"~names/Rate/parallel/Score", "~names/Rate/parallel/Taken"}
    assert ("Score", "arn:one", TEAM) in standing(registry)


def test_a_rename_while_another_write_renames_leaves_one_name_held(
    registry: DynamoRegistry, dynamodb: DynamoDBClient
) -> None:
    registry.register(managed("A"))
    with meanwhile(dynamodb, "TransactWriteItems", lambda: registry.register(managed("B"))):
        assert registry.register(managed("C")) is None
    assert held(dynamodb) == {"~names/Rate/parallel/C": (TEAM, {"arn:one"})}


def test_a_subscription_belongs_to_the_owner_that_registered_it(
    registry: DynamoRegistry, dynamodb: DynamoDBClient
) -> None:
    registry.register(managed())
    assert registry.register(managed("Other", owner=OTHER)) == TEAM
    assert not gone(registry, managed("Other", owner=OTHER))
    assert standing(registry) == [("Score", "arn:one", TEAM)]
    assert set(held(dynamodb)) == {"~names/Rate/parallel/Score"}


def test_a_delete_may_come_again_and_of_what_was_never_there(registry: DynamoRegistry) -> None:
    assert not gone(registry, managed())
    registry.register(managed())
    assert gone(registry, managed())
    assert not gone(registry, managed())


def test_a_delete_that_a_rename_overtakes_lets_the_new_name_go(
    registry: DynamoRegistry, dynamodb: DynamoDBClient
) -> None:
    registry.register(managed())
    with meanwhile(dynamodb, "TransactWriteItems", lambda: registry.register(managed("Better"))):
        assert gone(registry, managed())
    assert items(dynamodb, REGISTRY) == []


def test_a_construct_takes_over_what_was_merely_found(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    registry.put(managed("Found", owner=""))
    assert registry.register(managed()) is None
    assert standing(registry) == [("Score", "arn:one", TEAM)]
    assert set(held(dynamodb)) == {"~names/Rate/parallel/Score"}


def test_what_was_merely_found_replaces_nothing_that_a_construct_registered_meanwhile(registry: DynamoRegistry) -> None:
    plain = managed("Found", owner="")
    registry.put(plain)
    registry.register(managed())
    for replacing in (None, plain):
        assert not registry.put(replace(plain, seen_at=NOW + timedelta(1)), replacing=replacing)
    assert not registry.remove(plain)
    assert not gone(registry, plain)
    assert standing(registry) == [("Score", "arn:one", TEAM)]


def test_a_correction_from_sns_does_not_undo_what_the_construct_says_meanwhile(registry: DynamoRegistry) -> None:
    registry.register(managed())
    registry.register(managed(seen_at=NOW + timedelta(seconds=1), order=1))
    corrected = managed(seen_at=NOW + timedelta(seconds=2), filter_policy={"line": ["auto"]})
    assert not registry.put(corrected, replacing=managed())
    assert [r.order for r in registry.registrations("Rate", Stage.PARALLEL)] == [1]


def test_what_is_gone_lets_its_name_go(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    registry.register(managed())
    corrected = managed(seen_at=NOW + timedelta(seconds=1), filter_policy={"line": ["auto"]})
    assert registry.put(corrected, replacing=managed())
    assert not registry.remove(managed())
    assert registry.remove(corrected)
    assert items(dynamodb, REGISTRY) == []


class Crash(BaseException):
    """The function's process died."""


def test_a_name_item_that_a_crash_left_without_holders_is_taken(
    registry: DynamoRegistry, dynamodb: DynamoDBClient
) -> None:
    def die() -> None:
        raise Crash

    registry.register(managed())
    with pytest.raises(Crash), meanwhile(dynamodb, "DeleteItem", die):
        gone(registry, managed())
    assert len(items(dynamodb, REGISTRY)) == 1
    assert registry.register(managed(arn="arn:two", owner=OTHER)) is None
    assert held(dynamodb) == {"~names/Rate/parallel/Score": (OTHER, {"arn:two"})}


def named(registry: DynamoRegistry, name: str = "Score") -> list[str]:
    return [each.subscription_arn for each in registry.named("Rate", Stage.PARALLEL, name)]


def test_what_holds_a_name_is_found_by_it(registry: DynamoRegistry) -> None:
    assert named(registry) == []
    for registration in (managed(), managed(arn="arn:two"), managed("Other", arn="arn:three")):
        assert registry.register(registration) is None
    assert registry.put(managed(arn="arn:plain", owner=""))
    assert named(registry) == ["arn:one", "arn:two"]
    assert registry.named("Rate", Stage.PRE, "Score") == []
    assert gone(registry, managed())
    assert named(registry) == ["arn:two"]
    assert gone(registry, managed(arn="arn:two"))
    assert named(registry) == []


def test_a_name_that_was_changed_meanwhile_finds_nothing(registry: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    """The registration is read after the name: another deployment may come between."""
    assert registry.register(managed()) is None
    with meanwhile(dynamodb, "GetItem", lambda: registry.register(managed("Better")), skip=1):
        assert named(registry) == []
