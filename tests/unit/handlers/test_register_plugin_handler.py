"""The custom resource of a plugin: registered, changed, removed, and CloudFormation is told each time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from orchestrator_runtime.contract import Env, PluginKind, Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.custom_resources import RegistrationProperty
from tests.unit.cloudformation_desk import Desk
from tests.unit.handlers.conftest import Core, ask
from tests.unit.handlers.events import registration
from tests.unit.moto_tables import REGISTRY
from tests.unit.samples import a_registration

P = RegistrationProperty
ARN = registration()[P.SUBSCRIPTION_ARN]
OTHER_OWNER = {P.OWNER: "arn:other-stack", P.SUBSCRIPTION_ARN: f"{ARN}-other"}


def registered(core: Core, stage: Stage = Stage.PARALLEL) -> list[Registration]:
    return list(core.registry.registrations("Rate", stage))


def deploy_stage(session: boto3.Session, stage: Stage) -> None:
    session.client("sns").create_topic(Name=f"claims-dev-Rate-{stage}")


def found_by_reconciliation(core: Core, **other: Any) -> Registration:
    plain = replace(a_registration(), **other)
    assert core.registry.put(plain)
    return plain


def test_a_create_registers(core: Core, cloudformation: Desk) -> None:
    told = ask(cloudformation, "Create", registration())
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", ARN)
    [plugin] = registered(core)
    assert plugin.seen_at is not None
    assert plugin == Registration(
        activity="Rate",
        stage=Stage.PARALLEL,
        name="Score",
        subscription_arn=ARN,
        endpoint=registration()[P.ENDPOINT],
        owner=registration()[P.OWNER],
        seen_at=plugin.seen_at,
    )
    [line] = core.lines()
    assert line["message"] == "plugin registered"
    assert {"Rate", "parallel", "Score"} <= {str(value) for value in line.values()}


def test_every_property_is_registered(core: Core, cloudformation: Desk) -> None:
    policy = {"line": ["auto"], "premium": [{"numeric": [">=", 1000]}]}
    properties = registration(
        **{
            P.PROTOCOL: "sqs",
            P.KIND: "queue",
            P.REPORTS_START: "false",
            P.TOPIC_ARN: "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel",
            P.MANDATORY: "false",
            P.ORDER: "7",
            P.ALWAYS_RUN: "true",
            P.TIMEOUT_SECONDS: "60",
            P.START_WITHIN_SECONDS: "30",
            P.DESCRIPTION: "Scores ü",
            P.FILTER_POLICY: json.dumps(policy),
            P.FILTER_POLICY_SCOPE: "MessageAttributes",
            P.SENDER_ROLE_IDS: "AROASCORE,AROADEAD",
        }
    )
    assert ask(cloudformation, "Create", properties)["Status"] == "SUCCESS"
    [plugin] = registered(core)
    assert (plugin.protocol, plugin.mandatory, plugin.order, plugin.always_run) == ("sqs", False, 7, True)
    assert (plugin.timeout_seconds, plugin.start_within_seconds) == (60, 30)
    assert (plugin.description, plugin.filter_policy, plugin.sender_role_ids) == (
        "Scores ü",
        policy,
        ("AROASCORE", "AROADEAD"),
    )
    assert (plugin.kind, plugin.reports_start) == (PluginKind.QUEUE, False)


def test_an_update_changes_the_registration_in_place(core: Core, cloudformation: Desk) -> None:
    ask(cloudformation, "Create", registration())
    told = ask(
        cloudformation,
        "Update",
        registration(**{P.NAME: "Better score", P.ORDER: "5"}),
        PhysicalResourceId=ARN,
        OldResourceProperties=registration(),
    )
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", ARN)
    assert [(plugin.name, plugin.order) for plugin in registered(core)] == [("Better score", 5)]


def test_a_replacement_leaves_the_new_subscription(core: Core, cloudformation: Desk) -> None:
    """CloudFormation creates the new one first, then deletes the one before."""
    ask(cloudformation, "Create", registration())
    new = registration(**{P.SUBSCRIPTION_ARN: f"{ARN}-new"})
    told = ask(cloudformation, "Update", new, PhysicalResourceId=ARN, OldResourceProperties=registration())
    assert told["PhysicalResourceId"] == f"{ARN}-new"
    assert len(registered(core)) == 2
    told = ask(cloudformation, "Delete", registration(), PhysicalResourceId=ARN)
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", ARN)
    assert [plugin.subscription_arn for plugin in registered(core)] == [f"{ARN}-new"]


def test_a_delete_may_be_repeated(core: Core, cloudformation: Desk) -> None:
    ask(cloudformation, "Create", registration())
    for _ in range(2):
        assert ask(cloudformation, "Delete", registration(), PhysicalResourceId=ARN)["Status"] == "SUCCESS"
    assert core.rows(REGISTRY) == []
    assert core.lines()[-1]["message"] == "plugin unregistered"


def test_a_delete_is_answered_under_the_id_that_it_was_asked_for(core: Core, cloudformation: Desk) -> None:
    """CloudFormation makes up an id for a resource whose creation was never answered."""
    told = ask(cloudformation, "Delete", registration(), PhysicalResourceId="team-Score-1ABC")
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", "team-Score-1ABC")


def test_a_name_that_another_stack_holds_is_refused(core: Core, cloudformation: Desk) -> None:
    ask(cloudformation, "Create", registration())
    told = ask(cloudformation, "Create", registration(**OTHER_OWNER))
    assert told["Status"] == "FAILED"
    assert told["Reason"] == (
        f"a plugin named 'Score' is registered to Rate/parallel already, by {registration()[P.OWNER]}: "
        "names are unique within a stage, choose another"
    )
    assert [plugin.subscription_arn for plugin in registered(core)] == [ARN]
    # CloudFormation takes back what it could not create; that must leave the other's alone.
    physical_id = told["PhysicalResourceId"]
    undone = ask(cloudformation, "Delete", registration(**OTHER_OWNER), PhysicalResourceId=physical_id)
    assert undone["Status"] == "SUCCESS"
    assert [plugin.subscription_arn for plugin in registered(core)] == [ARN]


def test_the_same_name_on_another_stage_is_another(core: Core, cloudformation: Desk, session: boto3.Session) -> None:
    deploy_stage(session, Stage.POST)
    ask(cloudformation, "Create", registration())
    post = {P.STAGE: "post", P.SUBSCRIPTION_ARN: ARN.replace("-parallel:", "-post:")}
    assert ask(cloudformation, "Create", registration(**{**OTHER_OWNER, **post}))["Status"] == "SUCCESS"
    assert len(registered(core, Stage.POST)) == 1


BAD: dict[str, tuple[dict[str, str], str]] = {
    "operator of EventBridge": ({P.FILTER_POLICY: '{"line": [{"wildcard": "a*"}]}'}, "wildcard"),
    "no JSON": ({P.FILTER_POLICY: "{"}, "the filter policy must be a JSON object of at most 100 levels, got '{'"),
    "no object": ({P.FILTER_POLICY: "[1]"}, "the filter policy must be a JSON object of at most 100 levels, got '[1]'"),
    "unknown scope": ({P.FILTER_POLICY_SCOPE: "Everywhere"}, "Everywhere"),
    "bad name": ({P.NAME: "a/b"}, "the plugin name 'a/b' is not allowed"),
    "bad activity": ({P.ACTIVITY: "a b"}, "the activity name 'a b' is not allowed"),
    "no such stage": ({P.STAGE: "after"}, "there is no stage 'after': use one of pre, parallel, post"),
    "no name": ({P.NAME: ""}, "the registration has no Name: let the Plugin construct make it"),
    "no endpoint": ({P.ENDPOINT: ""}, "the registration has no Endpoint"),
    "no subscription": ({P.SUBSCRIPTION_ARN: ""}, "the registration has no SubscriptionArn"),
    "order": ({P.ORDER: "first"}, "Order must be a whole number, got 'first'"),
    "a timeout of ages": ({P.TIMEOUT_SECONDS: str(10**15)}, "TimeoutSeconds must be from 1 to 31536000 seconds, got 1"),
    "an order beyond all": ({P.ORDER: str(10**40)}, "Order must be from 0 to 1000000, got 1"),
    "timeout": ({P.TIMEOUT_SECONDS: "0"}, "TimeoutSeconds must be from 1 to 31536000 seconds, got 0"),
    "flag": ({P.MANDATORY: "yes"}, "Mandatory must be true or false, got 'yes'"),
    "other topic": (
        {P.TOPIC_ARN: "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-pre"},
        "is subscribed to arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-pre, but Rate/parallel of this core has",
    ),
    "no such activity": ({P.ACTIVITY: "Rat"}, "there is no stage Rat/parallel in this deployment"),
    "stage not deployed": ({P.STAGE: "pre"}, "deploy the activity 'Rate' first, or check its name"),
    "digits of another script": ({P.ORDER: "\u0661\u0662"}, "Order must be a whole number, got"),
    "digits without end": ({P.ORDER: "9" * 5_000}, "Order is 5,000 bytes, a registration takes 512: shorten it"),
    "a flag without end": ({P.MANDATORY: "y" * 500}, f"Mandatory must be true or false, got '{'y' * 199}…"),
    "a name without end": ({P.NAME: "n" * 400}, f"the plugin name '{'n' * 199}… is not allowed: use 1 to 64"),
    "no subscription to the topic": (
        {P.SUBSCRIPTION_ARN: "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-pre:6e5c"},
        "6e5c is no subscription to the topic arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel of Rate/par",
    ),
    "the settings of the stage": (
        {P.SUBSCRIPTION_ARN: "~settings/arn:stack"},
        "~settings/arn:stack is no subscription",
    ),
    "half a character": ({P.OWNER: "arn:\ud800"}, "Owner holds half a character, which is no text: leave it out"),
    "half a character in a policy": (
        {P.FILTER_POLICY: '{"a": ["\\ud800"]}'},
        "must be a JSON object of at most",
    ),
    "an endless number in a policy": (
        {P.FILTER_POLICY: '{"a": [1e999]}'},
        "must be a JSON object of at most",
    ),
    "a policy of hundreds of levels": (
        {P.FILTER_POLICY: '{"a":' * 600 + "[1]" + "}" * 600, P.FILTER_POLICY_SCOPE: "MessageBody"},
        "must be a JSON object of at most",
    ),
    "a long subscription": ({P.SUBSCRIPTION_ARN: "a" * 513}, "SubscriptionArn is 513 bytes, a registration takes 512"),
    "a long endpoint": ({P.ENDPOINT: "ü" * 1_025}, "Endpoint is 2,050 bytes, a registration takes 2,048: shorten it"),
    "many roles": ({P.SENDER_ROLE_IDS: "AROASCORE," * 300}, "SenderRoleIds is 3,000 bytes, a registration takes 1,024"),
    "start": ({P.START_WITHIN_SECONDS: "soon"}, "StartWithinSeconds must be a whole number, got 'soon'"),
}


@pytest.mark.parametrize(("wrong", "told"), BAD.values(), ids=BAD.keys())
def test_a_bad_registration_fails_the_deployment_with_the_reason_and_can_be_taken_back(
    core: Core, cloudformation: Desk, wrong: dict[str, str], told: str
) -> None:
    properties = registration(**wrong)
    created = ask(cloudformation, "Create", properties)
    assert created["Status"] == "FAILED"
    assert told in created["Reason"]
    assert created["PhysicalResourceId"]
    assert core.rows(REGISTRY) == []
    undone = ask(cloudformation, "Delete", properties, PhysicalResourceId=created["PhysicalResourceId"])
    assert (undone["Status"], undone["PhysicalResourceId"]) == ("SUCCESS", created["PhysicalResourceId"])


def test_a_refused_update_changes_nothing_and_keeps_its_id(core: Core, cloudformation: Desk) -> None:
    ask(cloudformation, "Create", registration())
    before = core.rows(REGISTRY)
    bad = registration(**{P.ORDER: "x", P.SUBSCRIPTION_ARN: f"{ARN}-new"})
    told = ask(cloudformation, "Update", bad, PhysicalResourceId=ARN, OldResourceProperties=registration())
    assert (told["Status"], told["PhysicalResourceId"]) == ("FAILED", ARN)
    assert core.rows(REGISTRY) == before
    assert core.lines()[-1]["message"] == "registration refused"


def test_trouble_of_our_own_is_told_too_without_its_details(
    core: Core, cloudformation: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Env.REGISTRY_TABLE, "elsewhere")
    told = ask(cloudformation, "Create", registration())
    assert told["Status"] == "FAILED"
    assert told["Reason"].endswith("see the log of its register-plugin function")
    assert "ResourceNotFound" in core.lines()[-1]["exception"]


def test_the_whole_policy_as_an_object_is_refused_because_its_numbers_came_as_text(
    core: Core, cloudformation: Desk
) -> None:
    properties: dict[str, Any] = {**registration(), P.FILTER_POLICY: {"premium": [{"numeric": [">=", "1000"]}]}}
    told = ask(cloudformation, "Create", properties)
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith("FilterPolicy must be text")


def test_the_stack_is_the_owner_if_none_is_named(core: Core, cloudformation: Desk) -> None:
    properties = registration()
    del properties[P.OWNER]
    ask(cloudformation, "Create", properties)
    assert [plugin.owner for plugin in registered(core)] == ["arn:stack"]
    ask(cloudformation, "Delete", properties, PhysicalResourceId=ARN)
    assert core.rows(REGISTRY) == []


def test_a_full_stage_takes_no_more_but_lets_what_it_has_be_changed(
    core: Core, cloudformation: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(Env.PLUGINS_PER_STAGE, "2")
    for name in "ab":
        assert (
            ask(cloudformation, "Create", registration(**{P.NAME: name, P.SUBSCRIPTION_ARN: f"{ARN}-{name}"}))["Status"]
            != "FAILED"
        )
    told = ask(cloudformation, "Create", registration(**{P.NAME: "c", P.SUBSCRIPTION_ARN: f"{ARN}-c"}))
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith("Rate/parallel has 2 plugins, and SNS allows 2 filter policies on a topic")
    assert "plugins_per_stage" in told["Reason"]
    changed = registration(**{P.NAME: "b", P.SUBSCRIPTION_ARN: f"{ARN}-b", P.ORDER: "1"})
    assert ask(cloudformation, "Update", changed, PhysicalResourceId=f"{ARN}-b")["Status"] == "SUCCESS"


def test_a_name_that_a_subscription_made_by_other_means_has_is_refused(core: Core, cloudformation: Desk) -> None:
    plain = found_by_reconciliation(core)
    told = ask(cloudformation, "Create", registration())
    assert told["Status"] == "FAILED"
    assert f"already, by {plain.endpoint}, whose subscription {plain.subscription_arn}" in told["Reason"]
    assert registered(core) == [plain]


def test_what_reconciliation_saw_before_the_construct_told_it_becomes_the_constructs(
    core: Core, cloudformation: Desk
) -> None:
    found_by_reconciliation(core, subscription_arn=ARN)
    assert ask(cloudformation, "Create", registration())["Status"] == "SUCCESS"
    assert [plugin.owner for plugin in registered(core)] == [registration()[P.OWNER]]


def test_a_subscription_that_another_stack_registered_is_refused_and_stays_its_own(
    core: Core, cloudformation: Desk
) -> None:
    ask(cloudformation, "Create", registration())
    other = registration(**{P.NAME: "Other", P.OWNER: "arn:other-stack"})
    told = ask(cloudformation, "Create", other)
    assert told["Status"] == "FAILED"
    assert "registered to Rate/parallel already, as 'Score' by" in told["Reason"]
    assert ask(cloudformation, "Delete", other, PhysicalResourceId=ARN)["Status"] == "SUCCESS"
    assert [plugin.name for plugin in registered(core)] == ["Score"]


def test_a_rolled_back_replacement_brings_the_former_one_back(core: Core, cloudformation: Desk) -> None:
    """CloudFormation asks for an update to the former properties, then deletes what it had created."""
    old, new = registration(), registration(**{P.SUBSCRIPTION_ARN: f"{ARN}-new"})
    ask(cloudformation, "Create", old)
    ask(cloudformation, "Update", new, PhysicalResourceId=ARN)
    told = ask(cloudformation, "Update", old, PhysicalResourceId=f"{ARN}-new")
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", ARN)
    ask(cloudformation, "Delete", new, PhysicalResourceId=f"{ARN}-new")
    assert [plugin.subscription_arn for plugin in registered(core)] == [ARN]


def test_a_request_without_properties_is_answered(core: Core, cloudformation: Desk) -> None:
    told = ask(cloudformation, "Create", {})
    assert (told["Status"], told["PhysicalResourceId"]) == ("FAILED", "no-subscription")
    assert ask(cloudformation, "Delete", {}, PhysicalResourceId="no-subscription")["Status"] == "SUCCESS"


@pytest.mark.parametrize("properties", [["Rate"], "Rate", 7])
def test_properties_that_are_none_are_answered(core: Core, cloudformation: Desk, properties: Any) -> None:
    told = ask(cloudformation, "Create", properties)
    assert (told["Status"], told["PhysicalResourceId"]) == ("FAILED", "no-subscription")
    assert told["Reason"].startswith("the registration has no properties")
    assert ask(cloudformation, "Delete", properties, PhysicalResourceId="no-subscription")["Status"] == "SUCCESS"


def test_a_description_is_kept_as_far_as_people_read_it(core: Core, cloudformation: Desk) -> None:
    assert ask(cloudformation, "Create", registration(**{P.DESCRIPTION: "ü" * 5_000}))["Status"] == "SUCCESS"
    assert [plugin.description for plugin in registered(core)] == ["ü" * 1_024]
