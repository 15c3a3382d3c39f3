"""A run as people see it, from the rows that the flows leave."""

from __future__ import annotations

from typing import Any

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.run_document import run_document
from tests.rules.world import PRE, World, open_stage, plugin

A, B = plugin("A", order=1), plugin("B", order=2)
NICE = plugin("Nice", mandatory=False, order=3)


def document(world: World) -> dict[str, Any]:
    ref = world.ref()
    key = ref.key
    row = world.status.stages.get("q-1", ref.path)
    plan = world.status.plans.get("q-1", ref.path)
    return run_document(
        world.run,
        {key: row} if row else {},
        {key: plan} if plan else {},
        {key: world.status.plugins.below("q-1", ref.path)},
    )


def stage_of(world: World) -> dict[str, Any]:
    stage: dict[str, Any] = document(world)["activities"]["Rate"]["stages"][world.place.value]
    return stage


def test_activities_and_stages_come_in_the_order_in_which_they_run() -> None:
    world = World()
    world.begin()
    activities = document(world)["activities"]
    assert list(activities) == ["Validate", "Rate"]
    assert [list(activity["stages"]) for activity in activities.values()] == [[*map(str, Stage)]] * 2
    assert {activity["state"] for activity in activities.values()} == {"Not Started"}


def test_a_plugin_without_a_row_is_not_started() -> None:
    assert stage_of(open_stage(A))["plugins"] == {
        "A": {
            "state": "Not Started",
            "mandatory": True,
            "expected": True,
            "order": 1,
            "message": None,
            "progress": None,
            "attempt": None,
            "started_at": None,
            "ended_at": None,
        }
    }


def test_plugins_come_in_release_order_and_the_unexpected_last() -> None:
    world = open_stage(B, A, plugin("0", order=0, filter_policy={"line": ["home"]}), stage=PRE)
    world.report("0")
    assert [(name, p["expected"]) for name, p in stage_of(world)["plugins"].items()] == [
        ("A", True),
        ("B", True),
        ("0", False),
    ]


def test_with_only_optional_plugins_open_the_stage_is_mandatory_completed() -> None:
    world = open_stage(A, NICE)
    assert stage_of(world)["state"] == "In Progress"
    world.report("A")
    assert stage_of(world)["state"] == "Mandatory Completed"
    world.report("Nice", State.ERROR)
    assert stage_of(world)["state"] == "Complete"


def test_what_an_earlier_attempt_left_unfinished_shows_as_not_started() -> None:
    world = open_stage(A, B)
    world.report("A")
    world.report("B", State.ERROR, message="no rate")
    world.end(error="Broken")
    assert stage_of(world)["plugins"]["B"]["message"] == "no rate"
    world.begin("two")
    stage = stage_of(world)
    assert (stage["state"], stage["message"], stage["ended_at"]) == ("Not Started", None, None)
    assert [p["state"] for p in stage["plugins"].values()] == ["Complete", "Not Started"]


def test_times_are_iso_8601_in_utc() -> None:
    world = open_stage(A)
    world.clock.forward(1.5)
    world.report("A")
    assert stage_of(world)["started_at"] == "2026-11-24T09:30:00.000Z"
    assert stage_of(world)["ended_at"] == "2026-11-24T09:30:01.500Z"
