"""Releases: claimed, published, confirmed."""

from __future__ import annotations

import json

import pytest

from orchestrator_runtime.contract import State
from tests.rules.calls import Crash
from tests.rules.world import METADATA, PRE, World, open_stage, plugin, present

A, B = plugin("A", order=10), plugin("B", order=20)


def test_all_at_once_releases_everybody_in_one_message() -> None:
    assert open_stage(A, B).dispatched == [["A", "B"]]


def test_one_at_a_time_releases_the_next_when_the_one_before_is_done() -> None:
    world = open_stage(B, A, stage=PRE)
    assert world.dispatched == [["A"]]
    world.report("A", State.IN_PROGRESS)
    assert world.dispatched == [["A"]]
    world.report("A")
    assert world.dispatched == [["A"], ["B"]]


def test_ties_are_released_by_name() -> None:
    world = open_stage(plugin("b"), plugin("a"), plugin("c", order=1))
    assert world.dispatched == [["c", "a", "b"]]


def test_a_wake_releases_nobody_twice() -> None:
    world = open_stage(A, B)
    world.clock.forward(31)
    world.open()
    assert world.dispatched == [["A", "B"]]


def crash_before(world: World, effect: str) -> None:
    def die(name: str) -> None:
        if name == effect:
            raise Crash(name)

    world.calls.effects = die
    with pytest.raises(Crash):
        world.open()
    world.calls.steady()


@pytest.mark.parametrize(("effect", "published"), [("publisher.publish", 1), ("control.confirm", 2)])
def test_a_claim_that_was_not_confirmed_is_claimed_again_after_30_seconds(effect: str, published: int) -> None:
    world = World(A)
    world.begin()
    crash_before(world, effect)
    world.clock.forward(29)
    world.open()
    assert len(world.dispatched) == published - 1
    world.clock.forward(1)
    world.open()
    assert world.dispatched == [["A"]] * published
    assert present(world.item.dispatch).published_at is not None


def test_of_two_handlers_that_release_one_does() -> None:
    world = World(A)
    world.begin()

    def another() -> None:
        world.clock.forward(0.001)
        world.open()

    world.calls.meanwhile("control.enter", another)
    world.open()
    assert world.dispatched == [["A"]]


def test_a_run_that_ended_meanwhile_releases_nothing() -> None:
    world = World(A)
    world.begin()
    world.calls.meanwhile("control.enter", lambda: world.end(error="Broken"))
    world.open()
    assert world.dispatched == []


def test_a_report_in_an_ended_run_releases_nothing() -> None:
    world = open_stage(A, B, stage=PRE)
    world.end(error="Broken")
    world.report("A")
    assert world.dispatched == [["A"]]


def test_a_report_releases_nothing_when_the_run_row_says_that_it_ended() -> None:
    world = open_stage(A, B, stage=PRE)
    world.calls.crash_at(1)  # after the run's row, before its stages' rows
    with pytest.raises(Crash):
        world.end(error="Broken")
    world.report("A")
    assert world.dispatched == [["A"]]


def test_a_report_counts_though_its_release_was_not_confirmed() -> None:
    world = World(A)
    world.begin()
    crash_before(world, "control.confirm")
    world.report("A")
    assert present(world.outcome).state is State.COMPLETE


def test_a_stale_claim_calls_only_who_is_still_open() -> None:
    world = World(A, B)
    world.begin()
    crash_before(world, "control.confirm")
    world.report("A")
    world.clock.forward(30)
    world.open()
    assert world.dispatched == [["A", "B"], ["B"]]


def test_the_message_carries_what_plugins_need() -> None:
    world = World(plugin("A", filter_policy={"premium": [{"numeric": [">", 1000]}]}))
    world.begin()
    world.open()
    message = world.publisher.messages[0]
    assert json.loads(message.body) == {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "attempt": 1,
        "activity": "Rate",
        "stage": "parallel",
        "now": "2026-11-24T09:30:00.000Z",
        "metadata": METADATA,
        "outputs": {},
        "report_to": "https://sqs/results",
        "plugins": ["A"],
    }
    assert list(message.attributes) == ["workflow", "plugins", "premium"]
