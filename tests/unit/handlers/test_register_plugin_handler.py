"""The custom resource of a plugin: registered, changed, removed, and CloudFormation is told each time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from orchestrator_runtime.contract import Env, PluginKind, Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.custom_resources import STAGES_RESOURCE_TYPE, RegistrationProperty
from orchestrator_runtime.handlers.register_plugin import lambda_handler
from tests.unit.cloudformation_desk import Desk
from tests.unit.handlers.conftest import Core, ask, request, told
from tests.unit.handlers.events import OTHER_STACK, STACK, registration
from tests.unit.moto_tables import REGISTRY
from tests.unit.samples import a_registration

P = RegistrationProperty
ARN = registration()[P.SUBSCRIPTION_ARN]
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:score"
OTHER_SUBSCRIPTION = {P.SUBSCRIPTION_ARN: f"{ARN}-other"}


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
        endpoint=FUNCTION,
        owner=STACK,
        seen_at=plugin.seen_at,
    )
    [line] = core.lines()
    assert line["message"] == "plugin registered"
    assert {"Rate", "parallel", "Score"} <= {str(value) for value in line.values()}


def test_every_property_is_registered(core: Core, cloudformation: Desk) -> None:
    policy = {"line": ["auto"], "premium": [{"numeric": [">=", 1000]}]}
    properties = registration(
        **{
            P.KIND: "queue",
            P.REPORTS_START: "false",
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
    cloudformation.subscribe(ARN, "Score", Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:score")
    assert ask(cloudformation, "Create", properties)["Status"] == "SUCCESS"
    [plugin] = registered(core)
    assert plugin.endpoint == "arn:aws:sqs:eu-west-1:123456789012:score"
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
    told = ask(cloudformation, "Create", registration(**OTHER_SUBSCRIPTION), StackId=OTHER_STACK)
    assert told["Status"] == "FAILED"
    assert told["Reason"] == (
        f"a plugin named 'Score' is registered to Rate/parallel already, by {STACK}: "
        "names are unique within a stage, choose another"
    )
    assert [plugin.subscription_arn for plugin in registered(core)] == [ARN]
    # CloudFormation takes back what it could not create; that must leave the other's alone.
    physical_id = told["PhysicalResourceId"]
    undone = ask(
        cloudformation,
        "Delete",
        registration(**OTHER_SUBSCRIPTION),
        PhysicalResourceId=physical_id,
        StackId=OTHER_STACK,
    )
    assert undone["Status"] == "SUCCESS"
    assert [plugin.subscription_arn for plugin in registered(core)] == [ARN]


def test_the_same_name_on_another_stage_is_another(core: Core, cloudformation: Desk, session: boto3.Session) -> None:
    deploy_stage(session, Stage.POST)
    ask(cloudformation, "Create", registration())
    post = {P.STAGE: "post", P.SUBSCRIPTION_ARN: ARN.replace("-parallel:", "-post:")}
    assert ask(cloudformation, "Create", registration(**post), StackId=OTHER_STACK)["Status"] == "SUCCESS"
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
    "no subscription": ({P.SUBSCRIPTION_ARN: ""}, "the registration has no SubscriptionArn"),
    "order": ({P.ORDER: "first"}, "Order must be a whole number, got 'first'"),
    "a timeout of ages": ({P.TIMEOUT_SECONDS: str(10**15)}, "TimeoutSeconds must be from 1 to 31536000 seconds, got 1"),
    "an order beyond all": ({P.ORDER: str(10**40)}, "Order must be from 0 to 1000000, got 1"),
    "timeout": ({P.TIMEOUT_SECONDS: "0"}, "TimeoutSeconds must be from 1 to 31536000 seconds, got 0"),
    "flag": ({P.MANDATORY: "yes"}, "Mandatory must be true or false, got 'yes'"),
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
    "half a character": (
        {P.DESCRIPTION: "\ud800"},
        "Description holds half a character, which is no text: leave it out",
    ),
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
    "many roles": ({P.SENDER_ROLE_IDS: "AROASCORE," * 300}, "SenderRoleIds is 3,000 bytes, a registration takes 1,024"),
    "a long description": (
        {P.DESCRIPTION: "ü" * 513},
        "Description is 1,026 bytes, a registration takes 1,024: shorten it",
    ),
    "a line break": (
        {P.DESCRIPTION: "Scores\nplugin ended"},
        "Description has the character U+000A at position 7: leave out control characters, line breaks,",
    ),
    "a direction": ({P.SENDER_ROLE_IDS: "AROA\u202eEROCS"}, "SenderRoleIds has the character U+202E at position 5"),
    "a kind of its own": (
        {P.KIND: "mailbox"},
        "there is no kind of plugin 'mailbox': use one of function,",
    ),
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
    assert core.lines()[-1]["message"] == "register-plugin refused"


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
    assert [plugin.owner for plugin in registered(core)] == [STACK]


def test_a_subscription_that_has_long_been_a_plugin_without_a_construct_is_not_taken_over(
    core: Core, cloudformation: Desk
) -> None:
    """Another stack could state it with its own roles, and report for it."""
    before = found_by_reconciliation(
        core, subscription_arn=ARN, named_since=datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=16)
    )
    told = ask(cloudformation, "Create", registration())
    assert told["Status"] == "FAILED"
    assert "registered to Rate/parallel already, as 'Score', which no construct made" in told["Reason"]
    assert registered(core) == [before]


def test_a_subscription_that_another_stack_registered_is_refused_and_stays_its_own(
    core: Core, cloudformation: Desk
) -> None:
    ask(cloudformation, "Create", registration())
    other = registration(**{P.NAME: "Other"})
    told = ask(cloudformation, "Create", other, StackId=OTHER_STACK)
    assert told["Status"] == "FAILED"
    assert "registered to Rate/parallel already, as 'Score' by" in told["Reason"]
    assert ask(cloudformation, "Delete", other, StackId=OTHER_STACK)["Status"] == "SUCCESS"
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


# What one team may not do to another's plugin


def test_a_stack_that_states_another_s_id_as_owner_gets_nothing_of_it(core: Core, cloudformation: Desk) -> None:
    """It would replace the sender roles, make the plugin optional, and remove it by being deleted."""
    ask(cloudformation, "Create", registration(**{P.SENDER_ROLE_IDS: "AROASCORE"}))
    before = core.rows(REGISTRY)
    stolen = registration(**{"Owner": STACK, P.SENDER_ROLE_IDS: "AROATHIEF", P.MANDATORY: "false"})
    told = ask(cloudformation, "Create", stolen, StackId=OTHER_STACK)
    assert told["Status"] == "FAILED"
    assert f"registered to Rate/parallel already, as 'Score' by {STACK}" in told["Reason"]
    assert ask(cloudformation, "Delete", stolen, StackId=OTHER_STACK)["Status"] == "SUCCESS"
    assert core.rows(REGISTRY) == before


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:9/answer",
        "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/victim",
    ],
)
def test_an_event_that_cloudformation_did_not_send_is_counted_and_nothing_is_done(
    core: Core, cloudformation: Desk, url: str
) -> None:
    ask(cloudformation, "Create", registration())
    before, answers = core.rows(REGISTRY), len(cloudformation.told)
    for kind in ("Create", "Update", "Delete"):
        forged = request(cloudformation, kind, registration(**{P.MANDATORY: "false"}), ResponseURL=url)
        lambda_handler(forged, None)
    assert (core.rows(REGISTRY), len(cloudformation.told)) == (before, answers)
    refused = [line for line in core.lines() if line["message"] == "request refused"]
    assert [line["RefusedRequests"] for line in refused] == [[1]] * 3
    assert "/etc/passwd" not in str(refused)


def test_on_aws_an_answer_goes_to_cloudformation_s_bucket_alone(
    core: Core, cloudformation: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is set by the local AWS: without it, no other server is spoken to."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    lambda_handler(request(cloudformation, "Create", registration()), None)
    assert (cloudformation.told, core.rows(REGISTRY)) == ([], [])


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_stages_are_not_for_this_function(core: Core, cloudformation: Desk, kind: str) -> None:
    """Whoever deploys plugins may invoke it."""
    stages = {"Stages": [{"Stage": "Rate/parallel", "TimeoutSeconds": "1"}]}
    told = ask(
        cloudformation,
        kind,
        stages,
        ResourceType=STAGES_RESOURCE_TYPE,
        OldResourceProperties={"Stages": [{"Stage": "Rate/pre"}]},
    )
    assert told["Status"] == ("SUCCESS" if kind == "Delete" else "FAILED")
    if kind != "Delete":
        assert told["Reason"].startswith("register-plugin serves resources of type Custom::OrchestratorPlugin, got")
    assert core.rows(REGISTRY) == []
    assert core.registry.stages("Rate", tuple(Stage)) == {}


# Endpoint, protocol and account are read from SNS


def test_what_an_event_says_of_a_subscription_does_not_count(core: Core, cloudformation: Desk) -> None:
    lie = {
        "Endpoint": "arn:aws:lambda:eu-west-1:123456789012:function:victim",
        "Protocol": "sqs",
        "TopicArn": "arn:other",
    }
    assert ask(cloudformation, "Create", registration(**lie))["Status"] == "SUCCESS"
    assert [(plugin.endpoint, plugin.protocol) for plugin in registered(core)] == [(FUNCTION, "lambda")]


def refusal(cloudformation: Desk, **other: Any) -> str:
    """Why a registration is refused whose subscription is as it is."""
    answer = told(cloudformation, lambda_handler, request(cloudformation, "Create", registration(), **other))
    assert answer["Status"] == "FAILED"
    return str(answer["Reason"])


def test_a_subscription_that_does_not_exist_is_refused(core: Core, cloudformation: Desk) -> None:
    assert refusal(cloudformation).startswith(f"SNS has no subscription {ARN}: have the registration of plugin 'Score'")
    assert core.rows(REGISTRY) == []


def test_a_subscription_of_another_account_than_the_stack_is_refused(core: Core, cloudformation: Desk) -> None:
    cloudformation.subscribe(ARN, "Score", Owner="210987654321")
    assert refusal(cloudformation) == (
        f"the subscription {ARN} is of account 210987654321, and this stack of 123456789012: a plugin is registered by "
        "the account that subscribes it"
    )
    partner = STACK.replace("123456789012", "210987654321")
    assert (
        told(cloudformation, lambda_handler, request(cloudformation, "Create", registration(), StackId=partner))[
            "Status"
        ]
        == "SUCCESS"
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {"FilterPolicy": "{}"},
        {"FilterPolicy": '{"line": ["auto"]}'},
        {"FilterPolicy": '{"plugins": ["Other"]}'},
        {"FilterPolicy": '{"plugins": ["Score"], "line": ["auto"]}'},
        {"FilterPolicyScope": "MessageBody"},
    ],
    ids=str,
)
def test_a_subscription_that_was_made_for_something_else_is_not_taken_over(
    core: Core, cloudformation: Desk, attributes: dict[str, str]
) -> None:
    """Another team's plain subscription, say: its stack would settle how that is registered, and could remove it."""
    plain = found_by_reconciliation(core, subscription_arn=ARN, name="Theirs")
    cloudformation.subscribe(ARN, "Score", **attributes)
    assert refusal(cloudformation).startswith(f"the subscription {ARN} does not filter by the name of the plugin")
    assert registered(core) == [plain]


def test_a_subscription_of_another_account_is_read_from_the_list_of_its_topic(
    core: Core, cloudformation: Desk, session: boto3.Session
) -> None:
    """Its attributes are not for the core to read."""
    queue = "arn:aws:sqs:eu-west-1:210987654321:score"
    listed = {"SubscriptionArn": ARN, "Owner": "210987654321", "Protocol": "sqs", "Endpoint": queue, "TopicArn": "t"}

    def answer(**_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        return SimpleNamespace(status_code=200), {"Subscriptions": [listed]}

    hook: Any = answer
    session.events.register("before-call.sns.ListSubscriptionsByTopic", hook)
    try:
        lie = registration(Endpoint=FUNCTION, Protocol="lambda")
        partner = STACK.replace("123456789012", "210987654321")
        asked = request(cloudformation, "Create", lie, StackId=partner)
        assert told(cloudformation, lambda_handler, asked)["Status"] == "SUCCESS"
        assert [(plugin.endpoint, plugin.protocol) for plugin in registered(core)] == [(queue, "sqs")]
        assert "is of account 210987654321, and this stack of 123456789012" in refusal(cloudformation)
    finally:
        session.events.unregister("before-call.sns.ListSubscriptionsByTopic", hook)


# Requests that come late, twice, or not in order


def test_a_create_that_comes_after_the_deletion_registers_no_ghost(core: Core, cloudformation: Desk) -> None:
    """CloudFormation deletes the registration, then the subscription."""
    created = request(cloudformation, "Create", registration())
    ask(cloudformation, "Create", registration())
    ask(cloudformation, "Delete", registration())
    del cloudformation.subscribed[ARN]
    assert told(cloudformation, lambda_handler, created)["Status"] == "FAILED"
    assert core.rows(REGISTRY) == []


def test_creates_that_come_twice_register_once(core: Core, cloudformation: Desk) -> None:
    for _ in range(2):
        assert ask(cloudformation, "Create", registration())["Status"] == "SUCCESS"
    assert len(registered(core)) == 1
    ask(cloudformation, "Delete", registration())
    assert core.rows(REGISTRY) == []


def test_a_deletion_that_comes_before_its_create_leaves_nothing_once_repeated(core: Core, cloudformation: Desk) -> None:
    """The first attempt at a create failed without an answer, and CloudFormation has given up."""
    ask(cloudformation, "Delete", registration(), PhysicalResourceId="team-Score-1ABC")
    ask(cloudformation, "Create", registration())
    ask(cloudformation, "Delete", registration())
    assert core.rows(REGISTRY) == []


def test_a_rollback_of_a_create_that_was_never_answered_leaves_nothing(core: Core, cloudformation: Desk) -> None:
    """The registration was written, the answer was lost: CloudFormation made up an id and deletes that."""
    cloudformation.status = 500
    with pytest.raises(OSError, match="does not accept the answer"):
        ask(cloudformation, "Create", registration())
    assert len(registered(core)) == 1
    cloudformation.status = 200
    undone = ask(cloudformation, "Delete", registration(), PhysicalResourceId="team-Score-1ABC")
    assert (undone["Status"], undone["PhysicalResourceId"]) == ("SUCCESS", "team-Score-1ABC")
    assert core.rows(REGISTRY) == []


def test_an_update_of_the_name_in_one_stack_leaves_the_new_one(core: Core, cloudformation: Desk) -> None:
    """Old and new resource are of one stack: the old one is deleted with its own properties."""
    old, new = registration(), registration(**{P.NAME: "New", P.SUBSCRIPTION_ARN: f"{ARN}-new"})
    ask(cloudformation, "Create", old)
    for _ in range(2):
        ask(cloudformation, "Update", new, OldResourceProperties=old)
    for _ in range(2):
        ask(cloudformation, "Delete", old)
    assert [(plugin.name, plugin.subscription_arn) for plugin in registered(core)] == [("New", f"{ARN}-new")]
    taken = ask(cloudformation, "Create", registration(**OTHER_SUBSCRIPTION), StackId=OTHER_STACK)
    assert taken["Status"] == "SUCCESS", "the former name is free"


def test_a_rollback_of_a_changed_name_brings_the_former_one_back(core: Core, cloudformation: Desk) -> None:
    """Whatever filter policy the subscription has at that moment."""
    old, new = registration(), registration(**{P.NAME: "New"})
    ask(cloudformation, "Create", old)
    ask(cloudformation, "Update", new, OldResourceProperties=old)
    answer = told(cloudformation, lambda_handler, request(cloudformation, "Update", old, OldResourceProperties=new))
    assert answer["Status"] == "SUCCESS"
    assert [plugin.name for plugin in registered(core)] == ["Score"]
