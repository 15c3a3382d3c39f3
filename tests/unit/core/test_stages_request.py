"""The stages of a stack: their settings, and that none leaves it while plugins of others are registered to it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_runtime.contract import MAX_DEADLINE_SECONDS, Stage
from orchestrator_runtime.core.custom_resource_request import CustomResourceRequest, ResponseAddress
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.core.registration_request import RegistrationRefusedError
from orchestrator_runtime.core.stages_request import StagesRequest, refusal
from orchestrator_runtime.custom_resources import STAGES_PROPERTY, STAGES_RESOURCE_TYPE
from orchestrator_runtime.custom_resources import StageProperty as P
from tests.unit.samples import a_registration

STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/platform/8f1d"
TEAM = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/77aa"


def stages(*keys: str) -> dict[str, object]:
    return {STAGES_PROPERTY: [{P.STAGE: key} for key in keys]}


def request(kind: str, now: object, before: object = None) -> StagesRequest:
    return StagesRequest.read(
        CustomResourceRequest(
            kind=kind,
            resource_type=STAGES_RESOURCE_TYPE,
            stack_id=STACK,
            logical_id="Stages",
            request_id="1",
            physical_id=None,
            properties=now,
            before=before,
            address=ResponseAddress("localhost", 443, "/"),
        )
    )


def named(*keys: str) -> tuple[tuple[str, Stage], ...]:
    return tuple((key.rpartition("/")[0], Stage(key.rpartition("/")[2])) for key in keys)


ODD = {STAGES_PROPERTY: [{P.STAGE: "Rate/pre", P.TIMEOUT_SECONDS: "x"}, {P.STAGE: "Rate"}, "Check/pre", 7, None, {}]}


@pytest.mark.parametrize(
    ("kind", "now", "before", "has", "loses"),
    [
        ("Create", stages("Rate/pre"), None, ["Rate/pre"], []),
        ("Create", {}, None, [], []),
        (
            "Update",
            stages("Rate/pre"),
            stages("Rate/pre", "Rate/post", "Check/pre"),
            ["Rate/pre"],
            ["Check/pre", "Rate/post"],
        ),
        ("Update", stages("Rate/pre", "Rate/post"), stages("Rate/pre"), ["Rate/pre", "Rate/post"], []),
        ("Update", {}, stages("Rate/pre"), [], ["Rate/pre"]),
        ("Update", stages("Check/pre"), ODD, ["Check/pre"], ["Rate/pre"]),
        ("Update", stages("Check/pre"), {STAGES_PROPERTY: "Rate/pre"}, ["Check/pre"], []),
        ("Update", None, None, [], []),
        ("Delete", stages("Rate/pre", "Check/parallel"), stages("Gone/pre"), [], ["Check/parallel", "Rate/pre"]),
        ("Delete", ODD, None, [], ["Rate/pre"]),
        ("Delete", {STAGES_PROPERTY: "Rate/pre"}, None, [], []),
        ("Delete", ["Rate/pre"], None, [], []),
        ("", stages("Rate/pre"), stages("Rate/post"), [], []),
    ],
    ids=str,
)
def test_which_stages_the_stack_has_and_which_it_loses(
    kind: str, now: Any, before: Any, has: list[str], loses: list[str]
) -> None:
    found = request(kind, now, before)
    assert (tuple(found.stages), found.removed) == (named(*has), named(*loses))
    assert (found.kind, found.stack_id) == (kind, STACK)


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({}, StageSettings()),
        (
            {P.TIMEOUT_SECONDS: "600", P.START_WITHIN_SECONDS: "1", P.FAIL_ON_OPTIONAL_ERROR: "true"},
            StageSettings(timeout_seconds=600, start_within_seconds=1, fail_on_optional_error=True),
        ),
        (
            {P.TIMEOUT_SECONDS: str(MAX_DEADLINE_SECONDS), P.FAIL_ON_OPTIONAL_ERROR: "false"},
            StageSettings(timeout_seconds=MAX_DEADLINE_SECONDS),
        ),
    ],
)
def test_settings_of_a_stage(given: dict[str, str], settings: StageSettings) -> None:
    found = request("Create", {STAGES_PROPERTY: [{P.STAGE: "Rate/pre", **given}]})
    assert found.stages == {("Rate", Stage.PRE): settings}


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        ("Rate/pre", "Stages must be a list of objects, got 'Rate/pre'"),
        (
            ["Rate/pre"],
            "each of Stages must be an object with a Stage such as 'Rate/parallel', got 'Rate/pre': let the Activity "
            "construct make it",
        ),
        ([{}], "each of Stages must be an object with a Stage such as 'Rate/parallel', got {}: let the Activity"),
        ([{P.STAGE: "Rate/middle"}], "each of Stages must be an object with a Stage such as 'Rate/parallel'"),
        ([{P.STAGE: "/pre"}], "each of Stages must be an object with a Stage"),
        ([{P.STAGE: "~names/Rate/pre"}], "each of Stages must be an object with a Stage"),
        ([{P.STAGE: 7}], "each of Stages must be an object with a Stage"),
        (
            [{P.STAGE: "Rate/pre", P.TIMEOUT_SECONDS: "soon"}],
            "stage Rate/pre: TimeoutSeconds must be a whole number, got 'soon'",
        ),
        (
            [{P.STAGE: "Rate/pre", P.TIMEOUT_SECONDS: "0"}],
            f"stage Rate/pre: TimeoutSeconds must be from 1 to {MAX_DEADLINE_SECONDS} seconds, got 0",
        ),
        (
            [{P.STAGE: "Rate/pre", P.START_WITHIN_SECONDS: ["1"]}],
            "stage Rate/pre: StartWithinSeconds must be a whole number, got ['1']",
        ),
        (
            [{P.STAGE: "Rate/pre", P.FAIL_ON_OPTIONAL_ERROR: "yes"}],
            "stage Rate/pre: FailOnOptionalError must be true or false, got 'yes'",
        ),
        (
            [{P.STAGE: "Rate/pre"}, {P.STAGE: "Rate/post"}, {P.STAGE: "Rate/pre"}],
            "Stages names a stage twice: list each stage once",
        ),
    ],
)
def test_malformed_stages_are_refused(kind: str, listed: object, reason: str) -> None:
    with pytest.raises(RegistrationRefusedError) as refused:
        request(kind, {STAGES_PROPERTY: listed}, stages("Rate/pre"))
    assert str(refused.value).startswith(reason)


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
    assert StagesRequest(kind, STACK).may_be_refused(status) is refused


def of(name: str, owner: str = TEAM, **other: Any) -> Registration:
    return a_registration(name=name, owner=owner, **other)


def test_what_the_stack_registered_itself_goes_with_it() -> None:
    own, foreign, plain = of("Own", STACK), of("Foreign"), of("Plain", "")
    assert StagesRequest("Delete", STACK).in_use([own, foreign, plain]) == [foreign, plain]


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
