"""Tokens and closing: no outcome is written without somebody to hear it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.records import Outcome
from tests.rules.calls import START, Crash
from tests.rules.world import World, open_stage, plugin, received

A, B = plugin("A"), plugin("B")


def test_the_token_is_stored_before_the_item_is_created_or_read() -> None:
    world = open_stage(A)
    assert world.calls.log.index("control.store_token") < world.calls.log.index("control.enter")
    world.calls.log.clear()
    world.open()
    stored = world.calls.log.index("control.store_token")
    assert "control.get" in world.calls.log[stored:]


def test_the_outcome_is_stored_before_the_token_is_read() -> None:
    world = open_stage(A)
    world.calls.log.clear()
    world.report("A")
    log = world.calls.log
    assert log.index("status.close_stage") < log.index("control.finish") < log.index("control.get_token")
    assert log.index("control.get_token") < log.index("signals.succeed")


@pytest.mark.parametrize("before", ["control.store_token", "status.get_run", "status.load_stage"])
def test_a_report_between_any_two_steps_of_a_wake_is_heard(before: str) -> None:
    world = open_stage(A)
    world.calls.meanwhile(before, lambda: world.report("A"))
    world.open()
    assert [signal.error for signal in world.answered] == [None]


@pytest.mark.parametrize("before", ["publisher.publish", "control.confirm"])
def test_a_report_while_the_stage_opens_is_heard_by_the_next_wake_at_the_latest(before: str) -> None:
    world = World(A)
    world.begin()
    world.calls.meanwhile(before, lambda: world.report("A"))
    world.open()
    if not world.answered:
        world.open()
    assert [signal.error for signal in world.answered] == [None]


def test_a_zombie_with_an_earlier_rank_changes_nothing() -> None:
    world = open_stage(A)
    world.open(token="later")
    world.calls.log.clear()
    world.clock.forward(10_000)
    world.open(token="zombie", entered=START)
    assert world.token == "later"
    assert world.calls.log == ["status.get_run", "control.get", "control.store_token"]
    assert world.outcome is None


def test_a_zombie_of_the_same_entry_with_an_earlier_retry_changes_nothing() -> None:
    world = World(A)
    world.begin()
    world.open(token="second try", entered=START, retry=1)
    world.open(token="first try", entered=START, retry=0)
    assert world.token == "second try"


def test_the_attempt_outranks_the_time_of_entry() -> None:
    world = open_stage(A)
    world.end(error="Broken")
    world.begin("two")
    world.open(token="new", entered=START - timedelta(days=1))
    assert world.token == "new"


def test_the_tenth_retry_comes_after_the_ninth() -> None:
    world = World(A)
    world.begin()
    world.open(token="ninth", entered=START, retry=9)
    world.open(token="tenth", entered=START, retry=10)
    assert world.token == "tenth"


def test_on_a_dead_token_the_one_that_took_its_place_is_used() -> None:
    world = open_stage(A)
    world.signals.alive.clear()

    def wake_that_read_before_the_outcome() -> None:
        world.signals.alive.add("next")
        world.control.store_token(
            world.ref().of_activity, token="next", rank="000000001.9", expires_at=world.run.expires_at
        )

    world.calls.meanwhile("signals.succeed", wake_that_read_before_the_outcome)
    world.report("A")
    assert [(signal.token, signal.alive) for signal in world.signals.sent] == [("token-1", False), ("next", True)]


def test_a_dead_token_that_nobody_replaced_is_tried_once() -> None:
    world = open_stage(A)
    world.signals.alive.clear()
    world.report("A")
    assert len(world.signals.sent) == 1


def test_a_lost_signal_is_sent_again_by_the_next_wake() -> None:
    world = open_stage(A)
    world.signals.alive.clear()
    world.report("A", State.ERROR, message="no rate")
    assert not world.answered
    token = world.open()
    assert [(signal.token, signal.cause) for signal in world.answered] == [(token, "Rate/parallel: A: no rate")]


def test_a_crash_between_outcome_and_signal_is_healed_by_the_next_wake() -> None:
    world = open_stage(A)
    world.calls.crash_at(4)
    with pytest.raises(Crash, match=r"signals\.succeed"):
        world.report("A")
    assert world.outcome is not None
    world.open()
    assert len(world.answered) == 1


def test_an_outcome_is_written_once_and_the_stored_one_is_signalled() -> None:
    world = open_stage(A, B)
    stored = Outcome(state=State.ERROR, message="as stored")
    now, expires_at = world.clock.now, world.run.expires_at
    world.calls.meanwhile(
        "status.close_stage",
        lambda: world.status.close_stage(world.ref(), stored, started_at=now, now=now, expires_at=expires_at),
    )
    world.report("A")
    world.report("B")
    assert world.outcome == stored
    assert [signal.cause for signal in world.signals.sent] == ["Rate/parallel: as stored"]


def test_a_report_after_the_outcome_does_not_change_it() -> None:
    world = open_stage(A, B)
    world.report("A", State.ERROR)
    before = world.outcome
    world.report("B")
    assert world.state("B") is State.COMPLETE
    assert world.outcome == before


def test_a_cause_stays_below_what_step_functions_takes() -> None:
    names = [f"P{i:02}" for i in range(40)]
    world = open_stage(*[plugin(name) for name in names])
    world.report_all([received(name, State.ERROR, message="m" * 2_000) for name in names])
    cause = world.answered[-1].cause
    assert "and 35 more" in cause
    assert len(cause) < 32_768
