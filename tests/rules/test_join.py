"""The join: whom a stage waits for, and what ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_runtime.contract import ErrorName, Stage, State
from tests.rules.calls import Crash
from tests.rules.memory_registry import MemoryRegistry
from tests.rules.world import PRE, World, open_stage, plugin, present, received

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
    world.open()
    assert world.outcome is None
    world.report("B")
    assert present(world.outcome).state is State.COMPLETE
    assert world.dispatched == [["A", "B"]]


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
    world.open("Validate")
    world.report("Address", activity="Validate", output={"known": "yes"})
    world.open()
    assert [expected.name for expected in world.plan.plugins] == ["Fits"]


def test_a_filter_on_its_own_name_lets_its_turn_through() -> None:
    world = open_stage(plugin("A", filter_policy={"plugins": ["A"]}), stage=PRE)
    assert world.dispatched == [["A"]]


def test_optional_plugins_are_waited_for() -> None:
    world = open_stage(A, OPTIONAL)
    world.report("A")
    assert world.outcome is None


def test_a_mandatory_error_fails_the_stage_at_once() -> None:
    world = open_stage(A, B)
    world.report("A", State.ERROR, message="no rate")
    assert present(world.outcome).state is State.ERROR
    signal = world.answered[0]
    assert (signal.error, signal.cause) == (ErrorName.PLUGIN_FAILED, "Rate/parallel: A: no rate")


def test_an_optional_error_does_not_fail_the_stage() -> None:
    world = open_stage(A, OPTIONAL)
    world.report("Nice", State.ERROR)
    assert world.state("Nice") is State.OPTIONAL_TASK_ERROR
    assert world.outcome is None
    world.report("A")
    assert present(world.outcome).state is State.COMPLETE


@pytest.mark.parametrize("stage", Stage)
def test_an_optional_error_fails_the_stage_that_was_told_so(stage: Stage) -> None:
    world = open_stage(A, OPTIONAL, stage=stage, fail_on_optional_error=True)
    world.report("Nice", State.ERROR)
    assert present(world.outcome).state is State.ERROR


def test_one_at_a_time_stops_at_a_mandatory_error() -> None:
    world = open_stage(A, B, stage=PRE)
    world.report("A", State.ERROR)
    assert present(world.outcome).state is State.ERROR
    world.open()
    assert world.dispatched == [["A"]]


def test_one_at_a_time_goes_on_after_an_optional_error() -> None:
    world = open_stage(OPTIONAL, A, stage=PRE)
    world.report("Nice", State.ERROR)
    assert world.dispatched == [["Nice"], ["A"]]


def test_an_activity_without_a_matching_plugin_is_answered_without_a_write_or_a_publish() -> None:
    world = World(plugin("Home", filter_policy={"line": ["home"]}))
    world.begin()
    world.calls.log.clear()
    token = world.open()
    assert [(signal.token, signal.error) for signal in world.answered] == [(token, None)]
    assert world.calls.log == ["status.get_run", "control.get", "status.outputs", "signals.succeed"]


def test_an_activity_without_registrations_reads_no_outputs() -> None:
    world = World()
    world.begin()
    world.calls.log.clear()
    world.open()
    assert world.calls.log == ["status.get_run", "control.get", "signals.succeed"]


def test_an_activity_that_is_not_deployed_fails_its_task() -> None:
    world = World()
    world.registry = MemoryRegistry()
    world.begin()
    world.open()
    [signal] = world.answered
    assert signal.error == ErrorName.UNKNOWN_ACTIVITY
    assert "activity 'Rate' is not deployed" in signal.cause


def test_a_name_registered_twice_for_a_moment_is_expected_once() -> None:
    world = open_stage(A, plugin("A", subscription_arn="arn:new"))
    assert world.dispatched == [["A"]]
    world.report("A")
    assert present(world.outcome).state is State.COMPLETE


def test_no_rows_are_written_for_who_has_not_started() -> None:
    world = open_stage(A, B)
    assert world.status.load_stage(world.ref()).plugins == {}


def test_a_complete_stage_closes_on_the_pending_set_alone() -> None:
    world = open_stage(A, B)
    world.report("B")
    world.calls.log.clear()
    world.report("A")
    assert present(world.outcome).state is State.COMPLETE
    assert "status.load_stage" not in world.calls.log


def test_a_plugin_whose_row_is_terminal_but_pending_does_not_hold_up_its_stage() -> None:
    """The handler died after the row, and the report was never received again."""
    world = open_stage(A)
    world.calls.crash_at(1)
    with pytest.raises(Crash):
        world.report("A")
    assert world.item.pending == {0}
    world.clock.forward(60)
    world.check_deadlines()
    assert present(world.outcome).state is State.COMPLETE
    assert [signal.error for signal in world.answered] == [None]


def test_outputs_reach_later_stages() -> None:
    world = open_stage(A)
    world.report("A", output={"score": 7})
    world.registry.put(plugin("Print", activity="Documents"))
    world.open("Documents")
    assert json.loads(world.publisher.messages[-1].body)["outputs"] == {"Rate/parallel/A": {"score": 7}}


@pytest.mark.parametrize(("failures", "rest"), [(5, ""), (6, "; and 1 more"), (8, "; and 3 more")])
def test_the_outcome_names_a_few_of_many_failures_and_counts_the_rest(failures: int, rest: str) -> None:
    names = [f"P{number}" for number in range(failures)]
    world = open_stage(*[plugin(name) for name in names])
    world.report_all([received(name, State.ERROR, message="no") for name in names])
    assert world.outcome is not None
    assert world.outcome.message == f"P0: no; P1: no; P2: no; P3: no; P4: no{rest}"
