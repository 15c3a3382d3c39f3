"""What a team may do that subscribes to a stage: it can hurt its own plugin only, and is told so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.core.findings import Problem
from orchestrator_runtime.core.subscription import Answer, NoAnswer, Unseen
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from orchestrator_runtime.protocol import reconcile as reconciliation
from tests.unit.registration.outside import FUNCTIONS, OPEN_TO_SNS, PARALLEL, PRE, Outside

ANSWER = {"pluginName": "Payroll", "description": "pays the team"}
TEAM = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1"
OTHER_TEAM = "arn:aws:cloudformation:eu-west-1:123456789012:stack/other/1"
STATEMENT: Mapping[str, Any] = OPEN_TO_SNS["Statement"][0]


@pytest.fixture
def outside() -> Outside:
    return Outside()


def policy(*conditions: Mapping[str, Any], **other: Any) -> Mapping[str, Any]:
    return {"Statement": [{**STATEMENT, **other, **({"Condition": one} if one else {})} for one in conditions or ({},)]}


def told(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(str(problem.kind), problem.subscription_arn) for problem in problems]


def whole(outside: Outside) -> str:
    """Everything that the core stores, logs or shows."""
    findings = outside.reconcile(), outside.reconcile(repair=False)
    return repr((findings, outside.registry.all, outside.logged))


# The core invokes functions on behalf of those who subscribe them

REFUSING: Mapping[str, Mapping[str, Any] | None] = {
    "no policy": None,
    "another topic": policy({"ArnLike": {"aws:SourceArn": PRE.arn}}),
    "another principal": policy(Principal={"AWS": "arn:aws:iam::123456789012:role/payroll"}),
    "another action": policy(Action="lambda:GetFunction"),
    "denied": {"Statement": [STATEMENT, {**STATEMENT, "Effect": "Deny"}]},
}
UNCLEAR: Mapping[str, Mapping[str, Any] | Unseen] = {
    "condition that is not understood": policy({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
    "denied under a condition": {
        "Statement": [
            STATEMENT,
            {**STATEMENT, "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        ]
    },
    "not readable": Unseen.UNREADABLE,
}


@pytest.mark.parametrize("refusing", REFUSING.values(), ids=REFUSING.keys())
def test_a_function_that_refuses_the_topic_is_not_invoked_and_not_registered(
    outside: Outside, refusing: Mapping[str, Any] | None
) -> None:
    function = outside.deploy("payroll", ANSWER)
    outside.code[function].policy = refusing
    arn = outside.subscribe(PARALLEL, function, {"plugins": ["Score"]})

    for event in outside.events:
        outside.hear(event)
    findings = outside.reconcile()

    assert (outside.asked, outside.registered) == ([], {})
    assert told([*findings.problems]) == [("no-permission", arn)]
    assert "Payroll" not in whole(outside)
    assert "pays the team" not in whole(outside)

    outside.code[function].policy = OPEN_TO_SNS
    assert [repair.plugin for repair in outside.reconcile().repairs] == ["Payroll"]
    assert outside.registered == outside.right()
    assert outside.asked == [function]


@pytest.mark.parametrize("unclear", UNCLEAR.values(), ids=UNCLEAR.keys())
def test_a_function_that_may_refuse_the_topic_is_not_invoked_and_registered_by_its_filter(
    outside: Outside, unclear: Mapping[str, Any] | Unseen
) -> None:
    function = outside.deploy("payroll", ANSWER)
    outside.code[function].policy = unclear
    arn = outside.subscribe(PARALLEL, function, {"plugins": ["Score"]})

    for _ in range(2):
        assert told([*outside.reconcile().problems]) == [("not-initialized", arn)]

    assert (outside.asked, outside.registered[arn].name) == ([], "Score")
    assert (outside.registered[arn].problem or "").startswith("the function was not asked to initialize, since ")
    assert "Payroll" not in whole(outside)


def test_a_registered_function_that_refuses_the_topic_later_is_asked_no_more_and_removed(outside: Outside) -> None:
    function = outside.deploy("payroll", ANSWER)
    arn = outside.subscribe(PARALLEL, function)
    outside.reconcile()
    outside.code[function].policy = None
    outside.deploy("payroll", {"pluginName": "Secret"})

    assert [(str(each.action), each.plugin) for each in outside.reconcile().repairs] == [("removed", "Payroll")]
    assert told([*outside.reconcile().problems]) == [("no-permission", arn)]
    assert (outside.asked, outside.registered) == ([function], {})


def test_what_a_function_answered_while_it_might_be_asked_stands(outside: Outside) -> None:
    function = outside.deploy("payroll", ANSWER)
    arn = outside.subscribe(PARALLEL, function)
    outside.reconcile()
    outside.code[function].policy = UNCLEAR["condition that is not understood"]

    assert (outside.reconcile().repairs, outside.registered[arn].name) == ([], "Payroll")
    assert outside.asked == [function]


def test_the_registration_of_a_construct_stays_when_its_function_refuses_the_topic(outside: Outside) -> None:
    """A run that went on without a mandatory plugin would be wrong: its team is told."""
    function = outside.deploy("score")
    outside.code[function].policy = None
    arn = outside.create(PARALLEL, function, owner=TEAM, name="Score")
    assert arn is not None

    findings = outside.reconcile()

    assert (findings.repairs, told([*findings.problems])) == ([], [("no-permission", arn)])
    assert set(outside.registered) == {arn}


@pytest.mark.parametrize("handler", [*Handler])
@pytest.mark.parametrize("qualifier", ["", ":live", ":7"], ids=["function", "alias", "version"])
def test_no_function_of_the_core_is_invoked_or_registered(outside: Outside, handler: Handler, qualifier: str) -> None:
    """Subscribed to a stage, ``reconcile`` would invoke itself."""
    function = outside.deploy(f"claims-dev-{handler}", ANSWER)
    arn = outside.subscribe(PARALLEL, f"{function}{qualifier}", {"plugins": ["Score"]})

    for event in outside.events:
        outside.hear(event)

    assert told([*outside.reconcile().problems]) == [("core-function", arn)]
    assert (outside.asked, outside.registered) == ([], {})


def test_a_function_that_is_named_like_one_of_the_core_in_another_account_is_a_plugin(outside: Outside) -> None:
    function = outside.deploy("claims-dev-reconcile", ANSWER, foreign=True)
    outside.subscribe(PARALLEL, function)
    assert outside.reconcile().problems == []
    assert outside.asked == [function]


def test_an_answer_shows_nothing_but_the_description_of_the_plugin(outside: Outside) -> None:
    secret = "s3cret"
    answer = {
        **ANSWER,
        "order": secret,
        "overrides": {secret: {"mandatory": secret}},
        secret: secret,
        "default": secret,
    }
    outside.subscribe(PARALLEL, outside.deploy("payroll", answer))
    assert outside.reconcile().problems != []
    assert secret not in whole(outside)


def test_functions_that_answer_slowly_keep_no_other_stage_from_being_repaired(outside: Outside) -> None:
    for number in range(100):
        outside.subscribe(PRE, outside.deploy(f"slow{number}", NoAnswer("it did not answer in time")))
    outside.subscribe(PARALLEL, outside.deploy("score"), {"plugins": ["Score"]})

    def interfere(name: str) -> None:
        if name == "functions.initialize":
            outside.wait(timedelta(seconds=15))

    outside.before = interfere
    findings = outside.reconcile()

    assert len(outside.asked) == 20, "five minutes, at 15 seconds each"
    assert len(outside.registered) == 101, "the others are registered by their filters"
    assert sum("took all the time" in problem.detail for problem in findings.problems) == 81
    outside.reconcile()
    assert len(outside.asked) == 40, "the others are asked next time"


# Names

NAMESAKE = {"pluginName": "Score"}


def test_a_namesake_of_a_construct_s_plugin_is_a_problem_that_names_the_stack(outside: Outside) -> None:
    managed = outside.create(PARALLEL, outside.deploy("score"), owner=TEAM, name="Score")
    namesake = outside.subscribe(PARALLEL, outside.deploy("other", NAMESAKE))

    (problem,) = outside.reconcile().problems

    assert managed is not None
    assert (problem.kind, problem.subscription_arn) == ("name-twice", namesake)
    assert 'the name "Score" is held by stack team' in problem.detail
    assert outside.update(managed, "Score", **{P.FILTER_POLICY: '{"line":["auto"]}'}), "the holder can be deployed"


def test_a_construct_takes_no_name_that_a_plain_subscription_holds(outside: Outside) -> None:
    outside.subscribe(PARALLEL, outside.deploy("other", NAMESAKE))
    outside.reconcile()
    assert outside.create(PARALLEL, outside.deploy("score"), owner=TEAM, name="Score") is None


def test_no_stack_takes_the_name_of_another_by_a_namesake(outside: Outside) -> None:
    managed = outside.create(PARALLEL, outside.deploy("score"), owner=TEAM, name="Score")
    outside.subscribe(PARALLEL, outside.deploy("namesake", NAMESAKE))
    outside.reconcile()
    assert outside.create(PARALLEL, outside.deploy("other"), owner=OTHER_TEAM, name="Score") is None
    assert managed in outside.registered


def test_the_first_of_two_plain_namesakes_keeps_the_name_whatever_their_arns(outside: Outside) -> None:
    first, second = (outside.deploy(name, {"pluginName": name}) for name in ("Late", "Score"))
    late, early = (outside.subscribe(PARALLEL, function) for function in (first, second))
    outside.reconcile()
    outside.code[first].answer = Answer(NAMESAKE)
    outside.code[first].revision = "changed"
    assert late < early, "by its ARN the later one would go first"

    for _ in range(2):
        (problem,) = outside.reconcile().problems
        assert (problem.kind, problem.subscription_arn) == ("name-twice", late)
        assert f"held by the subscription {early}" in problem.detail


# Floods


def test_a_stage_that_is_full_takes_no_more_plain_subscriptions_and_names_them(outside: Outside) -> None:
    outside.plugins_per_stage = 3
    managed = outside.create(PARALLEL, outside.deploy("score"), owner=TEAM, name="Score")
    functions = [outside.deploy(f"f{number}", {"pluginName": f"P{number}"}) for number in range(4)]
    arns = [outside.subscribe(PARALLEL, function) for function in functions]

    for _ in range(2):
        problems = outside.reconcile().problems
        assert told([*problems]) == [("not-registered", arn) for arn in arns[2:]]
        assert "the stage has 3 registrations" in problems[0].detail
    for event in outside.events:
        outside.hear(event)

    assert set(outside.registered) == {managed, *arns[:2]}
    assert outside.asked == functions[:2], "what is not registered is not invoked"
    assert outside.create(PARALLEL, outside.deploy("team"), owner=OTHER_TEAM, name="Other"), "a construct has its place"
    outside.unsubscribe(arns[0])
    outside.unsubscribe(arns[1])
    outside.reconcile()
    assert len(outside.registered) == 3


def test_a_flood_of_subscriptions_keeps_no_registered_one_from_being_repaired(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "_MOST_NEW", 5)
    outside.plugins_per_stage = 1
    function = outside.deploy("score", NAMESAKE)
    score = outside.subscribe(PARALLEL, function)
    outside.reconcile()
    for number in range(20):
        outside.subscribe(PARALLEL, f"https://example.com/{number}", protocol="https")
    outside.set_filter(score, {"line": ["auto"]})

    findings = outside.reconcile()

    assert outside.registered[score].filter_policy == {"line": ["auto"]}
    assert findings.checked == 6
    assert "20 subscriptions of the stage are not registered" in findings.problems[0].detail


def test_an_event_that_hides_its_endpoint_leads_to_no_more_subscriptions(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "_MOST_NEW", 5)
    outside.plugins_per_stage = 1
    outside.subscribe(PARALLEL, outside.deploy("score", NAMESAKE))
    outside.reconcile()
    for number in range(20):
        outside.subscribe(PARALLEL, f"https://example.com/{number}", protocol="https")
    hidden = {"topicArn": PARALLEL.arn, "endpoint": "HIDDEN_DUE_TO_SECURITY_REASONS"}

    findings = outside.hear({"eventName": "Subscribe", "requestParameters": hidden, "responseElements": None})

    assert findings.checked == 5, "a registered one is not new, and the others have their turn at reconciliation"


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [("https://example.com/\u202e", "cannot be shown"), (f"https://example.com/{'x' * 2_048}", "2,048 bytes")],
    ids=["reversed", "long"],
)
def test_an_endpoint_that_cannot_be_stored_or_shown_is_not_registered(
    outside: Outside, endpoint: str, reason: str
) -> None:
    arn = outside.subscribe(PARALLEL, endpoint, protocol="https")
    (problem,) = outside.reconcile().problems
    assert (problem.kind, problem.subscription_arn) == ("not-registered", arn)
    assert reason in problem.detail
    assert outside.registered == {}


def test_a_function_without_policy_costs_one_look_whatever_stages_it_subscribes_to(outside: Outside) -> None:
    function = outside.deploy("payroll", ANSWER)
    outside.code[function].policy = None
    for topic in (PRE, PARALLEL):
        outside.subscribe(topic, function)
    outside.reconcile()
    assert outside.looked_at.count(f"policy of {FUNCTIONS}payroll") <= 2
