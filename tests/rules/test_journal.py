"""What is told of a run: each thing once, when it happened, by whoever made it happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.happening import (
    PluginEnded,
    PluginsDispatched,
    ReportRefused,
    RunEnded,
    RunStarted,
    StageClosed,
)
from tests.rules.world import World, open_stage, plugin, received

SCORE = plugin("Score", start_within_seconds=20, timeout_seconds=100)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_a_run_from_its_start_to_its_end() -> None:
    world = World(plugin("A"))
    ref = world.begin()
    world.open()
    world.clock.forward(2)
    world.report("A", State.IN_PROGRESS)
    world.clock.forward(5)
    world.report("A")
    world.clock.forward(1)
    world.end()
    stage = world.ref()
    assert world.journal.told == [
        RunStarted(ref=ref, execution="one"),
        PluginsDispatched(ref=stage, plugins=("A",), expected=1),
        PluginEnded(ref=stage, plugin="A", state=State.COMPLETE, took=seconds(5), to_start=seconds(2)),
        StageClosed(ref=stage, state=State.COMPLETE, took=seconds(7)),
        RunEnded(ref=ref, ending=Ending.COMPLETED, took=seconds(8)),
    ]


def test_what_is_done_twice_is_told_once() -> None:
    world = World(plugin("A"))
    for _ in range(2):
        world.begin()
        world.open()
        world.clock.forward(1)
    for _ in range(2):
        world.report("A")
        world.end()
        world.clock.forward(1)
    kinds = [RunStarted, PluginsDispatched, PluginEnded, StageClosed, RunEnded]
    assert [len(world.journal.of(kind)) for kind in kinds] == [1] * len(kinds)


def test_a_resumed_run_is_told_as_such() -> None:
    world = open_stage(plugin("A"))
    world.report("A", State.ERROR)
    world.end(error="PluginFailed")
    world.begin("two")
    first, second = world.journal.of(RunStarted)
    assert (first.resumed, second.resumed, second.ref.attempt, second.execution) == (False, True, 2, "two")
    [ended] = world.journal.of(RunEnded)
    assert ended.ending is Ending.FAILED


def test_a_start_that_is_refused_started_nothing() -> None:
    world = World()
    world.begin()
    with pytest.raises(Exception, match="in progress"):
        world.begin("two")
    assert len(world.journal.of(RunStarted)) == 1


def test_whoever_reports_no_start_took_its_time_from_the_release() -> None:
    world = open_stage(plugin("Queue", reports_start=False))
    world.clock.forward(30)
    world.report("Queue")
    [ended] = world.journal.of(PluginEnded)
    assert (ended.took, ended.to_start) == (seconds(30), None)


def test_start_and_end_in_one_batch() -> None:
    world = open_stage(SCORE)
    world.clock.forward(3)
    world.report_all([received("Score", State.IN_PROGRESS), received("Score")])
    [ended] = world.journal.of(PluginEnded)
    assert (ended.took, ended.to_start) == (seconds(0), seconds(3))


def test_one_after_the_other_each_is_measured_from_its_own_release() -> None:
    world = open_stage(
        plugin("First", stage=Stage.PRE, order=1),
        plugin("Second", stage=Stage.PRE, order=2),
        stage=Stage.PRE,
    )
    world.clock.forward(10)
    world.report("First")
    world.clock.forward(1)
    world.report("Second", State.IN_PROGRESS)
    world.clock.forward(4)
    world.report("Second")
    assert [(ended.plugin, ended.took, ended.to_start) for ended in world.journal.of(PluginEnded)] == [
        ("First", seconds(10), None),
        ("Second", seconds(4), seconds(1)),
    ]
    assert [released.plugins for released in world.journal.of(PluginsDispatched)] == [("First",), ("Second",)]


@pytest.mark.parametrize(("started", "took"), [(False, 20), (True, 100)])
def test_a_plugin_over_its_deadline_has_ended(started: bool, took: int) -> None:
    world = open_stage(SCORE)
    if started:
        world.report("Score", State.IN_PROGRESS)
    world.clock.forward(took)
    world.open()
    [ended] = world.journal.of(PluginEnded)
    assert (ended.state, ended.took) == (State.ERROR, seconds(took))
    assert [closed.state for closed in world.journal.of(StageClosed)] == [State.ERROR]


def test_the_end_of_a_run_closes_its_stages_and_is_no_plugins_error() -> None:
    world = open_stage(plugin("A"))
    world.report("A", State.IN_PROGRESS)
    world.clock.forward(60)
    world.cancel("sent twice")
    assert not world.journal.of(PluginEnded)
    [closed], [ended] = world.journal.of(StageClosed), world.journal.of(RunEnded)
    assert (closed.state, closed.took) == (State.ERROR, seconds(60))
    assert (ended.ending, ended.took) == (Ending.CANCELLED, seconds(60))


def test_only_a_plugin_that_is_expected_is_known_to_be_one_of_few() -> None:
    world = open_stage(replace(SCORE, sender_role_ids=("AROASCORE",)))
    world.report_all([received("Score", sender="AROAOTHER:x"), received("Stranger")])
    refusals = {refused.about["plugin"]: refused.expected for refused in world.journal.of(ReportRefused)}
    assert refusals == {"Score": True, "Stranger": False}
