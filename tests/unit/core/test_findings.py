"""What reconciliation tells people: what was repaired, and what they have to put right, and how."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
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
from orchestrator_runtime.foreign_text import UNSHOWABLE
from tests.hostile.values import FOREIGN, brief
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
    if isinstance(seen.function, Function):
        seen = replace(seen, policy=policy)
    return problems_of(seen, action, standing)


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
            Write(SCORE, ("endpoint",)),
            replace(SCORE, owner="arn:stack"),
            RepairAction.CHANGED,
            "endpoint: now as SNS says",
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
        'the https subscription of "https://example.com" is not confirmed, so SNS sends nothing to it: '
        "confirm it with the link that SNS sent there, or subscribe again"
    )
    waiting = replace(SUBSCRIPTION, protocol="https", endpoint="https://example.com", confirmed=False)
    assert told(sight(waiting, function=None)) == [problem(ProblemKind.NOT_CONFIRMED, detail, plugin="")]
    assert not_confirmed(TOPIC, Listed(None, "https", "https://example.com")) == Problem(
        kind=ProblemKind.NOT_CONFIRMED, stage="Rate/parallel", detail=detail
    )


@pytest.mark.parametrize("text", FOREIGN, ids=brief)
def test_a_sentence_stays_one_line_whatever_it_quotes(text: str) -> None:
    waiting = replace(SUBSCRIPTION, protocol="https", endpoint=f"https://{text}", confirmed=False)
    strange = replace(SCORE, problem=text, filter_policy={text: [], "line": [{"wildcard": text}]})
    found = [*told(sight(waiting, function=None)), *told(sight(), strange)]
    assert len(found) == 3
    for each in found:
        assert not UNSHOWABLE.search(each.detail)
        assert len(each.detail) <= 4_097
    assert found[0].detail.endswith(": confirm it with the link that SNS sent there, or subscribe again")


def test_an_endpoint_cannot_pass_for_the_sentence_that_quotes_it() -> None:
    forged = 'https://x" is fine. Run: orchestrator cancel NewBusiness q-1'
    detail = not_confirmed(TOPIC, Listed(None, "https", forged)).detail
    assert detail.startswith(
        r'the https subscription of "https://x\" is fine. Run: orchestrator cancel NewBusiness q-1" is not confirmed'
    )


def test_a_function_that_is_gone_is_all_that_is_told_of_its_subscription() -> None:
    detail = (
        f"the function {FUNCTION} does not exist, so what SNS sends to it is lost: "
        "delete the subscription, or deploy the function again"
    )
    assert told(sight(function=Unseen.GONE), replace(SCORE, problem="it failed"), policy=None) == [
        problem(ProblemKind.FUNCTION_GONE, detail)
    ]


def test_a_function_that_the_topic_may_not_invoke_is_named_with_what_it_needs() -> None:
    other = {"Statement": {**OPEN["Statement"], "Condition": {"ArnLike": {"aws:SourceArn": PRE.arn}}}}
    start = f"the resource policy of {FUNCTION} does not let {TOPIC.arn} invoke it, so "
    end = (
        ": add a permission for the principal sns.amazonaws.com with the topic, or all topics of the core, as source "
        "ARN, and reconcile"
    )
    detail = f"{start}it is not registered, and no run waits for it{end}"
    for policy in (None, other):
        assert told(sight(), policy=policy) == [problem(ProblemKind.NO_PERMISSION, detail, plugin="")]
    assert told(sight(), policy=Unseen.UNREADABLE) == []
    assert told(sight(function=None), policy=None) == [], "a queue has no policy that would be read"
    detail = f"{start}SNS does not invoke the plugin{end}"
    subscribed = sight(replace(SUBSCRIPTION, filter_policy={"plugins": ["Score"]}), registered=MANAGED)
    assert told(subscribed, MANAGED, policy=None) == [problem(ProblemKind.NO_PERMISSION, detail)]


def test_a_subscription_that_cannot_be_registered_is_named_with_the_reason() -> None:
    start = "it is not registered, so no run waits for it: "
    refused: list[tuple[dict[str, Any], str]] = [
        ({"filter_problem": "its filter policy is odd"}, "its filter policy is odd"),
        (
            {"endpoint": f"{FUNCTION}\u202e"},
            "its endpoint has characters that cannot be shown: subscribe one without them",
        ),
        ({"endpoint": "x" * 2_049}, "its endpoint is longer than 2,048 bytes: subscribe a shorter one"),
    ]
    for changes, reason in refused:
        assert told(sight(replace(SUBSCRIPTION, **changes))) == [
            problem(ProblemKind.NOT_REGISTERED, f"{start}{reason}", plugin="")
        ]


def test_a_function_of_the_core_is_named_as_no_plugin() -> None:
    core = FUNCTION.replace(":score", ":claims-dev-reconcile")
    detail = (
        f"{core} is a function of the core and no plugin, so it is neither asked to initialize nor registered: "
        "delete the subscription"
    )
    assert told(sight(replace(SUBSCRIPTION, endpoint=core))) == [problem(ProblemKind.CORE_FUNCTION, detail, plugin="")]


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
    assert found.detail.startswith("its filter policy cannot be evaluated, so no run waits for it: ")
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
    assert found.detail.startswith("its filter policy never matches: ")


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
def test_a_sequential_stage_wants_the_plugins_name_in_the_filter_of_a_plain_subscription(
    stage: Stage, owner: str, policy: dict[str, Any], kinds: list[ProblemKind]
) -> None:
    standing = replace(SCORE, stage=stage, owner=owner, filter_policy=policy)
    subscription = replace(SUBSCRIPTION, filter_policy={"plugins": ["Score"]} if owner else policy)
    found = told(sight(subscription, topic=replace(TOPIC, stage=stage)), standing)
    assert [one.kind for one in found] == kinds
    if kinds:
        assert found[0].detail == (
            "the stage invokes one plugin at a time, and without its name in the filter policy SNS invokes this one "
            "whenever it is another one's turn: add {'plugins': ['Score']} to it"
        )


def test_what_a_function_did_not_answer_is_told_unless_a_construct_speaks_for_it() -> None:
    standing = replace(SCORE, problem="it failed: defaults are used")
    detail = "it failed: defaults are used (let the function answer {'initialize': true}, or use the Plugin construct)"
    assert told(sight(), standing) == [problem(ProblemKind.NOT_INITIALIZED, detail)]
    managed = replace(SUBSCRIPTION, filter_policy={"plugins": ["Score"]})
    assert told(sight(managed), replace(standing, owner="arn:stack")) == []


MANAGED = replace(SCORE, owner="arn:stack", filter_policy={"line": ["auto"]})


def test_a_constructs_subscription_filters_by_the_plugins_name() -> None:
    assert told(sight(replace(SUBSCRIPTION, filter_policy={"plugins": ["Score"]})), MANAGED) == []


@pytest.mark.parametrize(
    ("policy", "scope", "current"),
    [
        ({}, "MessageAttributes", "absent"),
        ({"plugins": ["Other"]}, "MessageAttributes", '{"plugins":["Other"]} with the scope MessageAttributes'),
        ({"plugins": ["Score"]}, "MessageBody", '{"plugins":["Score"]} with the scope MessageBody'),
        (
            {"plugins": ["Score"], "line": ["auto"]},
            "MessageAttributes",
            '{"line":["auto"],"plugins":["Score"]} with the scope MessageAttributes',
        ),
        ({"line": ["x" * 300]}, "MessageAttributes", f'{{"line":["{"x" * 190}… with the scope MessageAttributes'),
    ],
)
def test_a_constructs_subscription_with_another_filter_is_a_problem(
    policy: dict[str, Any], scope: str, current: str
) -> None:
    changed = replace(SUBSCRIPTION, filter_policy=policy, filter_policy_scope=scope)
    detail = (
        f"the filter policy of its subscription is {current}: SNS may not invoke the plugin although a run waits for "
        'it, or invoke it for another one; set it to {"plugins":["Score"]} with the scope MessageAttributes, and '
        "change the plugin's own filter policy in the construct"
    )
    assert told(sight(changed), MANAGED) == [problem(ProblemKind.SUBSCRIPTION_CHANGED, detail)]


# Problems of a stage


STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1"


def name_twice(subscription_arn: str, detail: str) -> Problem:
    return Problem(
        kind=ProblemKind.NAME_TWICE,
        stage="Rate/parallel",
        plugin="A",
        subscription_arn=subscription_arn,
        detail=detail,
    )


@pytest.mark.parametrize(
    ("owner", "holder"), [(STACK, "stack team"), ("", "the subscription arn:1")], ids=["managed", "plain"]
)
def test_a_namesake_is_a_problem_of_the_subscription_that_does_not_hold_the_name(owner: str, holder: str) -> None:
    first = a_registration("A", subscription_arn="arn:1", owner=owner, named_since=None if owner else NOW)
    second = a_registration("A", subscription_arn="arn:0", named_since=NOW + timedelta(seconds=1))
    assert list(problems_of_stage(TOPIC, [second, a_registration("B"), first])) == [
        name_twice(
            "arn:0",
            f'the name "A" is held by {holder}, so no run waits for this subscription: let its function answer another '
            "pluginName, or put another name under 'plugins' in its filter policy",
        )
    ]


def test_a_stack_that_registered_a_name_twice_is_named_for_each_subscription() -> None:
    registrations = [a_registration("A", subscription_arn=arn, owner=STACK) for arn in ("arn:1", "arn:2")]
    detail = (
        'stack team has registered 2 subscriptions of the stage as "A", and a run waits for one only: rename all but '
        "one, unless a deployment that replaces it is under way"
    )
    assert list(problems_of_stage(TOPIC, registrations)) == [name_twice(arn, detail) for arn in ("arn:1", "arn:2")]


def test_keys_of_a_namesake_take_no_place() -> None:
    holder, *others = filtering(*"abcdefgh")
    namesake = replace(holder, subscription_arn="arn:0", filter_policy={"z": ["x"]}, named_since=NOW)
    assert [each.kind for each in problems_of_stage(TOPIC, [namesake, holder, *others])] == [ProblemKind.NAME_TWICE]


def filtering(*keys: str, owner: str = "") -> list[Registration]:
    """A plugin for each key, seen one after the other."""
    return [
        a_registration(
            f"P{key}",
            owner=owner,
            filter_policy={key: ["x"], "plugins": [f"P{key}"]},
            filter_keys_since=NOW + timedelta(seconds=number),
        )
        for number, key in enumerate(keys)
    ]


def test_keys_that_do_not_fit_are_a_problem_of_the_later_subscriptions() -> None:
    assert list(problems_of_stage(TOPIC, filtering(*"abcdefgh"))) == []
    later = filtering(*"zyxwvutsba")[-2:]
    assert list(problems_of_stage(TOPIC, filtering(*"zyxwvutsba"))) == [
        Problem(
            kind=ProblemKind.KEYS_DO_NOT_FIT,
            stage="Rate/parallel",
            plugin=each.name,
            subscription_arn=each.subscription_arn,
            detail="its filter policy names metadata keys for which there is no room among the message attributes of "
            f'the stage: "{each.name[1:]}". A run whose metadata has them does not invoke it; 8 keys travel, those of '
            "earlier subscriptions first: filter by fewer keys, use the filter policy scope MessageBody, or register "
            "the plugin with the Plugin construct, which has no such limit",
        )
        for each in later
    ]


def test_filters_of_constructs_need_no_room() -> None:
    assert list(problems_of_stage(TOPIC, filtering(*"abcdefghij", owner="arn:stack"))) == []


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
