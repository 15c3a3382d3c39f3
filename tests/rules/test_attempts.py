"""Attempts: who may begin, and what becomes of handlers of an older attempt."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_runtime.contract import ErrorName, State
from orchestrator_runtime.core.begin import MetadataDiffers, RunInProgress
from tests.rules.calls import Crash
from tests.rules.world import METADATA, World, open_stage, plugin

A, B = plugin("A"), plugin("B")


def test_the_plan_is_computed_once_an_attempt() -> None:
    world = open_stage(A)
    plan = world.plan
    world.registry.put(B)
    world.open()
    assert world.plan is plan


def test_of_two_handlers_that_plan_the_first_plan_stands() -> None:
    world = World(A)
    world.begin()

    def another_with_a_changed_registry() -> None:
        world.registry.put(B)
        world.open()

    world.calls.meanwhile("status.save_plan", another_with_a_changed_registry)
    world.open()
    assert world.dispatched == [["A", "B"]]
    world.report("A")
    assert world.outcome is None


@pytest.mark.parametrize("effect", range(7))
def test_a_retry_opens_the_stage_whose_first_handler_died(effect: int) -> None:
    world = World(A)
    world.begin()
    world.calls.crash_at(effect)
    try:
        world.open()
    except Crash:
        world.clock.forward(30)
        world.open()
    world.calls.steady()
    assert world.item.pending == {0}
    assert world.dispatched[-1] == ["A"]


def test_a_new_attempt_plans_anew() -> None:
    world = open_stage(A)
    world.end(error="Broken")
    world.registry.put(B)
    world.begin("two")
    world.open()
    assert (world.plan.attempt, [expected.name for expected in world.plan.plugins]) == (2, ["A", "B"])


def test_a_task_of_an_earlier_attempt_fails_its_own_task() -> None:
    world = open_stage(A)
    world.executions.forget()
    world.begin("two")
    world.calls.log.clear()
    token = world.open(attempt=1)
    assert [(signal.token, signal.error) for signal in world.answered] == [(token, ErrorName.RUN_SUPERSEDED)]
    assert world.outcome is None
    assert world.calls.log == ["status.get_run", "signals.fail"]


def test_a_task_of_an_earlier_attempt_fails_after_the_new_attempt_opened_the_stage() -> None:
    world = open_stage(A)
    world.executions.forget()
    world.begin("two")
    new = world.open()
    world.open(attempt=1)
    assert world.answered[0].error == ErrorName.RUN_SUPERSEDED
    assert world.token == new


def test_a_task_of_no_run_fails_its_own_task() -> None:
    world = World(A)
    world.open()
    assert world.answered[0].error == ErrorName.RUN_SUPERSEDED


def test_a_task_of_an_ended_run_fails_its_own_task() -> None:
    world = World(A)
    world.begin()
    world.end(error="Broken")
    world.open()
    assert world.answered[0].error == ErrorName.RUN_ENDED
    assert world.dispatched == []


def test_the_same_execution_gets_the_same_attempt() -> None:
    world = World()
    before = world.begin(), world.run
    world.clock.forward(5)
    assert (world.begin(), world.run) == before


def test_another_execution_is_refused_while_the_first_runs() -> None:
    world = World()
    world.begin("one")
    before = world.run
    with pytest.raises(RunInProgress, match="in execution one"):
        world.begin("two")
    assert world.run == before


def test_a_run_whose_execution_died_is_taken_over() -> None:
    world = World()
    world.begin("one")
    world.executions.forget()
    assert world.begin("two").attempt == 2
    assert (world.run.execution, world.run.state) == ("two", State.IN_PROGRESS)


def test_an_ended_run_is_taken_over_without_asking_step_functions() -> None:
    world = World()
    world.begin("one")
    world.end("one")
    world.executions.begin("one")
    assert world.begin("two").attempt == 2


def test_of_two_that_take_over_one_does() -> None:
    world = World()
    world.begin("one")
    world.end("one")
    world.calls.meanwhile("status.take_over_run", lambda: world.begin("three"))
    with pytest.raises(RunInProgress, match="in execution three"):
        world.begin("two")
    assert (world.run.execution, world.run.ref.attempt) == ("three", 2)


def test_a_holder_that_died_meanwhile_does_not_answer_for_the_next() -> None:
    world = World()
    world.begin("one")
    world.executions.forget()
    world.calls.meanwhile("status.take_over_run", lambda: world.begin("three"))
    with pytest.raises(RunInProgress, match="in execution three"):
        world.begin("two")


@pytest.mark.parametrize(
    ("stored", "given", "told"),
    [
        ({"line": "auto"}, {"line": "secret"}, "line changed"),
        ({"line": "secret"}, {}, "line removed"),
        ({}, {"line": "secret"}, "line added"),
        ({"a": {"b": "secret"}}, {"a": {"b": "secrets"}}, "a.b changed"),
        ({"flag": 1}, {"flag": True}, "flag changed"),
        ({f"k{i:02}": "secret" for i in range(25)}, {}, "k19 removed and 5 more"),
    ],
)
def test_other_metadata_is_refused_naming_keys_but_no_values(
    stored: dict[str, Any], given: dict[str, Any], told: str
) -> None:
    world = World()
    world.begin("one", metadata=stored)
    world.end("one", error="Broken")
    with pytest.raises(MetadataDiffers) as refused:
        world.begin("two", metadata=given)
    assert told in str(refused.value)
    assert "secret" not in str(refused.value)
    assert world.run.execution == "one"


def test_a_handler_of_an_earlier_attempt_that_comes_late_makes_no_plan_of_its_own() -> None:
    world = open_stage(A, B)

    def another_attempt_with_a_plugin_less() -> None:
        world.end("one", error="Broken")
        world.registry.delete("Rate", B.stage, B.subscription_arn)
        world.begin("two")
        world.open()

    world.calls.meanwhile("status.load_stage", another_attempt_with_a_plugin_less)
    world.open()
    assert world.attempt == 2
    assert [plugin.name for plugin in world.plan.plugins] == ["A"]
    assert world.dispatched == [["A", "B"], ["A"]]


def test_metadata_override_replaces_what_is_stored() -> None:
    world = World()
    world.begin("one")
    world.end("one", error="Broken")
    world.begin("two", metadata={"line": "home"}, override=True)
    assert world.run.metadata == {"line": "home"}


def test_metadata_override_does_not_push_aside_a_run_in_progress() -> None:
    world = World()
    world.begin("one")
    with pytest.raises(RunInProgress):
        world.begin("two", metadata={}, override=True)
    assert world.run.metadata == METADATA


def test_an_expired_run_begins_anew() -> None:
    world = World()
    world.begin("one")
    world.clock.forward(120 * 86_400)
    assert world.begin("two", metadata={}).attempt == 1


def test_a_run_expires_at_its_last_possible_end_plus_retention() -> None:
    world = World()
    world.begin()
    assert world.run.expires_at == world.clock.epoch + 120 * 86_400
