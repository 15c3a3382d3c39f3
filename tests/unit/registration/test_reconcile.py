"""Reconciliation: what is repaired, what is only told, and whom it asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.findings import Findings, Repair, RepairAction
from orchestrator_runtime.core.subscription import Answer, Listed, NoAnswer, StageTopic
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from orchestrator_runtime.protocol.reconcile import BeingUpdatedError, KeepsChangingError
from tests.unit.registration.outside import ACCOUNT, FUNCTIONS, PARALLEL, PRE, PREFIX, THROTTLED, Outside

ANSWER = {"pluginName": "Score", "default": {"mandatory": False}, "order": 7}
TEAM = f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/team/1"


@pytest.fixture
def outside() -> Outside:
    return Outside()


def plain(outside: Outside, answer: object = ANSWER, topic: StageTopic = PARALLEL) -> str:
    """A function that some tool subscribed; returns its subscription."""
    return outside.subscribe(topic, outside.deploy("score", answer), {"plugins": ["Score"]})


def told(findings: Findings) -> list[tuple[str, str]]:
    return [(str(repair.action), repair.plugin) for repair in findings.repairs]


def kinds(findings: Findings) -> list[str]:
    return [str(problem.kind) for problem in findings.problems]


def test_what_was_missed_is_added(outside: Outside) -> None:
    arn = plain(outside)
    findings = outside.reconcile()
    assert findings == Findings(
        repairs=[
            Repair(
                action=RepairAction.ADDED,
                stage="Rate/parallel",
                plugin="Score",
                subscription_arn=arn,
                detail="it was subscribed, but not registered",
            )
        ],
        problems=[],
        checked=1,
    )
    assert outside.logged == findings.repairs
    registered = outside.registered[arn]
    assert (registered.name, registered.mandatory, registered.order, registered.reports_start) == (
        "Score",
        False,
        7,
        True,
    )


def test_a_second_pass_finds_nothing_and_asks_nobody(outside: Outside) -> None:
    plain(outside)
    outside.reconcile()
    before, outside.asked = dict(outside.registry.all), []
    assert outside.reconcile() == Findings([], [], 1)
    assert (outside.registry.all, outside.asked) == (before, [])


def test_a_function_that_was_changed_is_asked_once(outside: Outside) -> None:
    arn = plain(outside)
    outside.reconcile()
    outside.deploy("score", ANSWER)
    outside.asked = []
    for _ in range(2):
        assert outside.reconcile().repairs == []
    assert outside.asked == [outside.subscribed[arn].endpoint]


def test_a_changed_answer_and_a_changed_filter_are_told_as_such(outside: Outside) -> None:
    arn = plain(outside)
    outside.reconcile()
    outside.deploy("score", {**ANSWER, "order": 8})
    outside.set_filter(arn, {"plugins": ["Score"], "line": ["auto"]})
    (repair,) = outside.reconcile().repairs
    assert repair.action is RepairAction.CHANGED
    assert repair.detail == "filter_policy, order: now as SNS and the function say"
    assert outside.registered == outside.right()


def test_a_construct_is_asked_nothing_and_its_filter_policy_is_not_corrected(outside: Outside) -> None:
    function, policy = outside.deploy("score", ANSWER), {P.FILTER_POLICY: '{"line":["auto"]}'}
    arn = outside.create(PARALLEL, function, owner=TEAM, name="Mine", **policy)
    assert arn is not None
    before = outside.registry.all[arn]
    assert (before.filter_policy, outside.subscribed[arn].filter_policy) == ({"line": ["auto"]}, {"plugins": ["Mine"]})
    assert outside.reconcile() == Findings([], [], 1)
    outside.set_filter(arn, {"plugins": ["Mine"], "line": ["home"]})
    findings = outside.reconcile()
    assert (told(findings), kinds(findings)) == ([], ["subscription-changed"])
    assert outside.registry.all[arn] == before
    assert outside.asked == []


def test_an_endpoint_of_a_construct_that_was_changed_is_corrected(outside: Outside) -> None:
    arn = outside.create(PARALLEL, outside.deploy("score", ANSWER), owner=TEAM, name="Mine")
    assert arn is not None
    other = outside.deploy("other")
    outside.subscribed[arn] = replace(outside.subscribed[arn], endpoint=other)
    (repair,) = outside.reconcile().repairs
    assert repair.detail == "endpoint: now as SNS says"
    assert outside.registry.all[arn].endpoint == other


def test_a_plain_subscription_keeps_its_place_until_its_filter_names_new_keys(outside: Outside) -> None:
    arn = outside.subscribe(PARALLEL, outside.deploy("score", ANSWER), {"plugins": ["Score"]})

    def since() -> datetime | None:
        outside.reconcile()
        return outside.registry.all[arn].filter_keys_since

    assert since() is None
    outside.set_filter(arn, {"line": ["auto"], "zone": ["north"]})
    first = since()
    assert first is not None
    assert since() == first
    outside.deploy("score", {**ANSWER, "order": 8})
    assert since() == first, "its function was changed"
    outside.set_filter(arn, {"line": ["home"]})
    assert since() == first, "it names fewer keys"
    outside.set_filter(arn, {"line": ["home"], "zone": ["north"]})
    second = since()
    assert second is not None
    assert second > first
    outside.unsubscribe(arn)
    outside.reconcile()
    arn = outside.subscribe(PARALLEL, f"{FUNCTIONS}score", {"line": ["home"], "zone": ["north"]})
    assert (since() or first) > second, "a new subscription is a newcomer"


@pytest.mark.parametrize("managed", [False, True])
def test_what_is_gone_is_removed(outside: Outside, managed: bool) -> None:
    function = outside.deploy("score", ANSWER)
    arn = outside.create(PARALLEL, function, owner=TEAM, name="Score") if managed else plain(outside)
    assert arn is not None
    outside.reconcile()
    outside.unsubscribe(arn)
    (repair,) = outside.reconcile().repairs
    assert (repair.action, repair.detail) == (RepairAction.REMOVED, "its subscription is gone")
    assert outside.registered == {}


def test_a_subscription_whose_function_is_gone_is_removed_and_told_until_it_is_deleted(outside: Outside) -> None:
    arn = plain(outside)
    outside.reconcile()
    outside.destroy(outside.subscribed[arn].endpoint)
    findings = outside.reconcile()
    assert told(findings) == [("removed", "Score")]
    assert kinds(findings) == ["function-gone"]
    assert (told(findings := outside.reconcile()), kinds(findings)) == ([], ["function-gone"])


def test_what_is_registered_while_the_topic_is_listed_stays(outside: Outside) -> None:
    """It is in no list yet; only what was registered before can be taken for gone, and then SNS is asked."""
    function = outside.deploy("score", ANSWER)
    once: list[Callable[[], object]] = [lambda: outside.create(PARALLEL, function, owner=TEAM, name="Score")]

    def interfere(name: str) -> None:
        if name == "subscriptions.get" and once:
            once.pop()()

    outside.subscribe(PARALLEL, "arn:aws:sqs:eu-west-1:123456789012:other", protocol="sqs")
    outside.before = interfere
    outside.reconcile()
    assert len(outside.registered) == 2


def test_what_is_not_listed_but_exists_stays(outside: Outside) -> None:
    """Lists may lag behind."""
    arn = plain(outside)
    outside.reconcile()
    hidden = outside.subscribed[arn]

    def interfere(name: str) -> None:
        if name == "subscriptions.of_topic":
            outside.subscribed.clear()
        else:
            outside.subscribed[arn] = hidden

    outside.before = interfere
    assert outside.reconcile().repairs == []
    assert set(outside.registered) == {arn}


def test_who_loses_the_race_looks_again(outside: Outside) -> None:
    arn = plain(outside)
    outside.reconcile()
    outside.set_filter(arn, {"plugins": ["A"]})
    once: list[Callable[[], object]] = [lambda: outside.create(PARALLEL, outside.deploy("score"), owner=TEAM, name="A")]

    def interfere(name: str) -> None:
        if name == "registry.put" and once:
            once.pop()()

    outside.before = interfere
    outside.reconcile()
    assert outside.registered[arn].owner == TEAM


def test_a_correction_does_not_undo_what_a_deployment_says_meanwhile(outside: Outside) -> None:
    arn = outside.create(PARALLEL, outside.deploy("score"), owner=TEAM, name="Mine")
    assert arn is not None
    outside.subscribed[arn] = replace(outside.subscribed[arn], endpoint=outside.deploy("other"))
    once: list[Callable[[], object]] = [lambda: outside.update(arn, "Mine", **{P.ORDER: "1"})]

    def interfere(name: str) -> None:
        if name == "registry.put" and once:
            once.pop()()

    outside.before = interfere
    outside.reconcile()
    assert (outside.registered[arn].order, outside.registered) == (1, outside.right())


def test_a_registration_that_never_stands_still_fails_alone(outside: Outside) -> None:
    arn = plain(outside)
    queue = outside.subscribe(PARALLEL, "arn:aws:sqs:eu-west-1:123456789012:q", {"plugins": ["Q"]}, "sqs")

    def interfere(name: str) -> None:
        if name == "functions.initialize":
            outside.registry.change(replace(outside.right()[arn], seen_at=outside.clock(), revision=None))

    outside.before = interfere
    findings = outside.reconcile()
    assert [type(error) for error in outside.errors] == [KeepsChangingError]
    assert kinds(findings) == ["unreadable"]
    assert queue in outside.registered


def test_only_looking_writes_nothing_and_asks_nobody(outside: Outside) -> None:
    arn = plain(outside)
    findings = outside.reconcile(repair=False)
    assert told(findings) == [("added", "Score")]
    assert [(p.kind, p.plugin, p.subscription_arn) for p in findings.problems] == [("not-registered", "Score", arn)]
    assert (outside.registered, outside.asked, outside.logged) == ({}, [], [])
    outside.reconcile()
    outside.asked.clear()
    outside.logged.clear()
    outside.unsubscribe(arn)
    assert told(outside.reconcile(repair=False)) == [("removed", "Score")]
    assert (set(outside.registered), outside.asked, outside.logged) == ({arn}, [], [])


def test_one_activity_is_looked_at_if_that_is_asked(outside: Outside) -> None:
    other = StageTopic("Other", Stage.PRE, f"{PREFIX}Other-pre")
    outside.topics.append(other)
    plain(outside)
    outside.subscribe(other, outside.deploy("other"))
    assert outside.reconcile(activity="Rate").checked == 1
    assert outside.reconcile(activity="Nobody") == Findings([], [], 0)
    assert outside.reconcile().checked == 2


def test_what_belongs_to_another_account_stays_as_its_construct_said(outside: Outside) -> None:
    function = outside.deploy("score", ANSWER)
    arn = outside.create(PARALLEL, function, owner=TEAM, name="Mine")
    other = outside.subscribe(PRE, function, {"plugins": ["Other"]})
    assert arn is not None
    outside.unreadable |= {arn, other}
    findings = outside.reconcile()
    assert [(p.kind, p.subscription_arn) for p in findings.problems] == [("unreadable", other)]
    assert set(outside.registered) == {arn}


def test_a_function_of_another_account_cannot_be_looked_at_and_is_kept(outside: Outside) -> None:
    outside.subscribe(PARALLEL, outside.deploy("score", ANSWER, foreign=True), {"plugins": ["Score"]})
    assert told(outside.reconcile()) == [("added", "Score")]
    assert outside.reconcile() == Findings([], [], 1)


def test_a_mailbox_listens_and_is_a_plugin_only_if_its_filter_says_so(outside: Outside) -> None:
    arn = outside.subscribe(PARALLEL, "ops@example.com", {"line": ["auto"]}, "email")
    assert outside.reconcile().repairs == []
    assert outside.reconcile(repair=False).problems == []
    outside.set_filter(arn, {"plugins": ["Ticket"]})
    assert [repair.plugin for repair in outside.reconcile().repairs] == ["Ticket"]
    outside.set_filter(arn, {"line": ["auto"]})
    (removed,) = outside.reconcile().repairs
    assert (removed.action, removed.plugin) == ("removed", "Ticket")
    assert "cannot report" in removed.detail


def test_trouble_with_one_stage_keeps_no_other_from_it(outside: Outside) -> None:
    plain(outside)

    def interfere(name: str) -> None:
        if name == "registry.registrations" and outside.registry.reads == 0:
            outside.registry.reads += 1
            raise OSError("the network")

    outside.before = interfere
    findings = outside.reconcile()
    assert told(findings) == [("added", "Score")]
    assert [(p.kind, p.stage) for p in findings.problems] == [("unreadable", "Rate/pre")]
    assert "OSError" in findings.problems[0].detail
    assert "the network" not in findings.problems[0].detail


class TestAsking:
    @pytest.mark.parametrize("answer", [NoAnswer("it failed"), None, {"order": "three"}, {"statusCode": 200}])
    def test_a_function_that_tells_nothing_useful_is_registered_with_defaults_and_asked_once(
        self, outside: Outside, answer: object
    ) -> None:
        """It takes the question for work, say: then it must not be given that work every hour."""
        arn = plain(outside, answer)
        assert kinds(outside.reconcile()) == ["not-initialized"]
        registered = outside.registered[arn]
        assert (registered.name, registered.mandatory, registered.reports_start) == ("Score", True, False)
        outside.asked = []
        for _ in range(3):
            findings = outside.reconcile()
            assert (told(findings), kinds(findings)) == ([], ["not-initialized"])
        assert outside.asked == []
        outside.deploy("score", ANSWER)
        findings = outside.reconcile()
        assert (told(findings), kinds(findings)) == ([("changed", "Score")], [])
        assert outside.registered == outside.right()

    def test_an_alias_that_is_moved_back_is_asked_again(self, outside: Outside) -> None:
        function = outside.deploy("score", ANSWER)
        arn = outside.subscribe(PARALLEL, outside.point(function, 0), {"plugins": ["Score"]})
        outside.reconcile()
        outside.deploy("score", {**ANSWER, "order": 8})
        assert outside.reconcile().repairs == [], "the alias is another version still"
        for version, order in ((1, 8), (0, 7)):
            outside.point(function, version)
            assert told(outside.hear(outside.events[-1])) == [("changed", "Score")]
            assert outside.registered[arn].order == order
        assert outside.registered == outside.right()

    def test_an_answer_of_another_version_than_was_looked_at_is_not_taken_for_its_own(self, outside: Outside) -> None:
        """The alias is moved before the call, and back after it: its revision is as it was."""
        function = outside.deploy("score", {**ANSWER, "order": 8})
        outside.deploy("score", ANSWER)
        arn = outside.subscribe(PARALLEL, outside.point(function, 1), {"plugins": ["Score"]})
        to = {"functions.initialize": 0, "functions.initialize: answered": 1}

        def interfere(name: str) -> None:
            if name in to:
                outside.point(function, to.pop(name))

        outside.before = interfere
        outside.reconcile()
        assert outside.registered[arn].order == 8
        outside.reconcile()
        assert outside.registered == outside.right()

    def test_a_function_that_may_not_be_called_is_asked_when_it_may(self, outside: Outside) -> None:
        """A permission changes nothing in the function, so that nothing else would tell."""
        refused = NoAnswer("Lambda did not call the function: AccessDeniedException", called=False)
        arn = plain(outside, refused)
        for _ in range(2):
            assert kinds(outside.reconcile()) == ["not-initialized"]
        assert len(outside.asked) == 2
        outside.code[outside.subscribed[arn].endpoint].answer = Answer(ANSWER)
        assert told(outside.reconcile()) == [("changed", "Score")]
        assert outside.reconcile() == Findings([], [], 1)

    def test_a_function_of_another_account_is_asked_until_it_could_be(self, outside: Outside) -> None:
        function = outside.deploy("score", THROTTLED, foreign=True)
        arn = outside.subscribe(PARALLEL, function, {"plugins": ["Score"]})
        code = outside.code[function]
        outside.reconcile()
        code.answer = NoAnswer("it failed")
        outside.reconcile()
        outside.asked = []
        outside.reconcile()
        assert (outside.asked, outside.registered[arn].problem) == ([], "it failed: defaults are used")

    def test_a_function_that_could_not_be_asked_for_a_passing_reason_is_asked_again(self, outside: Outside) -> None:
        arn = plain(outside, THROTTLED)
        assert kinds(outside.reconcile()) == ["not-initialized"]
        registered = outside.registered[arn]
        assert (registered.name, registered.mandatory, registered.reports_start) == ("Score", True, False)
        assert kinds(outside.reconcile()) == ["not-initialized"]
        outside.code[registered.endpoint].answer = Answer(ANSWER)
        findings = outside.reconcile()
        assert (told(findings), kinds(findings)) == ([("changed", "Score")], [])
        assert outside.registered == outside.right()

    def test_a_passing_failure_takes_nothing_away_from_what_is_known(self, outside: Outside) -> None:
        arn = plain(outside)
        outside.reconcile()
        outside.deploy("score", THROTTLED)
        assert outside.reconcile().repairs == []
        assert outside.registered[arn].order == 7
        outside.set_filter(arn, {"plugins": ["Score"], "line": ["auto"]})
        outside.reconcile()
        registered = outside.registered[arn]
        assert (registered.order, registered.filter_policy["line"]) == (7, ["auto"])
        assert registered.problem == THROTTLED.reason

    def test_what_was_asked_because_of_its_subscription_in_vain_is_asked_again(self, outside: Outside) -> None:
        arn = plain(outside)
        outside.reconcile()
        code = outside.code[outside.subscribed[arn].endpoint]
        code.throttled = True
        outside.set_filter(arn, {"plugins": ["Score"], "line": ["auto"]})
        outside.reconcile()
        code.throttled = False
        outside.reconcile()
        assert outside.registered == outside.right()

    def test_a_function_that_is_being_updated_is_asked_later(self, outside: Outside) -> None:
        arn = plain(outside)
        outside.reconcile()
        outside.deploy("score", {**ANSWER, "order": 8})
        code = outside.code[outside.subscribed[arn].endpoint]
        code.updating = True
        outside.asked = []
        with pytest.raises(BeingUpdatedError, match="function:score"):
            outside.hear(outside.events[-1])
        assert (outside.asked, outside.registered[arn].order) == ([], 7)
        code.updating = False
        assert told(outside.hear(outside.events[-1])) == [("changed", "Score")]

    def test_a_function_that_was_deployed_just_now_is_waited_for(self, outside: Outside) -> None:
        arn = plain(outside)
        code = outside.code[outside.subscribed[arn].endpoint]
        code.updating = True
        outside.waits = lambda: setattr(code, "updating", False)
        assert (told(findings := outside.reconcile()), kinds(findings)) == ([("added", "Score")], [])
        assert outside.registered == outside.right()

    def test_a_function_that_goes_while_it_is_waited_for_is_gone(self, outside: Outside) -> None:
        function = outside.subscribed[plain(outside)].endpoint
        outside.code[function].updating = True
        outside.waits = lambda: outside.destroy(function)
        assert kinds(outside.reconcile()) == ["function-gone"]
        assert outside.registered == {}

    def test_a_function_that_is_changed_after_its_answer_is_asked_again(self, outside: Outside) -> None:
        plain(outside)
        once: list[Callable[[], object]] = [lambda: outside.deploy("score", {**ANSWER, "order": 8})]

        def interfere(name: str) -> None:
            if name == "functions.initialize: answered" and once:
                once.pop()()

        outside.before = interfere
        outside.reconcile()
        assert told(outside.reconcile()) == [("changed", "Score")]
        assert outside.registered == outside.right()

    def test_an_alias_is_asked_as_such(self, outside: Outside) -> None:
        alias = f"{outside.deploy('score', ANSWER)}:live"
        outside.subscribe(PARALLEL, alias, {"plugins": ["Score"]})
        outside.reconcile()
        assert outside.asked == [alias]
        outside.deploy("score", {**ANSWER, "order": 8})
        assert told(outside.hear(outside.events[-1])) == [("changed", "Score")]


class TestLooking:
    def test_a_function_of_many_stages_is_looked_at_once(self, outside: Outside) -> None:
        plain(outside)
        outside.subscribe(PRE, outside.subscribed[plain(outside)].endpoint, {"plugins": ["Score"]})
        outside.reconcile()
        outside.looked_at = []
        assert outside.reconcile().checked == 2
        function = f"{FUNCTIONS}score"
        assert outside.looked_at == [function, f"policy of {function}"]

    def test_who_has_something_to_do_looks_himself(self, outside: Outside) -> None:
        """A function that was gone at one stage is back before the other is come to."""
        pre, parallel = (plain(outside, topic=topic) for topic in (PRE, PARALLEL))
        outside.reconcile()
        function = outside.subscribed[pre].endpoint
        outside.destroy(function)

        def interfere(name: str) -> None:
            if name == "registry.registrations" and outside.logged[1:]:
                outside.before = lambda _name: None
                outside.deploy("score", ANSWER)

        outside.logged = [outside.logged[0]]
        outside.before = interfere
        outside.reconcile()
        assert set(outside.registered) == {parallel}

    def test_a_function_that_is_updated_for_long_is_waited_for_once(self, outside: Outside) -> None:
        arns = [plain(outside, topic=topic) for topic in (PRE, PARALLEL)]
        outside.code[outside.subscribed[arns[0]].endpoint].updating = True
        waits: list[None] = []
        outside.waits = lambda: waits.append(None)
        outside.reconcile()
        assert (len(waits), outside.asked) == (1, [])
        event = {"eventName": "UpdateFunctionCode", "requestParameters": {"functionName": f"{FUNCTIONS}score"}}
        with pytest.raises(BeingUpdatedError, match=r"^being updated: \S+:score$"):
            outside.hear(event)


class TestEvents:
    def test_a_hidden_endpoint_leads_to_every_subscription_of_the_topic(self, outside: Outside) -> None:
        plain(outside)
        hidden = {"topicArn": PARALLEL.arn, "endpoint": "HIDDEN_DUE_TO_SECURITY_REASONS"}
        event = {"eventName": "Subscribe", "requestParameters": hidden, "responseElements": None}
        assert told(outside.hear(event)) == [("added", "Score")]

    def test_a_subscription_that_is_not_confirmed_is_told(self, outside: Outside) -> None:
        outside.pending[PARALLEL.arn] = [Listed(None, "https", "https://example.com/in")]
        asked = {"topicArn": PARALLEL.arn, "endpoint": "https://example.com/in"}
        answered = {"subscriptionArn": "pending confirmation"}
        event = {"eventName": "Subscribe", "requestParameters": asked, "responseElements": answered}
        assert kinds(outside.hear(event)) == ["not-confirmed"]

    def test_a_topic_of_a_deployment_whose_name_begins_alike_is_left_alone(self, outside: Outside) -> None:
        """``claims-dev-two-Rate-parallel`` begins as the topics of ``claims-dev`` do."""
        other = StageTopic("two-Rate", Stage.PARALLEL, f"{PREFIX}two-Rate-parallel")
        outside.subscribe(other, outside.deploy("score", ANSWER))
        outside.subscribe(other, outside.deploy("second", ANSWER))
        for event in outside.events:
            assert outside.hear(event) == Findings([], [], 0)
        assert outside.registered == {}

    def test_a_function_that_is_nobodys_plugin_costs_one_look(self, outside: Outside) -> None:
        plain(outside)
        outside.deploy("other")
        outside.deploy("other")
        assert outside.hear(outside.events[-1]) == Findings([], [], 0)

    def test_trouble_is_raised_so_that_the_event_comes_again(self, outside: Outside) -> None:
        plain(outside)

        def interfere(name: str) -> None:
            if name == "functions.get":
                raise OSError("the network")

        outside.before = interfere
        with pytest.raises(OSError, match="the network"):
            outside.hear(outside.events[-1])


class TestProblems:
    def test_a_plain_subscription_without_its_name_in_the_filter_of_a_sequential_stage(self, outside: Outside) -> None:
        function = outside.deploy("score", ANSWER)
        outside.subscribe(PRE, function)
        outside.subscribe(PARALLEL, function)
        (problem,) = outside.reconcile().problems
        assert (problem.kind, problem.stage) == ("no-name-filter", "Rate/pre")
        assert "{'plugins': ['Score']}" in problem.detail

    def test_a_filter_that_cannot_be_evaluated_and_one_that_never_matches(self, outside: Outside) -> None:
        policies: list[dict[str, Any]] = [{"line": [{"wildcard": "a*"}]}, {"plugins": ["Other"]}]
        for number, policy in enumerate(policies):
            outside.subscribe(PARALLEL, outside.deploy(f"f{number}", {"pluginName": f"P{number}"}), policy)
        findings = outside.reconcile()
        assert [(p.kind, p.plugin) for p in findings.problems] == [("invalid-filter", "P0"), ("never-matches", "P1")]
        assert len(outside.registered) == 2

    def test_a_name_that_is_held_twice(self, outside: Outside) -> None:
        for name in ("one", "two"):
            outside.subscribe(PARALLEL, outside.deploy(name, ANSWER))
        first, second = sorted(outside.subscribed)
        (problem,) = outside.reconcile().problems
        assert (problem.kind, problem.subscription_arn) == ("name-twice", second)
        assert f"held by the subscription {first}" in problem.detail

    def test_keys_that_do_not_fit_beside_those_of_earlier_subscriptions(self, outside: Outside) -> None:
        def subscribe(name: str, *keys: str) -> str:
            function = outside.deploy(name, {"pluginName": name})
            return outside.subscribe(PARALLEL, function, {key: ["x"] for key in keys})

        subscribe("A", "a1", "a2", "a3")
        subscribe("B", "b1", "b2", "b3")
        assert kinds(outside.reconcile()) == []
        newcomer = subscribe("C", "c1", "c2", "a1", "c3")
        subscribe("D", "d1", "d2")
        for _ in range(2):
            (problem,) = outside.reconcile().problems
            assert (problem.kind, problem.plugin, problem.subscription_arn) == ("keys-do-not-fit", "C", newcomer)
            assert '"c1", "c2", "c3"' in problem.detail
        function = outside.subscribed[newcomer].endpoint
        outside.unsubscribe(newcomer)
        outside.reconcile()
        assert outside.create(PARALLEL, function, owner=TEAM, name="C", **{P.FILTER_POLICY: '{"c1":["x"]}'})
        assert outside.reconcile().problems == [], "a construct's filter needs no attributes"
