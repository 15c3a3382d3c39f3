"""The registry, in DynamoDB and in memory: registrations to stages, and the settings of stages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration, StageRegistrations, StageSettings
from orchestrator_runtime.registry_port import Registry
from orchestrator_runtime.stores.registry import DynamoRegistry
from tests.rules.memory_registry import MemoryRegistry
from tests.unit.moto_tables import REGISTRY, meanwhile
from tests.unit.samples import NOW, a_registration

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(params=["dynamodb", "memory"])
def registry(request: pytest.FixtureRequest) -> Registry:
    """Every test here holds for both: tests elsewhere rely on the one in memory."""
    if request.param == "memory":
        return MemoryRegistry()
    return DynamoRegistry(request.getfixturevalue("dynamodb"), REGISTRY)


@pytest.fixture
def dynamo(dynamodb: DynamoDBClient) -> DynamoRegistry:
    return DynamoRegistry(dynamodb, REGISTRY)


FULL = a_registration(
    "All said",
    protocol="sqs",
    owner="arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1",
    filter_policy={"line": ["auto", {"prefix": "ü"}], "premium": [{"numeric": [">=", 1000.00001]}], "vip": [True]},
    filter_policy_scope="MessageBody",
    filter_keys_since=NOW,
    named_since=NOW,
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
def test_a_registration_survives_as_made(registry: Registry, registration: Registration) -> None:
    registry.put(registration)
    assert registry.registrations("Rate", Stage.PARALLEL) == [registration]


def test_registrations_are_listed_by_stage(registry: Registry) -> None:
    here = [a_registration("A"), a_registration("B")]
    others = [a_registration("C", stage=Stage.PRE), a_registration("D", activity="Rate2")]
    for registration in (*here, *others):
        registry.put(registration)
    assert registry.registrations("Rate", Stage.PARALLEL) == here
    assert registry.registrations("Rate", Stage.PRE) == [others[0]]
    assert registry.registrations("Rate", Stage.POST) == []


def test_more_registrations_than_a_page_holds_are_all_listed(registry: Registry) -> None:
    for number in range(30):
        registry.put(a_registration(f"P{number:02d}", description="d" * 40_000))
    names = [registration.name for registration in registry.registrations("Rate", Stage.PARALLEL)]
    assert names == [f"P{number:02d}" for number in range(30)]


def test_registrations_are_found_by_function(registry: Registry) -> None:
    score = a_registration()
    alias = replace(score, subscription_arn="arn:alias", endpoint=f"{score.endpoint}:live", stage=Stage.POST)
    for registration in (score, alias, a_registration("Other")):
        registry.put(registration)
    found = registry.of_function(score.endpoint)
    assert sorted(found, key=lambda registration: registration.stage) == [score, alias]
    assert registry.of_function("arn:aws:lambda:eu-west-1:123456789012:function:nobody") == []


def test_one_registration_is_read_by_its_key(registry: Registry) -> None:
    registry.put(FULL)
    assert registry.get("Rate", Stage.PARALLEL, FULL.subscription_arn) == FULL
    assert registry.get("Rate", Stage.PRE, FULL.subscription_arn) is None


def seen(seconds: int = 0, **other: Any) -> Registration:
    return a_registration(seen_at=NOW + timedelta(seconds=seconds), **other)


def test_what_was_found_is_written_over_what_was_read_and_nothing_else(registry: Registry) -> None:
    first, second, third = seen(), seen(1, order=1), seen(2, order=2)
    assert registry.put(first)
    assert not registry.put(second), "nothing was read, but something stands there"
    assert registry.put(second, replacing=first)
    assert not registry.put(third, replacing=first), "somebody else wrote meanwhile"
    assert registry.registrations("Rate", Stage.PARALLEL) == [second]
    assert not registry.put(seen(3, subscription_arn="arn:other"), replacing=seen(2, subscription_arn="arn:other"))


def test_what_has_no_time_yet_is_replaced_by_what_has(registry: Registry) -> None:
    assert registry.put(a_registration())
    assert registry.put(seen(), replacing=a_registration())
    assert not registry.put(seen(1), replacing=a_registration())


def test_what_was_read_is_removed_once_and_nothing_newer(registry: Registry) -> None:
    first, second = seen(), seen(1)
    registry.put(first)
    registry.put(second, replacing=first)
    assert not registry.remove(first)
    assert registry.registrations("Rate", Stage.PARALLEL) == [second]
    assert registry.remove(second)
    assert registry.remove(second), "it is gone, as it was to be"
    assert registry.registrations("Rate", Stage.PARALLEL) == []


def test_write_that_the_sdk_repeats_succeeds_once(dynamo: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    """The answer to the first try is lost."""
    first, second = seen(), seen(1, order=1)
    with meanwhile(dynamodb, "PutItem", lambda: dynamo.put(first)):
        assert dynamo.put(first)
    with meanwhile(dynamodb, "PutItem", lambda: dynamo.put(second, replacing=first)):
        assert dynamo.put(second, replacing=first)
    assert dynamo.registrations("Rate", Stage.PARALLEL) == [second]


# Settings, and reading a whole activity

STACK, OTHER = "arn:stack/activities", "arn:stack/other"
SETTINGS = StageSettings(timeout_seconds=600, start_within_seconds=60, fail_on_optional_error=True)


def deploy(registry: Registry, *stages: Stage, activity: str = "Rate") -> None:
    for stage in stages:
        registry.put_settings(activity, stage, SETTINGS, owner=STACK, now=NOW)


def test_stages_of_an_activity_are_read_with_their_settings(registry: Registry) -> None:
    deploy(registry, *Stage)
    score, check, load = a_registration(), a_registration("Check"), a_registration("Load", stage=Stage.POST)
    for registration in (score, check, load):
        registry.put(registration)

    assert registry.stages("Rate", tuple(Stage)) == {
        Stage.PRE: StageRegistrations(SETTINGS, []),
        Stage.PARALLEL: StageRegistrations(SETTINGS, [check, score]),
        Stage.POST: StageRegistrations(SETTINGS, [load]),
    }


@pytest.mark.parametrize(
    "stages",
    [
        (Stage.PRE,),
        (Stage.PARALLEL,),
        (Stage.POST,),
        (Stage.PRE, Stage.PARALLEL),
        (Stage.PARALLEL, Stage.POST),
        tuple(Stage),
    ],
)
def test_stages_that_were_not_asked_for_are_absent(registry: Registry, stages: tuple[Stage, ...]) -> None:
    for stage in Stage:
        registry.put_settings("Rate", stage, StageSettings(timeout_seconds=len(stage)), owner=STACK, now=NOW)
        registry.put(a_registration(f"Of {stage}", stage=stage, subscription_arn=f"arn:{stage}"))

    found = registry.stages("Rate", stages)

    assert tuple(found) == stages
    for stage, of_stage in found.items():
        assert of_stage.settings == StageSettings(timeout_seconds=len(stage))
        assert [registration.name for registration in of_stage.registrations] == [f"Of {stage}"]


def test_stages_of_an_activity_are_read_in_one_query(dynamo: DynamoRegistry, dynamodb: DynamoDBClient) -> None:
    deploy(dynamo, *Stage)
    second_query = meanwhile(dynamodb, "Query", lambda: None, skip=1)
    with pytest.raises(AssertionError, match="Query was not called"), second_query:
        dynamo.stages("Rate", tuple(Stage))


def test_stage_that_is_not_deployed_is_absent(registry: Registry) -> None:
    registry.put(a_registration())
    deploy(registry, Stage.POST)
    deploy(registry, Stage.PARALLEL, activity="Rate2")

    assert list(registry.stages("Rate", tuple(Stage))) == [Stage.POST]
    assert registry.stages("Unknown", tuple(Stage)) == {}


def test_settings_are_no_registration(registry: Registry) -> None:
    deploy(registry, *Stage)

    assert registry.registrations("Rate", Stage.PARALLEL) == []
    assert registry.get("Rate", Stage.PARALLEL, f"~settings/{STACK}") is None


def test_settings_are_written_anew(registry: Registry) -> None:
    deploy(registry, Stage.PRE)
    registry.put_settings("Rate", Stage.PRE, StageSettings(), owner=STACK, now=NOW + timedelta(seconds=1))

    assert registry.stages("Rate", [Stage.PRE]) == {Stage.PRE: StageRegistrations(StageSettings(), [])}


def test_settings_are_deleted_once(registry: Registry) -> None:
    deploy(registry, Stage.PRE, Stage.POST)
    for _ in range(2):
        registry.remove_settings("Rate", Stage.PRE, owner=STACK)
        assert list(registry.stages("Rate", tuple(Stage))) == [Stage.POST]


@pytest.mark.parametrize("first", [STACK, OTHER])
def test_settings_that_a_stack_wrote_last_count_until_it_deletes_them(registry: Registry, first: str) -> None:
    """A stage moves to another stack, which fails, or outlives the first one."""
    second = OTHER if first == STACK else STACK
    before, after = StageSettings(timeout_seconds=1), StageSettings(timeout_seconds=2)

    def current() -> list[StageSettings]:
        return [of_stage.settings for of_stage in registry.stages("Rate", tuple(Stage)).values()]

    registry.put_settings("Rate", Stage.PRE, before, owner=first, now=NOW)
    registry.put_settings("Rate", Stage.PRE, after, owner=second, now=NOW + timedelta(seconds=1))
    assert current() == [after]
    registry.remove_settings("Rate", Stage.PRE, owner=second)
    assert current() == [before]
    registry.put_settings("Rate", Stage.PRE, after, owner=second, now=NOW + timedelta(seconds=2))
    registry.remove_settings("Rate", Stage.PRE, owner=first)
    assert current() == [after]
    registry.remove_settings("Rate", Stage.PRE, owner=second)
    assert current() == []
