"""The custom resource of a plugin: what its properties say, and what is refused in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_runtime.contract import MAX_DEADLINE_SECONDS, MAX_ORDER, PluginKind, Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.registration_request import RegistrationRefusedError, parse_registration, text_property
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from tests.unit.samples import NOW

ARN = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:1"
STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1"


def properties(**other: Any) -> dict[str, Any]:
    return {
        P.ACTIVITY: "Rate",
        P.STAGE: "parallel",
        P.NAME: "Score",
        P.SUBSCRIPTION_ARN: ARN,
        **other,
    }


def parsed(**other: Any) -> Registration:
    return parse_registration(properties(**other), owner=STACK, seen_at=NOW)


def refused(given: dict[str, Any]) -> str:
    with pytest.raises(RegistrationRefusedError) as error:
        parse_registration(given, owner=STACK, seen_at=NOW)
    return str(error.value)


def test_what_is_not_said_is_as_by_default() -> None:
    assert parsed() == Registration(
        activity="Rate",
        stage=Stage.PARALLEL,
        name="Score",
        subscription_arn=ARN,
        endpoint="",
        protocol="",
        kind=PluginKind.FUNCTION,
        owner=STACK,
        filter_policy={},
        filter_policy_scope="MessageAttributes",
        mandatory=True,
        order=90,
        always_run=False,
        timeout_seconds=None,
        start_within_seconds=None,
        reports_start=True,
        sender_role_ids=(),
        description=None,
        seen_at=NOW,
    )


def test_everything_can_be_said() -> None:
    policy = {"metadata": {"premium": [{"numeric": [">=", 1000]}], "agent": [None]}}
    said = parsed(
        **{
            P.KIND: "queue",
            P.MANDATORY: "false",
            P.ORDER: "7",
            P.ALWAYS_RUN: "true",
            P.TIMEOUT_SECONDS: "60",
            P.START_WITHIN_SECONDS: "30",
            P.REPORTS_START: "false",
            P.DESCRIPTION: "Scores",
            P.FILTER_POLICY: json.dumps(policy),
            P.FILTER_POLICY_SCOPE: "MessageBody",
            P.SENDER_ROLE_IDS: "AROASCORE,AROADEAD",
        }
    )
    assert said == Registration(
        activity="Rate",
        stage=Stage.PARALLEL,
        name="Score",
        subscription_arn=ARN,
        endpoint="",
        protocol="",
        kind="queue",
        owner=STACK,
        filter_policy=policy,
        filter_policy_scope="MessageBody",
        mandatory=False,
        order=7,
        always_run=True,
        timeout_seconds=60,
        start_within_seconds=30,
        reports_start=False,
        sender_role_ids=("AROASCORE", "AROADEAD"),
        description="Scores",
        seen_at=NOW,
    )


@pytest.mark.parametrize("name", [P.KIND, P.DESCRIPTION, P.FILTER_POLICY, P.SENDER_ROLE_IDS, P.MANDATORY])
def test_an_empty_property_is_as_one_that_is_not_there(name: P) -> None:
    assert parsed(**{name: ""}) == parsed()


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        (P.ORDER, 0, "order"),
        (P.ORDER, MAX_ORDER, "order"),
        (P.TIMEOUT_SECONDS, 1, "timeout_seconds"),
        (P.TIMEOUT_SECONDS, MAX_DEADLINE_SECONDS, "timeout_seconds"),
        (P.START_WITHIN_SECONDS, 1, "start_within_seconds"),
    ],
)
def test_numbers_may_be_at_their_limits(name: P, value: int, attribute: str) -> None:
    assert getattr(parsed(**{name: str(value)}), attribute) == value


BAD: list[tuple[dict[P, Any], str]] = [
    ({P.ORDER: "first"}, "Order must be a whole number, got 'first'"),
    ({P.ORDER: "-1"}, "Order must be from 0 to 1000000, got -1"),
    ({P.ORDER: str(MAX_ORDER + 1)}, "Order must be from 0 to 1000000, got 1000001"),
    ({P.TIMEOUT_SECONDS: "0"}, "TimeoutSeconds must be from 1 to 31536000 seconds, got 0"),
    (
        {P.TIMEOUT_SECONDS: str(MAX_DEADLINE_SECONDS + 1)},
        "TimeoutSeconds must be from 1 to 31536000 seconds, got 31536001",
    ),
    ({P.START_WITHIN_SECONDS: "soon"}, "StartWithinSeconds must be a whole number, got 'soon'"),
    ({P.MANDATORY: "yes"}, "Mandatory must be true or false, got 'yes'"),
    ({P.ALWAYS_RUN: "TRUE"}, "AlwaysRun must be true or false, got 'TRUE'"),
    ({P.REPORTS_START: "0"}, "ReportsStart must be true or false, got '0'"),
    ({P.NAME: ""}, "the registration has no Name: let the Plugin construct make it"),
    ({P.SUBSCRIPTION_ARN: ""}, "the registration has no SubscriptionArn: let the Plugin construct make it"),
    (
        {P.KIND: "https"},
        "plugin 'Score' of Rate/parallel: there is no kind of plugin 'https': use one of function, queue, fifo-queue",
    ),
    ({P.FILTER_POLICY: "{"}, "the filter policy must be a JSON object of at most 100 levels, got '{'"),
    ({P.FILTER_POLICY: "[1]"}, "the filter policy must be a JSON object of at most 100 levels, got '[1]'"),
    (
        {P.FILTER_POLICY: "x" * 300},
        f"the filter policy must be a JSON object of at most 100 levels, got '{'x' * 199}…",
    ),
    ({P.FILTER_POLICY: "x" * 4_097}, "FilterPolicy is 4,097 bytes, a registration takes 4,096: shorten it"),
    (
        {P.FILTER_POLICY: '{"plugins": ["Other"]}'},
        "plugin 'Score' of Rate/parallel: key 'plugins' is reserved: leave it out",
    ),
    (
        {P.FILTER_POLICY: '{"vip": [true]}'},
        "plugin 'Score' of Rate/parallel: 'vip': a bare true never matches, since booleans of the metadata are text "
        "here: write 'true'",
    ),
    (
        {P.FILTER_POLICY: '{"a": ["\\ud800"]}'},
        """the filter policy must be a JSON object of at most 100 levels, got '{"a": ["\\\\ud800"]}'""",
    ),
    ({P.FILTER_POLICY: {"premium": []}}, "FilterPolicy must be text: write lists and objects as JSON in a string"),
    (
        {P.STAGE: "after", P.FILTER_POLICY_SCOPE: "Everywhere"},
        "plugin 'Score' of Rate/after: filter policy scope \"Everywhere\" is unknown: use 'MessageAttributes' or "
        "'MessageBody'; there is no stage 'after': use one of pre, parallel, post",
    ),
]


@pytest.mark.parametrize(("wrong", "told"), BAD)
def test_what_is_wrong_is_told_in_a_sentence(wrong: dict[str, Any], told: str) -> None:
    assert refused(properties(**wrong)) == told


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({P.ACTIVITY: "a b"}, "the activity name 'a b' is not allowed"),
        ({P.ACTIVITY: "a.b"}, "the activity name 'a.b' is not allowed"),
        ({P.NAME: "a/b"}, "the plugin name 'a/b' is not allowed"),
        ({P.FILTER_POLICY: '{"line": [{"wildcard": "a*"}]}'}, "wildcard"),
    ],
)
def test_names_and_filters_are_held_to_their_rules(wrong: dict[str, Any], told: str) -> None:
    assert told in refused(properties(**wrong))


def test_a_plugins_name_may_have_spaces_and_dots() -> None:
    assert parsed(**{P.NAME: "Score v2.0"}).name == "Score v2.0"


def test_a_filter_that_is_nested_too_deeply_is_no_filter() -> None:
    deep = '{"a":' * 200 + '["x"]' + "}" * 200
    assert refused(properties(**{P.FILTER_POLICY: deep, P.FILTER_POLICY_SCOPE: "MessageBody"})).startswith(
        "the filter policy must be a JSON object of at most 100 levels, got "
    )


def test_a_request_without_properties_is_refused() -> None:
    nothing: Any = None
    assert refused(nothing) == "the registration has no properties: let the Plugin construct make it"
    assert text_property(nothing, P.NAME) is None


def test_a_filter_is_held_to_the_rules_of_its_scope() -> None:
    nested = json.dumps({"metadata": {"line": ["auto"]}})
    refused(properties(**{P.FILTER_POLICY: nested}))
    in_body = {P.FILTER_POLICY: nested, P.FILTER_POLICY_SCOPE: "MessageBody"}
    assert parsed(**in_body).filter_policy_scope == "MessageBody"


@pytest.mark.parametrize("name", ["Owner", "Endpoint", "Protocol", "TopicArn"])
def test_owner_and_subscription_are_no_properties(name: str) -> None:
    given = {**properties(), name: "arn:aws:cloudformation:eu-west-1:123456789012:stack/victim/1"}
    assert parse_registration(given, owner=STACK, seen_at=NOW) == parsed()


INVISIBLE = [*range(0x20), *range(0x7F, 0xA0), 0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x202F)]
INVISIBLE += [*range(0x2066, 0x206A), 0xFEFF]


@pytest.mark.parametrize("name", list(P))
def test_no_property_has_characters_that_people_do_not_see(name: P) -> None:
    for code in INVISIBLE:
        said = refused(properties(**{name: f"ab{chr(code)}"}))
        assert said == (
            f"{name} has the character U+{code:04X} at position 3: leave out control characters, line breaks, "
            "zero-width characters and those that change the direction of text"
        )


def test_text_of_every_script_is_taken() -> None:
    for text in ("Prüft das Auto", "自動車", "סכום", "🚗 fährt", "a\u00a0b"):
        assert parsed(**{P.DESCRIPTION: text}).description == text


def test_a_description_has_a_kilobyte() -> None:
    assert parsed(**{P.DESCRIPTION: "ü" * 512}).description == "ü" * 512
    assert refused(properties(**{P.DESCRIPTION: "ü" * 513})).startswith("Description is 1,026 bytes")


@pytest.mark.parametrize(("given", "text"), [("Score", "Score"), ("", ""), (7, None), (["Score"], None), (None, None)])
def test_only_text_is_taken_for_a_property(given: object, text: str | None) -> None:
    assert text_property({P.NAME: given}, P.NAME) == text
    assert text_property({}, P.NAME) is None


def test_a_filter_may_be_as_large_as_its_limit() -> None:
    policy = json.dumps({"line": ["x" * (4_096 - len('{"line":[""]}'))]}, separators=(",", ":"))
    assert parsed(**{P.FILTER_POLICY: policy}).filter_policy == json.loads(policy)
