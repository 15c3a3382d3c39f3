"""Which plugins a stage expects, and what happens to what earlier attempts left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.attributes import MAX_METADATA_ATTRIBUTES
from orchestrator_runtime.core.plan import (
    SETTLES_AFTER,
    Leftovers,
    Matched,
    attribute_keys_of,
    make_plan,
    match_registrations,
    sort_leftovers,
)
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, StagePlan
from orchestrator_runtime.core.registration import Registration, StageSettings
from tests.unit.samples import EXPIRES_AT, NOW, a_registration, a_row, run_ref

SETTINGS = StageSettings(timeout_seconds=600, start_within_seconds=60, fail_on_optional_error=True)


def planned(*registrations: Registration, rows: dict[str, PluginRow] | None = None, **other: Any) -> StagePlan:
    return make_plan(registrations, rows or {}, SETTINGS, attempt=2, opened_at=NOW, expires_at=EXPIRES_AT, **other)


def test_plan_has_the_settings_of_the_stage() -> None:
    plan = planned(attribute_keys=["line"])

    assert plan == StagePlan(
        attempt=2,
        plugins=(),
        opened_at=NOW,
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
def test_settings_of_a_registration_precede_those_of_the_stage(given: dict[str, Any], expected: dict[str, Any]) -> None:
    (plugin,) = planned(a_registration(**given)).plugins

    defaults = {"start_within_seconds": 60, "subscriptions": ("rallel:Score",)}
    assert plugin == ExpectedPlugin(name="Score", **{**defaults, **expected})


@pytest.mark.parametrize(
    ("age", "settles_in"),
    [
        (None, None),
        (timedelta(minutes=15), None),
        (timedelta(minutes=14), timedelta(minutes=1)),
        (timedelta(), SETTLES_AFTER),
    ],
)
def test_subscription_that_is_younger_than_15_minutes_has_yet_to_settle(
    age: timedelta | None, settles_in: timedelta | None
) -> None:
    (plugin,) = planned(a_registration(seen_at=None if age is None else NOW - age)).plugins

    assert plugin.settles_at == (None if settles_in is None else NOW + settles_in)


def test_plugins_are_ordered_by_order_then_by_name() -> None:
    plan = planned(
        a_registration("b"), a_registration("a"), a_registration("last", order=91), a_registration("first", order=-1)
    )

    assert [plugin.name for plugin in plan.plugins] == ["first", "a", "b", "last"]


def test_plan_knows_which_plugin_a_subscription_invokes() -> None:
    """Also one that is just being replaced; no plain subscription of the same name, and no queue."""
    uuid = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:6e5c0a51-0a2f-4d0c-9a4b-7c1f6a0d2b1{}"
    old, new = (a_registration(owner="stack", subscription_arn=uuid.format(n)) for n in (1, 2))
    namesake = a_registration(subscription_arn=uuid.format(3))
    queue = a_registration("Queue", subscription_arn=uuid.format(4), protocol="sqs")
    plan = planned(old, new, namesake, queue)
    calls = [plan.invoked_through(uuid.format(n)) for n in range(1, 6)]
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


@pytest.mark.parametrize(
    ("named_since", "other_since", "order"),
    [(1, 0, 3), (0, 1, 2), (0, 0, 2)],
    ids=["later", "earlier", "same time: smaller ARN"],
)
def test_of_plain_subscriptions_with_one_name_the_first_registered_counts(
    named_since: int, other_since: int, order: int
) -> None:
    first = replace(PLAIN, named_since=NOW + timedelta(seconds=named_since))
    other = replace(
        PLAIN, subscription_arn="arn:1", order=3, named_since=NOW + timedelta(seconds=other_since), seen_at=NOW
    )

    for registrations in permutations((first, other)):
        (plugin,) = planned(*registrations).plugins
        assert plugin.order == order
        assert plugin.subscriptions == (("arn:0",) if order == 2 else ("arn:1",))


@pytest.mark.parametrize("always_run", [False, True])
@pytest.mark.parametrize("state", list(State))
def test_what_is_done_is_kept_unless_it_always_runs(state: State, always_run: bool) -> None:
    plan = planned(a_registration(always_run=always_run), rows={"Score": a_row(1, state)})

    kept = state if state in {State.COMPLETE, State.DO_NOT_RUN} and not always_run else None
    assert plan.plugins[0].kept == kept
    assert plan.unfinished == (frozenset() if kept else {0})


def test_plan_knows_plugins_by_index() -> None:
    plan = planned(a_registration("A"), a_registration("B"))

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
        keep=(rows["Done"],),
        forget=(rows["GoneDone"], rows["GoneNotRun"]),
        reset=(rows["Again"], rows["Always"]),
        drop=(rows["GoneFailed"], rows["GoneOpen"]),
    )


# Matching

METADATA = {"line": "auto", "premium": 1200, "business": True}
BODY = {"metadata": METADATA, "outputs": {"Validate/pre/Address": {"known": True}}}
OWNER = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1"


def managed(name: str = "Score", **filter_policy: Any) -> Registration:
    return a_registration(name, owner=OWNER, filter_policy=filter_policy)


def plain(name: str = "Score", *keys: str, since: int = 0, **other: Any) -> Registration:
    """A subscription whose filter wants "x" under each key, first seen so many seconds after ``NOW``."""
    policy = {key: ["x"] for key in keys}
    return a_registration(name, filter_policy=policy, filter_keys_since=NOW + timedelta(seconds=since), **other)


def match(*registrations: Registration, metadata: dict[str, Any] | None = None) -> Matched:
    metadata = METADATA if metadata is None else metadata
    return match_registrations(registrations, run_ref(), metadata, {**BODY, "metadata": metadata})


def names(registrations: Sequence[Registration]) -> list[str]:
    return [registration.name for registration in registrations]


def wanted(*keys: str) -> dict[str, str]:
    return dict.fromkeys(keys, "x")


@pytest.mark.parametrize("owner", ["", OWNER], ids=["plain", "managed"])
@pytest.mark.parametrize(
    ("policy", "scope", "is_expected"),
    [
        ({}, "MessageAttributes", True),
        ({"line": ["auto"]}, "MessageAttributes", True),
        ({"line": ["home"]}, "MessageAttributes", False),
        ({"premium": [{"numeric": [">=", 1000]}]}, "MessageAttributes", True),
        ({"business": ["true"]}, "MessageAttributes", True),
        ({"absent": [{"exists": False}]}, "MessageAttributes", True),
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
def test_plugin_is_expected_if_its_filter_matches(
    policy: dict[str, Any], scope: str, is_expected: bool, owner: str
) -> None:
    registration = a_registration(filter_policy=policy, filter_policy_scope=scope, owner=owner)

    matched = match(registration)

    assert (matched.expected, matched.unreachable) == ([registration] if is_expected else [], [])


def test_managed_filter_may_name_any_number_of_keys() -> None:
    keys = [f"k{number}" for number in range(12)]
    policy: dict[str, Any] = {key: ["x"] for key in keys}
    registration = managed(**policy)

    assert match(registration, metadata=wanted(*keys)) == Matched(expected=[registration])
    assert match(registration, metadata=wanted(*keys[1:])) == Matched()


def test_managed_filter_may_select_by_any_depth() -> None:
    policy: dict[str, Any] = {"limits": {"fleet": {"vehicles": {"driver": {"age": [{"numeric": ["<", 25]}]}}}}}
    registration = a_registration(owner=OWNER, filter_policy={"metadata": policy}, filter_policy_scope="MessageBody")

    def of_age(*ages: int) -> dict[str, Any]:
        return {"limits": {"fleet": {"vehicles": [{"driver": {"age": age}} for age in ages]}}}

    assert match(registration, metadata=of_age(40, 24)).expected == [registration]
    assert match(registration, metadata=of_age(40, 25)).expected == []


def test_managed_filter_selects_by_values_that_sns_cannot_carry() -> None:
    registration = managed(note=[{"prefix": "total loss"}])

    assert match(registration, metadata={"note": 'total loss, "as new"'}).expected == [registration]


def test_keys_of_managed_filters_do_not_travel() -> None:
    registrations = [managed("A", line=["auto"]), plain("B", "premium", "zone"), plain("C")]

    assert match(*registrations).attribute_keys == ["premium"], "the run has no zone"


def test_filters_of_optional_plugins_push_no_key_of_a_mandatory_managed_plugin_out() -> None:
    """Two optional plugins of another team name eight keys that come first in every order."""
    many = [f"a{number}" for number in range(8)]
    mandatory = managed("Mandatory", zone=["x"])
    attackers = [
        replace(attacker, mandatory=False, owner=owner)
        for owner in ("", OWNER)
        for attacker in (
            plain(f"Optional{owner}1", *many[:4], since=-9),
            plain(f"Optional{owner}2", *many[4:], since=-9),
        )
    ]

    for registrations in permutations([mandatory, *attackers], 5):
        matched = match(*registrations, metadata=wanted("zone", *many))
        assert "Mandatory" in names(matched.expected)
        assert matched.unreachable == []


def test_filters_of_newcomers_push_no_key_of_an_earlier_plain_subscription_out() -> None:
    many = [f"a{number}" for number in range(8)]
    mandatory = plain("Mandatory", "zone")
    newcomers = [plain("New1", *many[:4], since=1), plain("New2", *many[4:], since=2)]

    for registrations in permutations([mandatory, *newcomers]):
        matched = match(*registrations, metadata=wanted("zone", *many))
        assert matched.attribute_keys == ["zone", *many[:4]]
        assert set(names(matched.expected)) == {"Mandatory", "New1"}
        assert names(matched.unreachable) == ["New2"], "it is reported, not skipped"


def test_subscription_whose_filter_names_new_keys_goes_behind_all_others() -> None:
    """The first one of the stage changes its filter, and names as many keys as travel."""
    many = [f"a{number}" for number in range(8)]
    changed, other = plain("Changed", *many, since=2), plain("Other", "zone", since=1)

    assert names(match(changed, other, metadata=wanted("zone", *many)).expected) == ["Other"]


def test_subscriptions_first_seen_at_the_same_time_have_one_order_whatever_the_order_of_reading() -> None:
    many = [f"a{number}" for number in range(8)]
    first, second = plain("A", *many), plain("B", "zone")

    for registrations in permutations([first, second]):
        assert attribute_keys_of(registrations) == many


def test_keys_of_a_subscription_travel_together_or_not_at_all() -> None:
    """With half of them SNS would take the others for absent, and deliver what the filter forbids."""
    first = plain("First", *(f"a{number}" for number in range(7)))
    both = a_registration(
        "Both", filter_policy={"b": ["x"], "c": [{"exists": False}]}, filter_keys_since=NOW + timedelta(seconds=1)
    )
    small = plain("Small", "d", since=2)
    metadata = wanted("b", "c", "d", *(f"a{number}" for number in range(7)))

    matched = match(first, both, small, metadata=metadata)

    assert names(matched.expected) == ["First", "Small"]
    assert matched.attribute_keys[-1] == "d"


def test_key_that_the_run_does_not_have_takes_no_place() -> None:
    first = plain("First", *(f"a{number}" for number in range(8)))
    second = plain("Second", "zone", since=1)

    assert names(match(first, second, metadata=wanted("zone")).expected) == ["Second"]


def test_shared_keys_take_one_place() -> None:
    keys = [f"a{number}" for number in range(8)]
    registrations = [plain(f"P{number}", *keys[:5], since=number) for number in range(9)]

    assert len(match(*registrations, plain("Rest", *keys[5:], since=10), metadata=wanted(*keys)).expected) == 10


def test_unreachable_plugin_is_reported_with_the_keys_and_what_to_do() -> None:
    first = plain("First", *(f"a{number}" for number in range(7)))
    second = plain("Second", "b", "a1", "c", since=1)
    metadata = wanted("b", "c", *(f"a{number}" for number in range(7)))

    matched = match(first, second, metadata=metadata)

    assert matched.unreachable == [second]
    assert matched.why_unreachable(second) == (
        "its filter policy names metadata keys that do not travel as message attributes: 'b', 'c'; "
        f"{MAX_METADATA_ATTRIBUTES} keys travel, those of earlier subscriptions first: filter by fewer keys, use the "
        "filter policy scope MessageBody, or register the plugin with the Plugin construct, which has no such limit"
    )
    assert match(first, second, metadata=metadata | {"b": "y"}).unreachable == [], "it does not match this run"


@pytest.mark.parametrize("owner", ["", OWNER], ids=["plain", "managed"])
def test_filter_that_takes_too_many_comparisons_is_reported_and_delays_no_other_plugin(owner: str) -> None:
    greedy = a_registration("Greedy", owner=owner, filter_policy={"numbers": list(range(500))})
    metadata = {"numbers": [-1] * 10_000}

    matched = match(greedy, managed("Fine"), metadata=metadata)

    assert (names(matched.expected), names(matched.unreachable)) == (["Fine"], ["Greedy"])
    assert matched.why_unreachable(greedy).startswith("its filter policy takes too many comparisons on")


def test_more_plugins_leave_each_filter_fewer_comparisons() -> None:
    """However many plugins a team registers: the filters of a stage are evaluated within seconds."""
    filters = [managed(f"P{number}", numbers=list(range(50))) for number in range(200)]

    def unreachable(length: int) -> int:
        return len(match(*filters, metadata={"numbers": [-1] * length}).unreachable)

    assert unreachable(50) == 0
    assert unreachable(51) == 200


def test_any_number_of_plain_subscriptions_leaves_a_managed_filter_its_comparisons() -> None:
    many = [a_registration(f"P{number}", filter_policy={"numbers": list(range(50))}) for number in range(200)]
    score = managed(numbers=list(range(500)))

    matched = match(score, *many, metadata={"numbers": [-1] * 199 + [0]})

    assert "Score" in names(matched.expected)


def test_a_namesake_is_expected_in_no_run_even_if_the_filter_of_the_holder_excludes_it() -> None:
    holder = managed(line=["home"])
    namesake = replace(plain("Score", "line"), filter_policy={"line": ["auto"]}, subscription_arn="arn:0")

    for registrations in permutations((holder, namesake)):
        assert match(*registrations) == Matched()


def test_filter_that_only_sns_understands_harms_no_other_plugin_and_its_keys_travel() -> None:
    odd = a_registration("Odd", filter_policy={"line": [{"newer-operator": "x"}], "zone": ["north"]})
    registrations = [odd, a_registration("Fine", filter_policy={"line": ["auto"]})]

    matched = match(*registrations, metadata={**METADATA, "zone": "north"})

    assert matched == Matched(expected=[registrations[1]], attribute_keys=["line", "zone"])


def test_filters_of_message_bodies_need_no_attributes() -> None:
    registrations = [
        a_registration("A", filter_policy={"line": ["auto"], "plugins": ["A"]}),
        a_registration("B", filter_policy={"$or": [{"premium": [1]}, {"age": [2]}]}),
        a_registration("C", filter_policy={"metadata": {"x": ["y"]}}, filter_policy_scope="MessageBody"),
    ]

    assert attribute_keys_of(registrations) == ["line", "age", "premium"]
