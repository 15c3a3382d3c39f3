"""Due times: never later than the earliest deadline, enforced by the check at any age of the stage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.activity import DISPATCH_AGAIN_EVERY
from orchestrator_runtime.core.plan import SETTLES_AFTER
from tests.rules.calls import Crash
from tests.rules.world import POST, PRE, UID, World, open_stage, plugin, present

SCORE = plugin("Score", start_within_seconds=20, timeout_seconds=100)
SLOW = plugin("Slow", start_within_seconds=60, timeout_seconds=7 * 86_400)


def due_in(world: World) -> float:
    return (present(world.item.due_at) - world.clock.now).total_seconds()


def crash_before(effect: str) -> Callable[[str], None]:
    def die(name: str) -> None:
        if name == effect:
            raise Crash(name)

    return die


def test_an_activity_is_due_at_its_earliest_deadline() -> None:
    assert due_in(open_stage(SLOW, SCORE)) == 20


def test_nothing_is_due_before_its_time() -> None:
    world = open_stage(SCORE)
    world.clock.forward(19)
    world.calls.log.clear()
    assert world.check_deadlines().checked == 0
    assert world.calls.log == ["control.due"]


def test_a_deadline_is_enforced_by_the_check() -> None:
    world = open_stage(SCORE)
    world.clock.forward(20)
    world.check_deadlines()
    assert present(world.row("Score")).state is State.ERROR
    assert [signal.cause for signal in world.answered] == [
        "Rate/parallel: Score: did not report a start within 20 s; dispatched at 2026-11-24T09:30:00Z"
    ]
    assert world.item.due_at is None


def test_a_start_postpones_the_due_time_to_the_timeout() -> None:
    world = open_stage(SCORE)
    world.clock.forward(15)
    world.report("Score", State.IN_PROGRESS)
    world.clock.forward(5)
    world.check_deadlines()
    assert due_in(world) == 95


def test_a_report_leaves_the_due_time_alone() -> None:
    world = open_stage(SCORE, SLOW)
    before = world.item.due_at
    world.report("Score")
    assert world.item.due_at == before
    world.clock.forward(30)
    world.check_deadlines()
    assert due_in(world) == 30


def test_a_deadline_is_enforced_at_any_age_of_the_stage() -> None:
    world = open_stage(SLOW)
    world.report("Slow", State.IN_PROGRESS)
    for _ in range(7 * 24):
        world.clock.forward(3600)
        world.check_deadlines()
        if world.state("Slow") is State.ERROR:
            break
    assert (world.clock.now - world.plan.opened_at) == timedelta(days=7)


def test_a_dispatch_lowers_the_due_time_and_never_raises_it() -> None:
    first = plugin("First", order=1, reports_start=False, timeout_seconds=500)
    long, short = plugin("Long", order=2, reports_start=False, timeout_seconds=5_000), replace(SCORE, order=3)
    world = open_stage(first, long, short, stage=PRE)
    world.report("First")
    assert due_in(world) == 500, "the check raises it"
    world.report("Long")
    assert due_in(world) == 20


def test_the_next_stage_lowers_the_due_time() -> None:
    world = open_stage(replace(SLOW, stage=PRE), replace(SCORE, subscription_arn="arn:score"))
    assert due_in(world) == 60
    world.clock.forward(1)
    world.report("Slow", stage=PRE)
    assert due_in(world) == 20


def test_a_due_time_that_was_raised_meanwhile_delays_no_deadline() -> None:
    """The check raised it after the handler of the report had read it."""
    first, second = plugin("First", order=1, timeout_seconds=5_000), replace(SCORE, order=2)
    world = open_stage(first, second, stage=PRE)
    world.report("First", State.IN_PROGRESS)
    world.clock.forward(60)

    def check() -> None:
        world.clock.forward(1)
        world.check_deadlines()

    world.calls.meanwhile("control.claim", check)
    world.report("First")
    assert world.dispatched == [["First"], ["Score"]]
    assert due_in(world) <= 20


def test_a_check_does_not_postpone_what_another_handler_dispatches_meanwhile() -> None:
    """It looks twice where the activity has moved on; what is dispatched after that is due by its own deadline."""
    first, second = (plugin(name, order=order, timeout_seconds=5_000) for order, name in enumerate(("First", "Second")))
    world = open_stage(first, second, replace(SCORE, order=3), stage=PRE)
    world.clock.forward(50)
    world.report("First", State.IN_PROGRESS)
    world.clock.forward(10)

    def dispatch_the_second() -> None:
        world.report("First")
        world.report("Second", State.IN_PROGRESS)
        world.clock.forward(1)
        world.calls.meanwhile("control.get", lambda: world.report("Second"))

    world.calls.meanwhile("control.get", dispatch_the_second)
    world.check_deadlines()
    assert world.dispatched == [["First"], ["Second"], ["Score"]]
    assert due_in(world) <= 20


def test_a_finished_activity_is_not_due() -> None:
    world = open_stage(SCORE)
    world.report("Score")
    assert world.item.due_at is None


def test_an_activity_whose_run_has_ended_is_not_due() -> None:
    world = open_stage(SCORE)
    world.end(error="Broken")
    assert world.item.due_at is None


def test_a_check_ends_an_activity_that_the_end_of_its_run_left_over() -> None:
    world = open_stage(SCORE)
    world.calls.crash_at(1)
    with pytest.raises(BaseException, match=r"control\.end"):
        world.end(error="Broken")
    assert world.item.due_at is not None
    world.clock.forward(20)
    world.check_deadlines()
    ended = world.item
    assert (ended.due_at, ended.run_ended) == (None, True)
    assert world.state("Score") is State.ERROR


def see_the_next_check_complete(world: World, handler: Callable[[], object], effect: int) -> None:
    """A handler dies at one of its effects: the next check answers the task, and nothing stays due."""
    world.calls.crash_at(effect)
    with suppress(Crash):
        handler()
    world.calls.steady()
    world.clock.forward(60)
    world.check_deadlines()
    assert world.item.due_at is None
    assert {signal.token for signal in world.answered} == {"token-1"}
    assert world.check_deadlines().checked == 0


@pytest.mark.parametrize("effect", range(8))
def test_the_next_check_completes_one_that_died(effect: int) -> None:
    """Nobody invokes a check again, and the task would wait for its answer until it times out."""
    world = open_stage(SCORE)
    world.clock.forward(20)
    see_the_next_check_complete(world, world.check_deadlines, effect)
    assert present(world.item.outcome).state is State.ERROR


@pytest.mark.parametrize("effect", range(1, 6))
def test_the_next_check_completes_a_cancel_that_died(effect: int) -> None:
    """Whoever cancelled may not cancel again, and the execution would wait until its task times out."""
    world = open_stage(SCORE)
    see_the_next_check_complete(world, world.cancel, effect)
    assert world.state("Score") is State.ERROR


def test_a_finished_activity_that_is_due_when_its_run_ends_is_taken_out_of_the_index() -> None:
    world = open_stage(SCORE)
    world.clock.forward(20)
    world.calls.effects = crash_before("signals.fail")
    with suppress(Crash):
        world.check_deadlines()
    world.calls.steady()
    assert world.item.due_at is not None
    world.end(error="Broken")
    assert world.item.due_at is None


def test_the_earliest_due_time_comes_first_and_what_there_is_no_time_for_stays_due() -> None:
    world = World(SCORE, replace(SLOW, activity="Validate", subscription_arn="arn:slow"))
    world.begin()
    world.open("Validate")
    world.open()
    world.clock.forward(60)
    turns = iter([True, False])
    checked = world.check_deadlines(has_time=lambda: next(turns))
    assert (checked.checked, checked.left) == (1, True)
    assert world.state("Score") is State.ERROR
    assert world.control.rows.get(UID, "NewBusiness/Validate/") is not None
    assert world.check_deadlines().checked == 1
    assert present(world.status.plugins.get(UID, "NewBusiness/Validate/parallel/Slow/")).state is State.ERROR


def test_an_activity_whose_check_fails_does_not_delay_the_others() -> None:
    world = World(SCORE, replace(SCORE, activity="Validate", subscription_arn="arn:slow"))
    world.begin()
    world.open("Validate")
    world.open()
    world.clock.forward(20)

    def broken() -> None:
        raise RuntimeError("throttled")

    world.calls.meanwhile("status.load_stage", broken)
    checked = world.check_deadlines()
    assert (checked.checked, checked.failed) == (2, 1)
    assert world.state("Score") is State.ERROR
    assert [str(error) for error, _ in world.journal.errors] == ["throttled"]
    left = present(world.control.rows.get(UID, "NewBusiness/Validate/"))
    assert present(left.due_at) == world.clock.now + timedelta(minutes=1)


def test_an_index_that_lags_behind_leads_to_nothing() -> None:
    world = open_stage(SCORE)
    world.clock.forward(20)
    world.calls.meanwhile("control.find", lambda: world.report("Score"))
    world.check_deadlines()
    assert world.state("Score") is State.COMPLETE
    assert len(world.signals.sent) == 1


# Subscriptions that SNS does not deliver to yet


def test_a_plugin_with_a_new_subscription_is_dispatched_again_until_it_reports() -> None:
    world = World(plugin("New"), plugin("Old"))
    world.registry.change(replace(plugin("New"), seen_at=world.clock.now, timeout_seconds=86_400, reports_start=False))
    world.registry.change(replace(plugin("Old"), timeout_seconds=86_400, reports_start=False))
    world.begin()
    world.open()
    assert due_in(world) == DISPATCH_AGAIN_EVERY.total_seconds()
    for _ in range(2):
        world.clock.forward(due_in(world))
        world.check_deadlines()
    assert world.dispatched == [["New", "Old"], ["New"], ["New"]]
    world.report("New", State.IN_PROGRESS)
    world.clock.forward(due_in(world))
    world.check_deadlines()
    assert len(world.dispatched) == 3


def test_dispatching_again_ends_when_sns_is_certain_to_deliver() -> None:
    world = World()
    world.registry.change(replace(plugin("New"), seen_at=world.clock.now, timeout_seconds=3_600, reports_start=False))
    world.begin()
    world.open()
    while due_in(world) < 1_000:
        world.clock.forward(due_in(world))
        world.check_deadlines()
    assert len(world.dispatched) == 1 + SETTLES_AFTER // DISPATCH_AGAIN_EVERY
    assert present(present(world.item.dispatch).published_at) >= world.plan.opened_at + SETTLES_AFTER


def test_the_deadline_of_a_new_subscription_counts_from_when_sns_delivers() -> None:
    world = World()
    world.registry.change(replace(SCORE, seen_at=world.clock.now))
    world.begin()
    world.open()
    while world.state("Score") is None:
        world.clock.forward(60)
        world.check_deadlines()
    assert world.clock.now - world.plan.opened_at >= SETTLES_AFTER


def test_a_claim_that_was_never_published_is_found_by_its_due_time() -> None:
    world = World(replace(SCORE, stage=POST))
    world.begin()
    world.calls.crash_at(3)
    with pytest.raises(BaseException, match=r"publisher\.publish"):
        world.open()
    world.clock.forward(30)
    world.check_deadlines()
    assert world.dispatched == [["Score"]]
    assert due_in(world) == 20
