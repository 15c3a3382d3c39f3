"""The custom resource with the stages of a stack: their settings are registered, and none leaves it while in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from orchestrator_runtime.contract import Env, Stage
from orchestrator_runtime.core.registration import StageSettings
from orchestrator_runtime.custom_resources import RegistrationProperty
from orchestrator_runtime.handlers.register_stages import lambda_handler
from tests.unit.cloudformation_desk import Desk
from tests.unit.handlers.conftest import Core, ask, request, told
from tests.unit.handlers.events import registration
from tests.unit.samples import a_registration

P = RegistrationProperty
STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/activities/1f2e"
TEAM = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team-a/9c8b"
SUBSCRIPTION = registration()[P.SUBSCRIPTION_ARN]
PHYSICAL_ID = f"{STACK}/Stages"
OTHER = "arn:aws:cloudformation:eu-west-1:123456789012:stack/moved/77aa"


def stages(*keys: str, **settings: str) -> dict[str, Any]:
    return {"Stages": [{"Stage": key, **settings} for key in keys]}


BOTH = stages("Check/pre", "Rate/parallel")
CHECK = stages("Check/pre")
RATE = stages("Rate/parallel")


@dataclass
class Stack:
    """The stack that asks, as CloudFormation tells of it."""

    status: str | None = None
    asked: list[str] = field(default_factory=list)

    def describe(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        """Answers DescribeStacks; moto's stacks are never under way."""
        self.asked.append(params["body"]["StackName"])
        if self.status is None:
            raise EndpointConnectionError(endpoint_url=model.name)
        return SimpleNamespace(status_code=200), {"Stacks": [{"StackStatus": self.status}]}


@pytest.fixture
def stack(session: boto3.Session) -> Iterator[Stack]:
    stack = Stack()
    answers: Callable[..., Any] = stack.describe
    session.events.register("before-call.cloudformation.DescribeStacks", answers)
    yield stack
    session.events.unregister("before-call.cloudformation.DescribeStacks", answers)


def ask_about_stages(
    cloudformation: Desk,
    kind: str,
    properties: dict[str, Any],
    before: dict[str, Any] | None = None,
    *,
    stack_id: str = STACK,
) -> dict[str, Any]:
    other: dict[str, Any] = {"PhysicalResourceId": f"{stack_id}/Stages"} if kind != "Create" else {}
    if before is not None:
        other["OldResourceProperties"] = before
    asked = request(
        cloudformation,
        kind,
        properties,
        ResourceType="Custom::OrchestratorStages",
        StackId=stack_id,
        LogicalResourceId="Stages",
        **other,
    )
    answer: dict[str, Any] = told(cloudformation, lambda_handler, asked)
    return answer


def deployed(core: Core) -> dict[str, StageSettings]:
    """The stages that are deployed, with their settings."""
    found = {activity: core.registry.stages(activity, tuple(Stage)) for activity in ("Check", "Rate")}
    return {f"{activity}/{stage}": one.settings for activity, of in found.items() for stage, one in of.items()}


def register(cloudformation: Desk, owner: str = TEAM, **other: str) -> None:
    """A stack deploys a plugin of Rate/parallel."""
    assert ask(cloudformation, "Create", registration(**other), StackId=owner)["Status"] == "SUCCESS"


def found(core: Core, activity: str = "Rate", stage: Stage = Stage.PARALLEL) -> None:
    """Reconciliation finds a subscription that no construct made."""
    assert core.registry.put(a_registration("Audit", activity=activity, stage=stage))


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_with_nobody_registered_all_is_allowed_and_the_id_stays(
    core: Core, cloudformation: Desk, stack: Stack, request_type: str
) -> None:
    answer = ask_about_stages(cloudformation, request_type, CHECK, BOTH)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", PHYSICAL_ID)
    assert stack.asked == []


def test_a_removed_stage_with_plugins_fails_the_update_and_names_them(
    core: Core, cloudformation: Desk, stack: Stack
) -> None:
    register(cloudformation)
    found(core)
    stack.status = "UPDATE_IN_PROGRESS"
    answer = ask_about_stages(cloudformation, "Update", CHECK, BOTH)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", PHYSICAL_ID)
    audit = a_registration("Audit").subscription_arn
    advice, _, named = answer["Reason"].partition(" already: ")
    assert advice == (
        "stages of activity 'Rate' cannot be removed while plugins are registered to them: remove these plugins first, "
        "or run 'orchestrator plugins reconcile' if they are gone"
    )
    score = "'Score' of Rate/parallel (stack team-a)"
    plain = f"'Audit' of Rate/parallel (subscription {audit}, which no construct made)"
    assert named in {f"{score}, {plain}", f"{plain}, {score}"}
    assert stack.asked == [STACK]
    assert "register-stages refused" in [line["message"] for line in core.lines()]


def test_a_deleted_stack_asks_for_all_its_stages(core: Core, cloudformation: Desk, stack: Stack) -> None:
    found(core, "Check", Stage.PRE)
    stack.status = "DELETE_IN_PROGRESS"
    assert ask_about_stages(cloudformation, "Delete", BOTH)["Status"] == "FAILED"
    core.registry.remove(core.registry.registrations("Check", Stage.PRE)[0])
    assert ask_about_stages(cloudformation, "Delete", BOTH)["Status"] == "SUCCESS"


def test_a_stage_that_stays_does_not_matter(core: Core, cloudformation: Desk, stack: Stack) -> None:
    register(cloudformation)
    assert ask_about_stages(cloudformation, "Update", RATE, BOTH)["Status"] == "SUCCESS"
    assert ask_about_stages(cloudformation, "Update", BOTH, CHECK)["Status"] == "SUCCESS"
    assert stack.asked == []


def test_plugins_of_the_stack_itself_go_with_their_stage(core: Core, cloudformation: Desk, stack: Stack) -> None:
    register(cloudformation, owner=STACK)
    assert ask_about_stages(cloudformation, "Update", CHECK, BOTH)["Status"] == "SUCCESS"
    assert ask_about_stages(cloudformation, "Delete", BOTH)["Status"] == "SUCCESS"
    assert stack.asked == []


@pytest.mark.parametrize(
    ("request_type", "status"),
    [
        ("Update", "UPDATE_ROLLBACK_IN_PROGRESS"),
        ("Delete", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Delete", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Delete", "ROLLBACK_IN_PROGRESS"),
    ],
)
def test_what_a_refusal_would_not_stop_is_allowed_and_noted(
    core: Core, cloudformation: Desk, stack: Stack, request_type: str, status: str
) -> None:
    register(cloudformation)
    stack.status = status
    properties = CHECK if request_type == "Update" else BOTH
    assert ask_about_stages(cloudformation, request_type, properties, BOTH)["Status"] == "SUCCESS"
    assert core.lines()[-1]["message"] == "stages removed under their plugins"
    assert core.lines()[-1]["plugins"] == ["Rate/parallel/Score"]


def test_many_plugins_are_told_within_what_cloudformation_takes(core: Core, cloudformation: Desk, stack: Stack) -> None:
    for number in range(7):
        register(cloudformation, **{P.NAME: f"Plugin {number}", P.SUBSCRIPTION_ARN: f"{SUBSCRIPTION}{number}"})
    stack.status = "UPDATE_IN_PROGRESS"
    reason = ask_about_stages(cloudformation, "Update", CHECK, BOTH)["Reason"]
    assert reason.endswith("'Plugin 4' of Rate/parallel (stack team-a), and 2 more")


def test_several_activities_are_told_of(core: Core, cloudformation: Desk, stack: Stack) -> None:
    register(cloudformation)
    found(core, "Check", Stage.PRE)
    stack.status = "DELETE_IN_PROGRESS"
    reason = ask_about_stages(cloudformation, "Delete", BOTH)["Reason"]
    assert reason.startswith("stages of activities 'Check', 'Rate' cannot be removed")


def test_if_cloudformation_is_out_of_reach_nothing_is_removed(core: Core, cloudformation: Desk, stack: Stack) -> None:
    register(cloudformation)
    answer = ask_about_stages(cloudformation, "Update", CHECK, BOTH)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        "the request failed inside the orchestrator: see the log of its register-stages function"
    )


def test_trouble_of_our_own_is_told_too(
    core: Core, cloudformation: Desk, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Env.REGISTRY_TABLE, "elsewhere")
    assert ask_about_stages(cloudformation, "Delete", BOTH)["Status"] == "FAILED"
    assert core.lines()[-1]["message"] == "register-stages failed"


@pytest.mark.parametrize("properties", [{}, {"Stages": []}])
def test_stack_without_stages_loses_none(core: Core, cloudformation: Desk, stack: Stack, properties: Any) -> None:
    register(cloudformation)
    for request_type in ("Create", "Update", "Delete"):
        assert ask_about_stages(cloudformation, request_type, properties, properties)["Status"] == "SUCCESS"
    assert deployed(core) == {}


# Settings


def test_settings_are_registered_with_the_stage(core: Core, cloudformation: Desk, stack: Stack) -> None:
    settings = {"TimeoutSeconds": "600", "StartWithinSeconds": "60", "FailOnOptionalError": "true"}
    assert (
        ask_about_stages(cloudformation, "Create", stages("Rate/pre", "Rate/post", **settings))["Status"] == "SUCCESS"
    )
    expected = StageSettings(timeout_seconds=600, start_within_seconds=60, fail_on_optional_error=True)
    assert deployed(core) == {"Rate/pre": expected, "Rate/post": expected}
    assert core.lines()[-1]["stages"] == ["Rate/pre", "Rate/post"]


def test_changed_settings_are_registered(core: Core, cloudformation: Desk, stack: Stack) -> None:
    ask_about_stages(cloudformation, "Create", RATE)
    ask_about_stages(cloudformation, "Update", stages("Rate/parallel", TimeoutSeconds="5"), RATE)
    assert deployed(core) == {"Rate/parallel": StageSettings(timeout_seconds=5)}


def test_removed_stages_lose_their_settings_once_the_removal_is_allowed(
    core: Core, cloudformation: Desk, stack: Stack
) -> None:
    ask_about_stages(cloudformation, "Create", BOTH)
    found(core)
    stack.status = "UPDATE_IN_PROGRESS"
    assert ask_about_stages(cloudformation, "Update", CHECK, BOTH)["Status"] == "FAILED"
    assert set(deployed(core)) == {"Check/pre", "Rate/parallel"}
    core.registry.remove(core.registry.registrations("Rate", Stage.PARALLEL)[0])
    assert ask_about_stages(cloudformation, "Update", CHECK, BOTH)["Status"] == "SUCCESS"
    assert set(deployed(core)) == {"Check/pre"}
    assert ask_about_stages(cloudformation, "Delete", CHECK)["Status"] == "SUCCESS"
    assert deployed(core) == {}


def test_update_that_is_rolled_back_brings_the_former_settings_back(
    core: Core, cloudformation: Desk, stack: Stack
) -> None:
    """CloudFormation asks for an update to the former properties."""
    before, after = stages("Rate/parallel", TimeoutSeconds="5"), stages("Rate/pre", TimeoutSeconds="7")
    ask_about_stages(cloudformation, "Create", before)
    ask_about_stages(cloudformation, "Update", after, before)
    assert deployed(core) == {"Rate/pre": StageSettings(timeout_seconds=7)}
    stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    ask_about_stages(cloudformation, "Update", before, after)
    assert deployed(core) == {"Rate/parallel": StageSettings(timeout_seconds=5)}


def test_refused_update_changes_no_settings(core: Core, cloudformation: Desk, stack: Stack) -> None:
    ask_about_stages(cloudformation, "Create", RATE)
    malformed = {"Stages": [{"Stage": "Rate/pre"}, {"Stage": "Rate/post", "TimeoutSeconds": "soon"}]}
    answer = ask_about_stages(cloudformation, "Update", malformed, RATE)
    assert (answer["Status"], answer["Reason"]) == (
        "FAILED",
        "stage Rate/post: TimeoutSeconds must be a whole number, got 'soon'",
    )
    assert set(deployed(core)) == {"Rate/parallel"}


def test_failed_creation_is_taken_back(core: Core, cloudformation: Desk, stack: Stack) -> None:
    malformed = stages("Rate/pre", TimeoutSeconds="soon")
    assert ask_about_stages(cloudformation, "Create", malformed)["Status"] == "FAILED"
    stack.status = "ROLLBACK_IN_PROGRESS"
    assert ask_about_stages(cloudformation, "Delete", malformed)["Status"] == "SUCCESS"


def test_stage_that_moves_to_another_stack_keeps_its_settings(core: Core, cloudformation: Desk, stack: Stack) -> None:
    """The stack that it leaves is deleted after the other one was created."""
    ask_about_stages(cloudformation, "Create", RATE)
    ask_about_stages(cloudformation, "Create", stages("Rate/parallel", TimeoutSeconds="5"), stack_id=OTHER)
    ask_about_stages(cloudformation, "Delete", RATE)
    assert deployed(core) == {"Rate/parallel": StageSettings(timeout_seconds=5)}


def test_stack_that_takes_a_stage_by_mistake_and_rolls_back_leaves_the_settings(
    core: Core, cloudformation: Desk, stack: Stack
) -> None:
    register(cloudformation)
    ask_about_stages(cloudformation, "Create", stages("Rate/parallel", TimeoutSeconds="600"))
    ask_about_stages(cloudformation, "Create", RATE, stack_id=OTHER)
    stack.status = "ROLLBACK_IN_PROGRESS"
    ask_about_stages(cloudformation, "Delete", RATE, stack_id=OTHER)
    assert deployed(core) == {"Rate/parallel": StageSettings(timeout_seconds=600)}


# Who may ask


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_event_that_cloudformation_did_not_send_changes_no_stage(
    core: Core, cloudformation: Desk, stack: Stack, kind: str
) -> None:
    ask_about_stages(cloudformation, "Create", stages("Rate/parallel", TimeoutSeconds="600"))
    before = deployed(core)
    forged = request(
        cloudformation,
        kind,
        stages("Rate/parallel", TimeoutSeconds="1"),
        ResourceType="Custom::OrchestratorStages",
        StackId=STACK,
        ResponseURL="http://127.0.0.1:9/answer",
    )
    lambda_handler(forged, None)
    assert deployed(core) == before
    assert core.lines()[-1]["RefusedRequests"] == [1]


def test_plugins_are_not_for_this_function(core: Core, cloudformation: Desk, stack: Stack) -> None:
    answer = told(cloudformation, lambda_handler, request(cloudformation, "Create", registration()))
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("register-stages serves resources of type Custom::OrchestratorStages, got")
    assert core.registry.registrations("Rate", Stage.PARALLEL) == []
