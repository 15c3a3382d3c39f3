"""Stages leave a stack if nobody else's plugins are registered to them."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.stage_removal import StagesRequest, refusal
from orchestrator_runtime.custom_resources import STAGES_PROPERTY
from tests.unit.samples import a_registration

STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/platform/8f1d"
TEAM = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/77aa"


def stages(*keys: object) -> dict[str, object]:
    return {STAGES_PROPERTY: list(keys)}


def request(kind: str, now: object, before: object = None) -> StagesRequest:
    event = {"RequestType": kind, "StackId": STACK, "ResourceProperties": now, "OldResourceProperties": before}
    return StagesRequest.read(event)


@pytest.mark.parametrize(
    ("kind", "now", "before", "removed"),
    [
        ("Create", stages("Rate/pre"), None, ()),
        ("Update", stages("Rate/pre"), stages("Rate/pre", "Rate/post", "Check/pre"), ("Check/pre", "Rate/post")),
        ("Update", stages("Rate/pre", "Rate/post"), stages("Rate/pre"), ()),
        ("Delete", stages("Rate/pre", "Check/parallel"), stages("Gone/pre"), ("Check/parallel", "Rate/pre")),
        ("Delete", stages("Rate/middle", "/pre", "Rate", 7, None, "a/b/post"), None, ("a/b/post",)),
        ("Delete", {STAGES_PROPERTY: "Rate/pre"}, None, ()),
        ("Delete", {}, None, ()),
        ("Delete", None, None, ()),
        ("Delete", ["Rate/pre"], None, ()),
        ("Update", None, None, ()),
        ("", stages("Rate/pre"), stages("Rate/post"), ()),
    ],
    ids=str,
)
def test_which_stages_the_stack_is_about_to_lose(kind: str, now: Any, before: Any, removed: tuple[str, ...]) -> None:
    found = request(kind, now, before)
    assert found.removed == tuple((key.rpartition("/")[0], Stage(key.rpartition("/")[2])) for key in removed)
    assert (found.kind, found.stack_id) == (kind, STACK)


def test_a_request_that_says_nothing_asks_for_nothing() -> None:
    assert StagesRequest.read({}) == StagesRequest("", "", ())
    assert StagesRequest.read({"RequestType": None, "StackId": None}) == StagesRequest("", "", ())


@pytest.mark.parametrize(
    ("kind", "status", "refused"),
    [
        ("Update", "UPDATE_IN_PROGRESS", True),
        ("Delete", "DELETE_IN_PROGRESS", True),
        ("Delete", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False),
        ("Update", "UPDATE_ROLLBACK_IN_PROGRESS", False),
        ("Delete", "UPDATE_IN_PROGRESS", False),
        ("Update", "DELETE_IN_PROGRESS", False),
        ("Create", "UPDATE_IN_PROGRESS", False),
    ],
)
def test_a_refusal_is_given_only_where_it_keeps_the_stages(kind: str, status: str, refused: bool) -> None:
    assert StagesRequest(kind, STACK, ()).may_be_refused(status) is refused


def of(name: str, owner: str = TEAM, **other: Any) -> Registration:
    return a_registration(name=name, owner=owner, **other)


def test_what_the_stack_registered_itself_goes_with_it() -> None:
    own, foreign, plain = of("Own", STACK), of("Foreign"), of("Plain", "")
    assert StagesRequest("Delete", STACK, ()).in_use([own, foreign, plain]) == [foreign, plain]


def test_the_refusal_names_plugins_their_owners_and_what_to_do() -> None:
    plain = of("Plain", "", subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:1")
    assert refusal([of("Score"), plain]) == (
        "stages of activity 'Rate' cannot be removed while plugins are registered to them: remove these plugins first, "
        "or run 'orchestrator plugins reconcile' if they are gone already: 'Score' of Rate/parallel (stack team), "
        "'Plain' of Rate/parallel (subscription arn:aws:sns:eu-west-1:123456789012:rate:1, which no construct made)"
    )


def test_activities_are_named_once_and_in_order() -> None:
    told = refusal([of("Score"), of("Two", activity="Check"), of("Three")])
    assert told.startswith("stages of activities 'Check', 'Rate' cannot be removed")


@pytest.mark.parametrize(
    ("plugins", "end"), [(5, "'P4' of Rate/parallel (stack team)"), (7, "(stack team), and 2 more")]
)
def test_five_are_named_and_the_rest_counted(plugins: int, end: str) -> None:
    assert refusal([of(f"P{number}") for number in range(plugins)]).endswith(end)


@pytest.mark.parametrize(("owner", "stack"), [(TEAM, "team"), ("", ""), ("team", "team"), ("a/b", "b")])
def test_a_registration_knows_its_stack_by_name(owner: str, stack: str) -> None:
    assert of("Score", owner).stack == stack
