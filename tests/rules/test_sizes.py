"""Sizes: what is too large ends in an error that names it."""

from __future__ import annotations

import pytest

from orchestrator_runtime.contract import MAX_NESTING, MAX_OUTPUT_BYTES, MAX_SNS_MESSAGE_BYTES, State
from orchestrator_runtime.core.begin import MetadataTooLarge
from orchestrator_runtime.core.message import DoesNotFitError, address, message_body, problem_with_size
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.models import PluginMessage, RunInput
from tests.rules.world import World, open_stage, plugin, present

REF = RunRef("q-1", "NewBusiness", 1)
MOST_METADATA = MAX_SNS_MESSAGE_BYTES - 102_400 - 2 * 16_384


def test_outputs_that_are_too_large_close_the_stage_and_are_named() -> None:
    world = open_stage(plugin("Large"), plugin("Larger"), plugin("Small"))
    world.report("Large", output="x" * 52_000)
    world.report("Larger", output="x" * 60_000)
    world.report("Small", output="x")
    world.registry.put(plugin("Print", activity="Documents"))
    world.advance(activity="Documents")
    signal = world.heard[-1]
    assert signal.error == "PluginFailed"
    assert "112,007 bytes" in signal.cause
    assert "Rate/parallel/Larger 60,002, Rate/parallel/Large 52,002, Rate/parallel/Small 3" in signal.cause
    assert len(world.released) == 1


@pytest.mark.parametrize(("size", "state"), [(MAX_OUTPUT_BYTES - 2, State.COMPLETE), (MAX_OUTPUT_BYTES, State.ERROR)])
def test_one_output_that_is_too_large_is_the_plugins_error(size: int, state: State) -> None:
    world = open_stage(plugin("A"), plugin("B"))
    world.report("A", output="x" * size)
    row = present(world.row("A"))
    assert row.state is state
    assert state is State.COMPLETE or str(row.message).startswith("OutputTooLarge: the output is 102,402 bytes")
    assert bool(world.status.outputs(REF)) is (state is State.COMPLETE)


def test_a_message_of_a_report_is_cut() -> None:
    world = open_stage(plugin("A"))
    world.report("A", message="m" * 2_000)
    assert len(str(present(world.row("A")).message)) == 1_024


def test_metadata_that_no_message_could_carry_is_refused_at_the_start() -> None:
    world = World()
    with pytest.raises(MetadataTooLarge, match="put a reference to it into the metadata"):
        world.begin(metadata={"text": "x" * 100_000})
    assert not world.calls.log


def test_metadata_counts_as_body_and_as_attributes() -> None:
    half = "x" * (MOST_METADATA // 2 - 600)
    assert problem_with_size(REF, {"text": half}) is None
    assert problem_with_size(REF, {"text": half + "x" * 600}) is not None
    nested = {"nested": {"text": half + half}}
    assert problem_with_size(REF, nested) is None, "an object travels in the body only"


def test_metadata_counts_in_bytes_as_sent() -> None:
    quarter = MOST_METADATA // 4
    assert problem_with_size(REF, {"nested": {"text": "x" * 3 * quarter}}) is None
    assert problem_with_size(REF, {"nested": {"text": "ä" * 3 * quarter}}) is not None


def test_a_run_that_may_begin_fits_with_all_outputs_and_names() -> None:
    metadata = {"text": "x" * (MOST_METADATA // 2 - 600)}
    assert problem_with_size(REF, metadata) is None
    ref = World().ref()
    body = message_body(ref, metadata, {"k": "x" * 102_000}, report_to="u", now=World().clock.now)
    address(ref, body, ["n" * 64] * 230, metadata, [])


def test_a_message_that_does_not_fit_says_its_size() -> None:
    with pytest.raises(DoesNotFitError, match=r"the message to Rate/parallel is [0-9,]+ bytes, SNS takes 262,144"):
        address(World().ref(), {"metadata": "x" * MAX_SNS_MESSAGE_BYTES}, [], {}, [])


def nested(levels: int) -> object:
    value: object = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_whatever_a_run_may_carry_its_plugins_can_read() -> None:
    """Deeper metadata, and deeper outputs, were taken, and then no plugin could read its message."""
    metadata = {"a": nested(MAX_NESTING - 1)}
    world = World(plugin("A"), plugin("Print", activity="Documents"))
    RunInput.model_validate({"uid": "q-1", "metadata": metadata})
    world.begin(metadata=metadata)
    world.advance()
    world.report("A", output=nested(MAX_NESTING))
    world.advance(activity="Documents")
    assert world.released == [["A"], ["Print"]]
    message = PluginMessage.model_validate_json(world.publisher.messages[-1].body)
    assert message.outputs == {"Rate/parallel/A": nested(MAX_NESTING)}
    assert message.metadata == metadata


def test_an_output_that_is_nested_too_deeply_is_the_plugins_error() -> None:
    world = open_stage(plugin("A"), plugin("B"))
    world.report("A", output=nested(MAX_NESTING + 1))
    row = present(world.row("A"))
    assert row.state is State.ERROR
    assert str(row.message).startswith("OutputTooDeep: the output has more than 100 levels of lists and objects")
    assert world.status.outputs(REF) == {}
