"""The join: whom a stage waits for, and what ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_runtime.contract import ErrorName, ReleaseRule, State
from tests.rules.calls import Crash
from tests.rules.world import SEQUENTIAL, World, open_stage, plugin, present, received

A, B = plugin("A", order=1), plugin("B", order=2)
OPTIONAL = plugin("Nice", mandatory=False, order=0)


def test_a_stage_is_done_when_nobody_is_open() -> None:
    world = open_stage(A, B)
    world.report("A")
    assert world.outcome is None
    world.report("B", State.DO_NOT_RUN)
    assert present(world.outcome).state is State.COMPLETE
    assert world.signals.outputs == [{"uid": "q-1", "workflow": "NewBusiness", "attempt": 1}]


def test_the_plan_counts_and_not_the_registry_as_it_is_by_now() -> None:
    world = open_stage(A, B)
    world.registry.delete(B.activity, B.stage, B.subscription_arn)
    world.registry.put(plugin("Late"))
    world.report("A")
    world.advance()
    assert world.outcome is None
    world.report("B")
    assert present(world.outcome).state is State.COMPLETE
    assert world.released == [["A", "B"]]


def test_who_is_filtered_out_is_not_expected() -> None:
    world = open_stage(A, plugin("Home", filter_policy={"line": ["home"]}))
    assert [expected.name for expected in world.plan.plugins] == ["A"]


def test_a_filter_on_the_body_sees_the_document_that_is_published() -> None:
    fits = plugin("Fits", filter_policy_scope="MessageBody", filter_policy={"metadata": {"line": ["auto"]}})
    other = plugin("Other", filter_policy_scope="MessageBody", filter_policy={"metadata": {"line": ["home"]}})
    assert [expected.name for expected in open_stage(fits, other).plan.plugins] == ["Fits"]


@pytest.mark.parametrize(
    "policy",
    [
        {"report_to": ["https://sqs/results"]},
        {"outputs": {"Validate/parallel/Address": {"known": ["yes"]}}},
        {"activity": ["Rate"], "stage": ["parallel"]},
    ],
)
def test_a_filter_on_the_body_sees_what_is_published_beside_the_metadata(policy: dict[str, Any]) -> None:
    first = plugin("Address", activity="Validate")
    world = World(first, plugin("Fits", filter_policy_scope="MessageBody", filter_policy=policy))
    world.begin()
    world.advance(activity="Validate")
    world.report("Address", activity="Validate", output={"known": "yes"})
    world.advance()
    assert [expected.name for expected in world.plan.plugins] == ["Fits"]


def test_a_stage_that_nobody_is_registered_to_reads_no_outputs() -> None:
    assert "status.outputs" not in open_stage().calls.log


def test_a_filter_on_its_own_name_lets_its_turn_through() -> None:
    world = open_stage(plugin("A", filter_policy={"plugins": ["A"]}), rule=SEQUENTIAL)
    assert world.released == [["A"]]


def test_optional_plugins_are_waited_for() -> None:
    world = open_stage(A, OPTIONAL)
    world.report("A")
    assert world.outcome is None


def test_a_mandatory_error_fails_the_stage_at_once() -> None:
    world = open_stage(A, B)
    world.report("A", State.ERROR, message="no rate")
    assert present(world.outcome).state is State.ERROR
    signal = world.heard[0]
    assert (signal.error, signal.cause) == (ErrorName.PLUGIN_FAILED, "Rate/parallel: A: no rate")


def test_an_optional_error_does_not_fail_the_stage() -> None:
    world = open_stage(A, OPTIONAL)
    world.report("Nice", State.ERROR)
    assert world.state("Nice") is State.OPTIONAL_TASK_ERROR
    assert world.outcome is None
    world.report("A")
    assert present(world.outcome).state is State.COMPLETE


@pytest.mark.parametrize("rule", ReleaseRule)
def test_an_optional_error_fails_the_stage_that_was_told_so(rule: ReleaseRule) -> None:
    world = open_stage(A, OPTIONAL, rule=rule, fail_on_optional_error=True)
    world.report("Nice", State.ERROR)
    assert present(world.outcome).state is State.ERROR


def test_one_at_a_time_stops_at_a_mandatory_error() -> None:
    world = open_stage(A, B, rule=SEQUENTIAL)
    world.report("A", State.ERROR)
    assert present(world.outcome).state is State.ERROR
    world.advance()
    assert world.released == [["A"]]


def test_one_at_a_time_goes_on_after_an_optional_error() -> None:
    world = open_stage(OPTIONAL, A, rule=SEQUENTIAL)
    world.report("Nice", State.ERROR)
    assert world.released == [["Nice"], ["A"]]


def test_an_empty_stage_closes_at_once() -> None:
    world = open_stage()
    assert present(world.outcome).state is State.COMPLETE
    assert world.heard[0].token == "token-1"
    assert world.released == []


def test_a_name_registered_twice_for_a_moment_is_expected_once() -> None:
    world = open_stage(A, plugin("A", subscription_arn="arn:new"))
    assert world.released == [["A"]]
    world.report("A")
    assert present(world.outcome).state is State.COMPLETE


def test_no_rows_are_written_for_who_has_not_started() -> None:
    world = open_stage(A, B)
    assert world.status.load_stage(world.ref()).plugins == {}


def test_a_stage_closes_on_the_rows_and_not_on_the_tally_alone() -> None:
    world = open_stage(A, B)
    world.control.settle(world.ref(), closed=[1], failed=[])
    world.report("A")
    assert world.outcome is None, "B's row says nothing of an end"


def test_a_wake_takes_off_the_tally_what_the_rows_say_is_closed() -> None:
    world = open_stage(A, B)
    world.calls.crash_at(1)
    with pytest.raises(Crash):
        world.report("A")
    assert world.tally.open == {0, 1}
    world.advance()
    assert world.tally.open == {1}


def test_outputs_reach_later_stages() -> None:
    world = open_stage(A)
    world.report("A", output={"score": 7})
    world.registry.put(plugin("Print", activity="Documents"))
    world.advance(activity="Documents")
    assert json.loads(world.publisher.messages[-1].body)["outputs"] == {"Rate/parallel/A": {"score": 7}}


@pytest.mark.parametrize(("failures", "rest"), [(5, ""), (6, "; and 1 more"), (8, "; and 3 more")])
def test_the_outcome_names_a_few_of_many_failures_and_counts_the_rest(failures: int, rest: str) -> None:
    names = [f"P{number}" for number in range(failures)]
    world = open_stage(*[plugin(name) for name in names])
    world.report_all([received(name, State.ERROR, message="no") for name in names])
    assert world.outcome is not None
    assert world.outcome.message == f"P0: no; P1: no; P2: no; P3: no; P4: no{rest}"
