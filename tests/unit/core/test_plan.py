"""Who is expected at a stage, and what becomes of what earlier attempts left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from orchestrator_runtime.contract import ReleaseRule, State
from orchestrator_runtime.core.plan import (
    Leftovers,
    StageOptions,
    expected_registrations,
    keys_to_send,
    make_plan,
    sort_leftovers,
)
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, StagePlan
from orchestrator_runtime.core.registration import Registration
from tests.unit.samples import EXPIRES_AT, NOW, a_plan, a_registration, a_row, run_ref

OPTIONS = StageOptions(
    rule=ReleaseRule.ONE_AT_A_TIME, timeout_seconds=600, start_within_seconds=60, fail_on_optional_error=True
)


def planned(*registrations: Registration, rows: dict[str, PluginRow] | None = None, **other: Any) -> StagePlan:
    return make_plan(registrations, rows or {}, OPTIONS, attempt=2, expires_at=EXPIRES_AT, **other)


def test_a_plan_says_what_the_stage_says() -> None:
    plan = planned(attribute_keys=["line"])

    assert plan == StagePlan(
        attempt=2,
        rule=ReleaseRule.ONE_AT_A_TIME,
        plugins=(),
        expires_at=EXPIRES_AT,
        attribute_keys=("line",),
        fail_on_optional_error=True,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"timeout_seconds": 600, "start_within_seconds": 60}),
        ({"timeout_seconds": 5}, {"timeout_seconds": 5, "start_within_seconds": 60}),
        ({"start_within_seconds": 5}, {"timeout_seconds": 600, "start_within_seconds": 5}),
        ({"reports_start": False}, {"timeout_seconds": 600, "start_within_seconds": None}),
        ({"mandatory": False, "order": 7}, {"mandatory": False, "order": 7, "timeout_seconds": 600}),
        ({"sender_role_ids": ("AROA1",)}, {"sender_role_ids": ("AROA1",), "timeout_seconds": 600}),
    ],
)
def test_a_plugin_is_expected_as_registered_and_else_as_the_stage_says(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    (plugin,) = planned(a_registration(**given)).plugins

    called = {"start_within_seconds": 60, "subscriptions": ("rallel:Score",)}
    assert plugin == ExpectedPlugin(name="Score", **{**called, **expected})


def test_release_order_is_by_order_then_by_name() -> None:
    plan = planned(
        a_registration("b"), a_registration("a"), a_registration("last", order=91), a_registration("first", order=-1)
    )

    assert [plugin.name for plugin in plan.plugins] == ["first", "a", "b", "last"]


def test_a_plan_knows_whom_a_subscription_calls() -> None:
    """Also one that is replaced just now; no namesake that was merely found, and no queue."""
    uuid = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:6e5c0a51-0a2f-4d0c-9a4b-7c1f6a0d2b1{}"
    old, new = (a_registration(owner="stack", subscription_arn=uuid.format(n)) for n in (1, 2))
    namesake = a_registration(subscription_arn=uuid.format(3))
    queue = a_registration("Queue", subscription_arn=uuid.format(4), protocol="sqs")
    plan = planned(old, new, namesake, queue)
    calls = [plan.called_through(uuid.format(n)) for n in range(1, 6)]
    assert calls == ["Score", "Score", None, None, None]


OLD = a_registration(owner="arn:team", subscription_arn="arn:b", seen_at=NOW, sender_role_ids=("AROAOLD",))
NEW = replace(OLD, subscription_arn="arn:c", seen_at=NOW + timedelta(seconds=1), sender_role_ids=("AROANEW",), order=1)
PLAIN = a_registration(subscription_arn="arn:0", sender_role_ids=("AROAPLAIN",), order=2)


@pytest.mark.parametrize("order_of_reading", list(permutations((OLD, NEW, PLAIN))))
def test_of_a_name_that_is_held_twice_for_a_moment_the_later_counts_and_both_may_report(
    order_of_reading: tuple[Registration, ...],
) -> None:
    (plugin,) = planned(*order_of_reading).plugins

    assert (plugin.order, plugin.sender_role_ids) == (1, ("AROANEW", "AROAOLD"))


@pytest.mark.parametrize("unknown", [OLD, NEW])
def test_where_the_senders_of_one_are_unknown_anybody_may_report(unknown: Registration) -> None:
    known = NEW if unknown is OLD else OLD

    (plugin,) = planned(replace(unknown, sender_role_ids=()), known).plugins

    assert plugin.sender_role_ids == ()


def test_what_a_construct_registered_goes_before_what_was_found() -> None:
    for registrations in permutations((OLD, PLAIN)):
        assert planned(*registrations).plugins[0].sender_role_ids == ("AROAOLD",)


def test_of_what_was_found_the_smallest_arn_counts() -> None:
    other = replace(PLAIN, subscription_arn="arn:1", order=3, seen_at=NOW)

    for registrations in permutations((PLAIN, other)):
        assert [plugin.order for plugin in planned(*registrations).plugins] == [2]


@pytest.mark.parametrize("always_run", [False, True])
@pytest.mark.parametrize("state", list(State))
def test_what_is_done_is_kept_unless_it_always_runs(state: State, always_run: bool) -> None:
    plan = planned(a_registration(always_run=always_run), rows={"Score": a_row(1, state)})

    kept = state if state in {State.COMPLETE, State.DO_NOT_RUN} and not always_run else None
    assert plan.plugins[0].kept == kept
    assert plan.unfinished == (frozenset() if kept else {0})


def test_a_plan_knows_plugins_by_index() -> None:
    plan = a_plan(1, "A", "B")

    assert (plan.index_of("B"), plan.index_of("C")) == (1, None)


def test_leftovers_are_sorted_by_what_has_to_become_of_them() -> None:
    plan = planned(
        a_registration("Done"),
        a_registration("Again"),
        a_registration("Always", always_run=True),
        a_registration("Begun"),
        rows={"Done": a_row(1, State.COMPLETE)},
    )
    rows = {
        row.name: row
        for row in (
            a_row(1, State.COMPLETE, name="Done"),
            a_row(1, State.ERROR, name="Again"),
            a_row(1, State.COMPLETE, name="Always"),
            a_row(1, State.COMPLETE, name="GoneDone"),
            a_row(1, State.DO_NOT_RUN, name="GoneNotRun"),
            a_row(1, State.IN_PROGRESS, name="GoneOpen"),
            a_row(1, State.OPTIONAL_TASK_ERROR, name="GoneFailed"),
            a_row(2, State.IN_PROGRESS, name="Begun"),
            a_row(2, State.ERROR, name="Stranger"),
        )
    }

    assert sort_leftovers(plan, rows) == Leftovers(
        keep=(rows["Done"], rows["GoneDone"], rows["GoneNotRun"]),
        reset=(rows["Again"], rows["Always"]),
        drop=(rows["GoneFailed"], rows["GoneOpen"]),
    )


METADATA = {"line": "auto", "premium": 1200, "business": True}
BODY = {"metadata": METADATA, "outputs": {"Validate/pre/Address": {"known": True}}}


@pytest.mark.parametrize(
    ("policy", "scope", "is_expected"),
    [
        ({}, "MessageAttributes", True),
        ({"line": ["auto"]}, "MessageAttributes", True),
        ({"line": ["home"]}, "MessageAttributes", False),
        ({"premium": [{"numeric": [">=", 1000]}]}, "MessageAttributes", True),
        ({"business": ["true"]}, "MessageAttributes", True),
        ({"workflow": ["NewBusiness"]}, "MessageAttributes", True),
        ({"workflow": ["Cancel"]}, "MessageAttributes", False),
        ({"plugins": ["Score"]}, "MessageAttributes", True),
        ({"plugins": ["Other"]}, "MessageAttributes", False),
        ({"metadata": {"line": ["auto"]}}, "MessageBody", True),
        ({"metadata": {"line": ["home"]}}, "MessageBody", False),
        ({"plugins": ["Score"]}, "MessageBody", True),
        ({"plugins": ["Other"]}, "MessageBody", False),
        ({"outputs": {"Validate/pre/Address": {"known": [True]}}}, "MessageBody", True),
    ],
)
def test_expected_is_whom_the_message_reaches(policy: dict[str, Any], scope: str, is_expected: bool) -> None:
    registration = a_registration(filter_policy=policy, filter_policy_scope=scope)

    expected = expected_registrations([registration], run_ref(), METADATA, BODY)

    assert expected == ([registration] if is_expected else [])


def test_a_filter_is_asked_with_the_keys_that_all_filters_name() -> None:
    """Ten attributes travel at most: a key that is named goes before those that sort before it."""
    metadata = {**{f"a{i}": "x" for i in range(10)}, "z": "wanted"}
    registration = a_registration(filter_policy={"z": ["wanted"]})

    assert expected_registrations([registration], run_ref(), metadata, {}) == [registration]


def test_keys_to_send_are_those_that_filters_on_attributes_name() -> None:
    registrations = [
        a_registration("A", filter_policy={"line": ["auto"], "plugins": ["A"]}),
        a_registration("B", filter_policy={"$or": [{"premium": [1]}, {"age": [2]}]}),
        a_registration("C", filter_policy={"metadata": {"x": ["y"]}}, filter_policy_scope="MessageBody"),
    ]

    assert keys_to_send(registrations) == ["age", "line", "premium"]


def test_a_filter_that_only_sns_understands_harms_no_other_plugin_and_its_keys_travel() -> None:
    odd = a_registration("Odd", filter_policy={"line": [{"newer-operator": "x"}], "zone": ["north"]})
    registrations = [odd, a_registration("Fine", filter_policy={"line": ["auto"]})]

    assert expected_registrations(registrations, run_ref(), METADATA, BODY) == [registrations[1]]
    assert keys_to_send(registrations) == ["line", "zone"]
