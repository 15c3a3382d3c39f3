"""What is registered of a subscription that no construct made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.plain_registration import fallback_name, plain_registration
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import Answer, NoAnswer, StageTopic, Subscription, stage_topic
from orchestrator_runtime.names import PLUGIN_NAME
from orchestrator_runtime.plugin_info import PluginInfo
from tests.unit.samples import NOW

PREFIX = "arn:aws:sns:eu-west-1:123456789012:claims-dev-"
TOPIC = StageTopic("Rate", Stage.PARALLEL, f"{PREFIX}Rate-parallel")
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:score_driver"


def subscription(endpoint: str = FUNCTION, protocol: str = "lambda", **policy: Any) -> Subscription:
    return Subscription(arn=f"{TOPIC.arn}:1", protocol=protocol, endpoint=endpoint, filter_policy=policy)


def registered(answer: Answer | NoAnswer | None, **other: Any) -> Registration:
    return plain_registration(TOPIC, subscription(**other), answer, seen_at=NOW)


def test_everything_that_a_function_says_is_registered() -> None:
    info = PluginInfo(
        name="Score",
        mandatory=True,
        overrides={"Rate": False},
        order=7,
        always_run=True,
        timeout_seconds=60,
        start_within_seconds=30,
        description="Scores",
    )
    assert registered(Answer(info.as_answer()), line=["auto"]) == Registration(
        activity="Rate",
        stage=Stage.PARALLEL,
        name="Score",
        subscription_arn=f"{TOPIC.arn}:1",
        endpoint=FUNCTION,
        filter_policy={"line": ["auto"]},
        filter_keys_since=NOW,
        named_since=NOW,
        mandatory=False,
        order=7,
        always_run=True,
        timeout_seconds=60,
        start_within_seconds=30,
        reports_start=True,
        description="Scores",
        seen_at=NOW,
    )


def test_a_subscription_keeps_its_place_under_its_name_and_takes_a_new_one_under_another() -> None:
    before = registered(Answer({"pluginName": "Score"}))
    later = NOW + timedelta(hours=1)

    def named(name: str) -> datetime | None:
        answer = Answer({"pluginName": name})
        return plain_registration(TOPIC, subscription(), answer, seen_at=later, registered=before).named_since

    assert (named("Score"), named("Other")) == (NOW, later)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (NoAnswer("it failed"), "it failed: defaults are used"),
        (Answer(None), "the answer to initialize must be an object, got nothing: defaults are used"),
        (Answer({}), "the answer to initialize has none of the keys of one"),
        (Answer({"statusCode": 200}), "the answer to initialize has none of the keys of one"),
        (Answer({"order": -1}), "order in the answer to initialize must be a whole number"),
    ],
)
def test_a_function_that_does_not_follow_the_protocol_is_not_expected_to_report_its_start(
    answer: Answer | NoAnswer, problem: str
) -> None:
    found = registered(answer)
    assert (found.problem or "").startswith(problem)
    assert (found.name, found.mandatory, found.reports_start) == ("score_driver", True, False)


@pytest.mark.parametrize(
    ("protocol", "kind"), [("sqs", "queue"), ("https", "https"), ("email", "email"), ("firehose", "firehose")]
)
def test_what_is_no_function_is_asked_nothing_and_reports_no_start(protocol: str, kind: str) -> None:
    found = registered(None, protocol=protocol, endpoint="arn:aws:x:eu-west-1:123456789012:thing")
    assert (found.kind, found.protocol, found.reports_start, found.problem) == (kind, protocol, False, None)


@pytest.mark.parametrize(
    ("name", "endpoint", "protocol", "policy"),
    [
        ("Score", FUNCTION, "lambda", {"plugins": ["Score"]}),
        ("Score v2.0", FUNCTION, "lambda", {"plugins": ["Score v2.0"]}),
        ("score_driver", FUNCTION, "lambda", {"plugins": ["A", "B"]}),
        ("score_driver", FUNCTION, "lambda", {"plugins": ["a/b"]}),
        ("score_driver", FUNCTION, "lambda", {"plugins": [{"prefix": "A"}]}),
        ("score_driver", f"{FUNCTION}:live", "lambda", {}),
        ("letters", "arn:aws:sqs:eu-west-1:123456789012:letters", "sqs", {}),
        ("api.example.com", "https://api.example.com:8443/in?key=secret", "https", {}),
        ("api.example.com", "http://api.example.com/in", "http", {}),
        ("http", "http://", "http", {}),
        ("ops-example.com", "ops@example.com", "email", {}),
        ("49123456", "+49123456", "sms", {}),
        ("stream", "arn:aws:firehose:eu-west-1:123456789012:deliverystream/stream", "firehose", {}),
        ("MAX", f"{FUNCTION.removesuffix('score_driver')}MAX", "lambda", {}),
        ("x" * 64, f"{FUNCTION[:-12]}{'x' * 70}", "lambda", {}),
        ("a", "ä@a", "email", {}),
        ("plugin", "äöü", "email", {}),
    ],
)
def test_a_name_is_found_that_may_be_one(name: str, endpoint: str, protocol: str, policy: dict[str, Any]) -> None:
    found = fallback_name(subscription(endpoint, protocol, **policy))
    assert found == name
    assert PLUGIN_NAME.fullmatch(found)


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("Rate-parallel", StageTopic("Rate", Stage.PARALLEL, f"{PREFIX}Rate-parallel")),
        ("Rate-2-pre", StageTopic("Rate-2", Stage.PRE, f"{PREFIX}Rate-2-pre")),
        ("Rate", None),
        ("-pre", None),
        ("Rate-after", None),
    ],
)
def test_a_topic_tells_its_stage(name: str, stage: StageTopic | None) -> None:
    assert stage_topic(f"{PREFIX}{name}", PREFIX) == stage
    assert stage_topic(f"arn:aws:sns:eu-west-1:123456789012:other-{name}", PREFIX) is None


def test_all_that_is_wrong_with_an_answer_is_told() -> None:
    problem = registered(Answer({"order": -1, "timeoutSeconds": 0})).problem or ""
    assert [told.partition(" ")[0] for told in problem.split("; ")] == ["order", "timeoutSeconds"]


@pytest.mark.parametrize(
    ("endpoint", "protocol", "function"),
    [
        (f"{FUNCTION}:live", "lambda", FUNCTION),
        (FUNCTION, "lambda", FUNCTION),
        ("arn:aws:sqs:eu-west-1:123456789012:letters", "sqs", "arn:aws:sqs:eu-west-1:123456789012:letters"),
        ("https://[2001:db8:0:0:0:0:0:1]:8443/in", "https", "https://[2001:db8:0:0:0:0:0:1]:8443/in"),
    ],
)
def test_the_registrations_of_a_function_are_found_whatever_its_version(
    endpoint: str, protocol: str, function: str
) -> None:
    assert registered(None, endpoint=endpoint, protocol=protocol).function == function
