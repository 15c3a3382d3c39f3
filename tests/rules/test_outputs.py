"""Outputs: what a plugin returns costs others nothing that they are sure of, and fails no later stage."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest

from orchestrator_runtime.contract import MAX_OUTPUT_BYTES, MAX_OUTPUTS_BYTES, Stage, State
from orchestrator_runtime.core.outputs import output_bytes, room_for, sure_bytes
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.core.registration import StageSettings
from orchestrator_runtime.json_text import compact_json
from tests.rules.calls import Crash
from tests.rules.world import PARALLEL, POST, World, open_stage, plugin, present, received

REF = RunRef("q-1", "NewBusiness", 1)
LARGE = "x" * 30_000


def key_bytes(key: str) -> int:
    return output_bytes(key, "")


def message_of(world: World, plugin: str) -> str:
    return str(present(world.row(plugin)).message)


@pytest.mark.parametrize("mandatory", [True, False])
def test_an_output_that_finds_no_room_is_the_error_of_its_plugin(mandatory: bool) -> None:
    world = open_stage(plugin("A"), plugin("B", mandatory=mandatory), plugin("C"))
    world.report("A", output=LARGE)
    world.report("B", output=LARGE)
    world.report("C", output="small")
    # Of 51,200 bytes A takes 30,021, and C is sure of 8,533.
    assert message_of(world, "B") == (
        "OutputTooLarge: the output takes 30,021 bytes of later messages, and 12,646 are free beside the outputs of "
        "other plugins: return less, or keep it elsewhere and return a reference"
    )
    assert world.state("B") is (State.ERROR if mandatory else State.OPTIONAL_TASK_ERROR)
    assert world.status.outputs(REF).keys() == {"Rate/parallel/A", "Rate/parallel/C"}
    assert present(world.item.outcome).state is (State.ERROR if mandatory else State.COMPLETE)


def test_the_stage_after_large_outputs_opens() -> None:
    world = open_stage(plugin("A", mandatory=False), plugin("B", mandatory=False), plugin("Last", stage=POST))
    for name in ("A", "B"):
        world.report(name, output="x" * (MAX_OUTPUT_BYTES - 2))
    assert world.dispatched == [["A", "B"], ["Last"]]
    assert (world.state("A"), world.state("B")) == (State.OPTIONAL_TASK_ERROR, State.OPTIONAL_TASK_ERROR)


def test_one_plugin_alone_may_return_the_most() -> None:
    world = open_stage(plugin("A"))
    world.report("A", output="x" * (MAX_OUTPUT_BYTES - 2))
    assert world.state("A") is State.COMPLETE


def test_however_much_earlier_stages_return_a_later_one_has_room() -> None:
    """Each stage takes half of what is left, so that the last of six has a sixty-fourth of it."""
    world = World()
    for activity in ("Validate", "Rate"):
        for stage in Stage:
            subscription = f"arn:aws:sns:eu-west-1:123456789012:{activity}-{stage}:1"
            world.registry.put(plugin("Greedy", activity=activity, stage=stage, subscription_arn=subscription))
    world.begin()
    for activity in ("Validate", "Rate"):
        world.open(activity)
        for stage in Stage:
            plan = present(world.status.get_plan(REF.stage(activity, stage)))
            room = room_for(plan, 0, {}) - key_bytes(f"{activity}/{stage}/Greedy") - 2
            world.report("Greedy", activity=activity, stage=stage, output="x" * min(room, MAX_OUTPUT_BYTES - 2))
    outputs = world.status.outputs(REF)
    assert len(outputs) == 6
    assert len(outputs["Rate/post/Greedy"]) > 1_000


def test_the_output_of_a_plugin_that_is_not_expected_is_dropped() -> None:
    world = World(plugin("A"), plugin("Last", stage=POST))
    world.registry.register(plugin("Uninvited", filter_policy={"line": ["home"]}, owner="arn:aws:stack/theirs"))
    world.begin()
    world.open()
    world.report("Uninvited", output="x" * 102_396)
    world.report("A")
    assert world.status.outputs(REF) == {}
    assert world.dispatched == [["A"], ["Last"]]


def test_keys_count() -> None:
    """1,850 outputs of one byte were let through, and made a message of 265 KB."""
    names = [f"{number:03d}".ljust(64, "n") for number in range(200)]
    world = open_stage(*(plugin(name, mandatory=False) for name in names), plugin("Last", stage=POST))
    for name in names:
        world.report(name, output="x" * 400)
    taken = sum(output_bytes(key, compact_json(output)) for key, output in world.status.outputs(REF).items())
    assert MAX_OUTPUTS_BYTES // 2 < 200 * (400 + 2)
    assert MAX_OUTPUTS_BYTES // 4 < taken <= MAX_OUTPUTS_BYTES // 2
    assert world.dispatched[-1] == ["Last"]


def test_a_small_output_costs_no_write_beside_its_row() -> None:
    world = open_stage(plugin("A"), plugin("B"))
    plan = world.plan
    room = sure_bytes(plan, 0) - key_bytes("Rate/parallel/A") - 2
    world.report("A", output="x" * room)
    assert "control.take_room" not in world.calls.log
    world.report("B", output="x" * (room + 1))
    assert "control.take_room" in world.calls.log


def test_a_stage_s_setting_bounds_each_output() -> None:
    world = World(plugin("A"), plugin("B"))
    world.registry.put_settings(
        "Rate", PARALLEL, replace(StageSettings(), max_output_bytes=10), owner="stack", now=world.clock.now
    )
    world.begin()
    world.open()
    world.report("B", output="x" * 8)
    world.report("A", output="x" * 9)
    assert world.state("B") is State.COMPLETE
    assert message_of(world, "A").startswith("OutputTooLarge: the output is 11 bytes, at most 10 are carried on: ")


def test_a_resume_has_the_room_that_a_failed_output_wanted_once_there_is_less_to_return() -> None:
    world = open_stage(plugin("A"), plugin("B"), plugin("Last", stage=POST))
    world.report("A", output=LARGE)
    world.report("B", output=LARGE)
    assert world.state("B") is State.ERROR
    world.end("one", error="Broken")
    world.begin("two")
    world.open()
    assert world.plan.output_budget == (MAX_OUTPUTS_BYTES - 30_021) // 2
    world.report("B", output="x" * 20_000)
    assert world.dispatched[-1] == ["Last"]
    assert world.status.outputs(REF).keys() == {"Rate/parallel/A", "Rate/parallel/B"}


def test_a_resume_carries_on_nothing_of_a_plugin_that_was_removed() -> None:
    """What it returned would take the room of others for ever."""
    world = open_stage(plugin("Greedy"), plugin("A"), plugin("Last", stage=POST))
    world.report("Greedy", output=LARGE)
    world.report("A", State.ERROR)
    world.registry.remove(plugin("Greedy"))
    world.end("one", error="Broken")
    world.begin("two")
    world.open()
    assert world.state("Greedy") is State.COMPLETE
    assert world.plan.output_budget == MAX_OUTPUTS_BYTES // 2
    world.report("A", output="a")
    assert json.loads(world.publisher.messages[-1].body)["outputs"] == {"Rate/parallel/A": "a"}


def test_a_plugin_that_always_runs_may_return_as_much_as_before() -> None:
    world = open_stage(plugin("Always", always_run=True), plugin("A"))
    world.report("Always", output=LARGE)
    world.report("A", State.ERROR)
    world.end("one", error="Broken")
    world.begin("two")
    world.open()
    assert sure_bytes(world.plan, 1) > 30_021
    world.report("A", output="x" * 20_000)
    world.report("Always", output=LARGE)
    assert (world.state("A"), world.state("Always")) == (State.COMPLETE, State.COMPLETE)


def test_two_handlers_do_not_give_the_same_room_twice() -> None:
    world = open_stage(plugin("A"), plugin("B"), plugin("C"))
    world.calls.meanwhile("control.take_room", lambda: world.report("A", output=LARGE))
    world.report("B", output=LARGE)
    assert (world.state("A"), world.state("B")) == (State.COMPLETE, State.ERROR)


def test_room_that_another_handler_leaves_is_taken() -> None:
    world = open_stage(plugin("A"), plugin("B"), plugin("C"))
    world.calls.meanwhile("control.take_room", lambda: world.report("A", output="x" * 10_000))
    world.report("B", output="x" * 20_000)
    assert (world.state("A"), world.state("B")) == (State.COMPLETE, State.COMPLETE)
    assert sorted(world.item.outputs.values()) == [10_021, 20_021]


@pytest.mark.parametrize("effect", range(3))
def test_a_report_that_is_handled_again_finds_the_room_that_it_took(effect: int) -> None:
    world = open_stage(plugin("A"), plugin("B"))
    report = received("A", output=LARGE)
    world.calls.crash_at(effect)
    with suppress(Crash):
        world.report_all([report])
    world.calls.steady()
    world.report_all([report])
    assert world.state("A") is State.COMPLETE
    assert world.item.outputs == {0: 30_021}


def test_a_larger_output_of_the_same_plugin_takes_what_it_lacks() -> None:
    world = open_stage(plugin("A"), plugin("B"))
    world.calls.crash_at(1)
    with suppress(Crash):
        world.report("A", output="x" * 20_000)
    world.calls.steady()
    world.report("A", output=LARGE)
    assert world.item.outputs == {0: 30_021}
    assert world.state("A") is State.COMPLETE


def test_the_room_taken_in_one_stage_is_free_in_the_next() -> None:
    world = open_stage(plugin("A"), plugin("Last", stage=POST))
    world.report("A", output=LARGE)
    assert world.item.stage is POST
    assert world.item.outputs == {}
