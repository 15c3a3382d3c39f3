"""How the room for outputs is divided, whatever is returned in whatever order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.contract import MAX_OUTPUTS_BYTES, Stage, State
from orchestrator_runtime.core.outputs import output_bytes, room_for, sure_bytes, with_budget
from orchestrator_runtime.core.records import ExpectedPlugin, StagePlan
from orchestrator_runtime.json_text import compact_json
from tests.unit.samples import NOW, a_run, stage_ref

HALF = MAX_OUTPUTS_BYTES // 2
Steps = tuple[tuple[str, ...], ...]
IN_A_ROW: Steps = (("Validate",), ("Rate",), ("Issue",))


def plan(*names: str, kept: str = "", budget: int = HALF) -> StagePlan:
    return StagePlan(
        attempt=1,
        plugins=tuple(
            ExpectedPlugin(name=name, timeout_seconds=60, kept=State.COMPLETE if name in kept else None)
            for name in names
        ),
        opened_at=NOW,
        expires_at=0,
        output_budget=budget,
    )


@pytest.mark.parametrize("output", ["", "ü€", 7, {"score": [0.7, None]}])
def test_an_output_takes_what_a_message_grows_by(output: Any) -> None:
    before = compact_json({"outputs": {"A/pre/One": 1}})
    after = compact_json({"outputs": {"A/pre/One": 1, "A/pre/Two": output}})
    assert output_bytes("A/pre/Two", compact_json(output)) == len(after.encode()) - len(before.encode())


PART = MAX_OUTPUTS_BYTES // 2 // 9
"""Of each stage of three activities in a row."""


def budget(outputs: dict[str, str], *, of: StagePlan | None = None, steps: Steps = IN_A_ROW, **stage: Any) -> int:
    return with_budget(of or plan("A"), stage_ref(**stage), replace(a_run(), activities=steps), outputs).output_budget


def of_size(size: int, key: str) -> dict[str, str]:
    return {key: "x" * (size - output_bytes(key, "") - 2)}


@pytest.mark.parametrize(
    "key", ["Validate/post/P", "Rate/pre/P", "Rate/parallel/Kept", "Rate/parallel/Gone", "Issue/pre/P"]
)
def test_a_stage_may_take_half_of_what_the_others_leave(key: str) -> None:
    assert budget({}) == HALF
    assert budget(of_size(1_000, key), of=plan("A", "Kept", kept="Kept")) == HALF - 500


@pytest.mark.parametrize(("taken", "left"), [(51_200, 25_600), (80_000, 5_688), (100_000, 5_688), (200_000, 5_688)])
def test_a_stage_has_its_part_whatever_others_return_and_leaves_later_ones_theirs(taken: int, left: int) -> None:
    """At 51,200 half is left; at 80,000 the parts of the four stages that follow leave less than its own."""
    assert budget(of_size(taken, "Validate/pre/P")) == left


def test_a_plugin_that_is_invoked_again_may_return_as_much_as_before() -> None:
    """Whatever later stages have returned since: else a resume would fail for ever."""
    before = {**of_size(12_000, "Rate/parallel/A"), **of_size(90_000, "Issue/post/P")}
    planned = with_budget(plan("A", "B"), stage_ref(), replace(a_run(), activities=IN_A_ROW), before)
    assert [plugin.returned for plugin in planned.plugins] == [12_000, 0]
    assert planned.output_budget == 12_000 + PART
    assert sure_bytes(planned, 0) == 12_000 + PART // 2 // 2
    assert sure_bytes(planned, 1) == PART // 2 // 2
    assert room_for(planned, 1, {0: planned.output_budget}) == 0
    assert room_for(planned, 1, {0: 12_000}) == PART - PART // 2 // 2


def test_activities_side_by_side_have_equal_parts_whoever_returns_first() -> None:
    steps = (("Validate",), ("Rate", "Print"))
    earlier = of_size(1_000, "Validate/pre/P")
    assert budget(earlier, steps=steps) == (MAX_OUTPUTS_BYTES - 1_000) // 2 // 2
    assert budget({**earlier, **of_size(30_000, "Print/pre/P")}, steps=steps) == budget(earlier, steps=steps)


def test_a_run_of_one_activity_has_three_parts() -> None:
    third = MAX_OUTPUTS_BYTES // 2 // 3
    assert budget(of_size(100_000, "Rate/pre/P"), steps=(("Rate",),)) == third


def test_a_plugin_alone_is_sure_of_half_of_what_its_stage_may_take() -> None:
    assert sure_bytes(plan("A"), 0) == HALF // 2
    assert room_for(plan("A"), 0, {}) == HALF


def test_an_activity_that_the_run_does_not_name_has_room() -> None:
    assert budget({}, steps=(), activity="Own") == HALF
    assert budget(of_size(100_000, "Rate/pre/P"), steps=IN_A_ROW, activity="Own") == PART


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60_000)), max_size=30), st.integers(0, HALF))
def test_no_order_of_outputs_takes_more_than_the_budget_or_what_another_is_sure_of(
    returned: list[tuple[int, int]], budget: int
) -> None:
    of_six = plan(*"ABCDEF", kept="F", budget=budget + 2_000)
    of_six = replace(of_six, plugins=(replace(of_six.plugins[0], returned=2_000), *of_six.plugins[1:]))
    taken: dict[int, int] = {}
    for index, size in returned:
        if index in of_six.unfinished and index not in taken and size <= room_for(of_six, index, taken):
            taken[index] = size
    assert sum(taken.values()) <= of_six.output_budget
    for index in of_six.unfinished - taken.keys():
        assert room_for(of_six, index, taken) >= sure_bytes(of_six, index)


@pytest.mark.parametrize("steps", [(("A",), ("B", "C")), (("A",), ("B",), ("C",)), (("A", "B", "C"),)])
def test_stages_that_take_all_they_may_never_take_more_than_a_message_carries(steps: Steps) -> None:
    outputs: dict[str, str] = {}
    for activity in "ABC":
        for stage in Stage:
            key = f"{activity}/{stage}/P"
            room = budget(outputs, of=plan("P"), steps=steps, activity=activity, stage=stage)
            assert room > 2_500
            outputs |= of_size(room, key)
    assert sum(output_bytes(key, compact_json(output)) for key, output in outputs.items()) <= MAX_OUTPUTS_BYTES
