"""What reconciliation tells people: what was repaired, and what they have to put right, and how."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.findings import (
    Findings,
    Problem,
    ProblemKind,
    Repair,
    RepairAction,
    not_confirmed,
    problems_of,
    problems_of_stage,
    repair_of,
    unreadable,
)
from orchestrator_runtime.core.reconcile import Action, Remove, Sight, Write
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import Function, Listed, StageTopic, Subscription, Unseen
from tests.unit.samples import NOW, a_registration

TOPIC = StageTopic("Rate", Stage.PARALLEL, "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel")
PRE = StageTopic("Rate", Stage.PRE, "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-pre")
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:score"
SUBSCRIPTION = Subscription(arn=f"{TOPIC.arn}:1", protocol="lambda", endpoint=FUNCTION)
OPEN = {"Statement": {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:*"}}


def sight(subscription: Subscription | Unseen = SUBSCRIPTION, topic: StageTopic = TOPIC, **other: Any) -> Sight:
    seen = Sight(topic=topic, registered=None, seen_at=NOW, subscription=subscription, function=Function("1"))
    return replace(seen, **other)


def told(
    seen: Sight, standing: Registration | None = None, *, action: Action = None, policy: Any = OPEN
) -> list[Problem]:
    return problems_of(seen, action, standing, policy)


def problem(kind: ProblemKind, detail: str, *, plugin: str = "Score") -> Problem:
    return Problem(kind=kind, stage="Rate/parallel", plugin=plugin, subscription_arn=SUBSCRIPTION.arn, detail=detail)


SCORE = a_registration("Score", subscription_arn=SUBSCRIPTION.arn, endpoint=FUNCTION)


# Repairs


@pytest.mark.parametrize(
    ("action", "registered", "done", "detail"),
    [
        (Write(SCORE), None, RepairAction.ADDED, "it was subscribed, but not registered"),
        (Remove(SCORE, "its subscription is gone"), SCORE, RepairAction.REMOVED, "its subscription is gone"),
        (
            Write(SCORE, ("name", "order")),
            SCORE,
            RepairAction.CHANGED,
            "name, order: now as SNS and the function say",
        ),
        (
            Write(SCORE, ("filter_policy",)),
            replace(SCORE, owner="arn:stack"),
            RepairAction.CHANGED,
            "filter_policy: now as SNS says",
        ),
    ],
)
def test_a_repair_says_what_was_done_to_which_plugin(
    action: Write | Remove, registered: Registration | None, done: RepairAction, detail: str
) -> None:
    assert repair_of(action, registered) == Repair(
        action=done, stage="Rate/parallel", plugin="Score", subscription_arn=SUBSCRIPTION.arn, detail=detail
    )


def test_a_time_that_is_noted_anew_is_no_repair() -> None:
    assert repair_of(Write(SCORE), SCORE) is None


# Problems of one subscription


def test_nothing_is_told_of_a_plugin_that_can_be_called() -> None:
    assert told(sight(), SCORE) == []


def test_a_subscription_that_was_not_read_is_not_judged() -> None:
    assert told(sight(Unseen.GONE), SCORE) == []
    assert told(sight(Unseen.UNREADABLE), SCORE) == []


def test_who_has_not_confirmed_hears_nothing() -> None:
    detail = (
        "the https subscription of https://example.com is not confirmed, so SNS sends nothing to it: "
        "confirm it with the link that SNS sent there, or subscribe again"
    )
    waiting = replace(SUBSCRIPTION, protocol="https", endpoint="https://example.com", confirmed=False)
    assert told(sight(waiting, function=None)) == [problem(ProblemKind.NOT_CONFIRMED, detail, plugin="")]
    assert not_confirmed(TOPIC, Listed(None, "https", "https://example.com")) == Problem(
        kind=ProblemKind.NOT_CONFIRMED, stage="Rate/parallel", detail=detail
    )


def test_a_function_that_is_gone_is_all_that_is_told_of_its_subscription() -> None:
    detail = (
        f"the function {FUNCTION} does not exist, so what SNS sends to it is lost: "
        "delete the subscription, or deploy the function again"
    )
    assert told(sight(function=Unseen.GONE), replace(SCORE, problem="it failed"), policy=None) == [
        problem(ProblemKind.FUNCTION_GONE, detail)
    ]


def test_a_function_that_the_topic_may_not_call_is_told_with_what_it_needs() -> None:
    other = {"Statement": {**OPEN["Statement"], "Condition": {"ArnLike": {"aws:SourceArn": PRE.arn}}}}
    detail = (
        f"no statement in the resource policy of {FUNCTION} lets {TOPIC.arn} call it: add a permission for the "
        "principal sns.amazonaws.com with the topic, or all topics of the core, as source ARN"
    )
    assert told(sight(), SCORE, policy=None) == [problem(ProblemKind.NO_PERMISSION, detail)]
    assert told(sight(), SCORE, policy=other) == [problem(ProblemKind.NO_PERMISSION, detail)]
    assert told(sight(), SCORE, policy=Unseen.UNREADABLE) == []
    assert told(sight(function=None), SCORE, policy=None) == [], "a queue has no policy that would be looked at"


def test_a_plugin_that_would_be_added_is_told_under_the_name_that_it_would_get() -> None:
    detail = "it is subscribed, but not registered, so no run waits for it: reconcile"
    assert told(sight(), action=Write(SCORE)) == [problem(ProblemKind.NOT_REGISTERED, detail)]
    assert told(sight()) == []


def test_the_name_that_stands_goes_before_the_one_that_was_wanted() -> None:
    standing = replace(SCORE, name="Stands", problem="it failed")
    assert [found.plugin for found in told(sight(), standing, action=Write(SCORE))] == ["Stands"]


def test_a_filter_that_cannot_be_evaluated_is_told_with_all_its_faults() -> None:
    standing = replace(SCORE, filter_policy={"line": [{"wildcard": "a*"}], "premium": []})
    (found,) = told(sight(), standing)
    assert found.kind is ProblemKind.INVALID_FILTER
    assert found.detail.startswith("whom its filter lets through cannot be told, so no run waits for it: ")
    assert "; " in found.detail
    assert "XX" not in found.detail


def test_a_filter_that_sns_takes_is_valid_though_no_attribute_can_match_it() -> None:
    (found,) = told(sight(), replace(SCORE, filter_policy={"line": [True]}))
    assert found.kind is ProblemKind.NEVER_MATCHES


def test_a_filter_is_judged_by_its_scope() -> None:
    nested = replace(SCORE, filter_policy={"metadata": {"line": ["auto"]}}, filter_policy_scope="MessageBody")
    assert told(sight(), nested) == []


def test_a_filter_that_lets_nothing_through_is_told_why() -> None:
    standing = replace(SCORE, filter_policy={"plugins": ["Other"]})
    (found,) = told(sight(), standing)
    assert found.kind is ProblemKind.NEVER_MATCHES
    assert found.detail.startswith("its filter can never match: ")


@pytest.mark.parametrize(
    ("stage", "owner", "policy", "kinds"),
    [
        (Stage.PRE, "", {}, [ProblemKind.NO_NAME_FILTER]),
        (Stage.POST, "", {"line": ["auto"]}, [ProblemKind.NO_NAME_FILTER]),
        (Stage.PRE, "", {"$or": [{"plugins": ["Score"]}, {"line": ["auto"]}]}, []),
        (Stage.PRE, "arn:stack", {}, []),
        (Stage.PARALLEL, "", {}, []),
    ],
)
def test_a_stage_that_releases_one_at_a_time_wants_the_plugins_name_in_a_filter_made_by_other_means(
    stage: Stage, owner: str, policy: dict[str, Any], kinds: list[ProblemKind]
) -> None:
    standing = replace(SCORE, stage=stage, owner=owner, filter_policy=policy)
    found = told(sight(topic=replace(TOPIC, stage=stage)), standing)
    assert [one.kind for one in found] == kinds
    if kinds:
        assert found[0].detail == (
            "the stage releases one plugin at a time, and without its name in the filter this one is called whenever "
            "another is released: add {'plugins': ['Score']} to the filter policy"
        )


def test_what_a_function_did_not_answer_is_told_unless_a_construct_speaks_for_it() -> None:
    standing = replace(SCORE, problem="it failed: defaults are used")
    detail = "it failed: defaults are used (let the function answer {'initialize': true}, or use the Plugin construct)"
    assert told(sight(), standing) == [problem(ProblemKind.NOT_INITIALIZED, detail)]
    assert told(sight(), replace(standing, owner="arn:stack")) == []


# Problems of a stage


def test_a_name_that_is_there_twice_is_told_of_each() -> None:
    first, second, other = a_registration("A", subscription_arn="arn:1"), a_registration("A"), a_registration("B")
    second = replace(second, subscription_arn="arn:2")
    detail = (
        "2 subscriptions of the stage are registered as 'A', and a run waits for one only: rename all but one, "
        "unless a deployment that replaces it is under way"
    )
    assert list(problems_of_stage(TOPIC, [first, other, second])) == [
        Problem(kind=ProblemKind.NAME_TWICE, stage="Rate/parallel", plugin="A", subscription_arn=arn, detail=detail)
        for arn in ("arn:1", "arn:2")
    ]


def test_keys_that_do_not_travel_as_attributes_are_told_by_name() -> None:
    def filtering(*keys: str) -> list[Registration]:
        return [a_registration(f"P{key}", filter_policy={key: ["x"], "plugins": [f"P{key}"]}) for key in keys]

    assert list(problems_of_stage(TOPIC, filtering(*"abcdefgh"))) == []
    assert list(problems_of_stage(TOPIC, filtering(*"abcdefghij"))) == [
        Problem(
            kind=ProblemKind.TOO_MANY_FILTER_KEYS,
            stage="Rate/parallel",
            detail="the filters of the stage name 10 keys of the metadata, of which 8 travel as attributes; these do "
            "not: i, j. Filter by fewer keys, or with the scope MessageBody",
        )
    ]


def test_findings_are_a_document_that_json_takes() -> None:
    repair = Repair(
        action=RepairAction.ADDED, stage="Rate/parallel", plugin="Score", subscription_arn="arn:1", detail="why"
    )
    findings = Findings([repair], [unreadable(TOPIC, "arn:2", "what")], 3)
    assert findings.as_document() == {
        "repairs": [
            {
                "action": "added",
                "stage": "Rate/parallel",
                "plugin": "Score",
                "subscription_arn": "arn:1",
                "detail": "why",
            }
        ],
        "problems": [
            {
                "kind": "unreadable",
                "stage": "Rate/parallel",
                "plugin": "",
                "subscription_arn": "arn:2",
                "detail": "what",
            }
        ],
        "checked": 3,
    }
