"""Runs in progress are counted; that one is overdue is said once, and so is that it is so no more."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.overdue import CLAIM_HOLDS
from orchestrator_runtime.protocol.watch_runs import MOST_ALERTS, WatchFailedError
from tests.rules.calls import Crash
from tests.rules.watching import EXPECTED, YEAR, Watch, overdue
from tests.rules.world import WORKFLOW, plugin

STALE = CLAIM_HOLDS.total_seconds()


def test_a_run_is_overdue_when_its_time_is_over_and_not_before() -> None:
    watch = Watch()
    ref = watch.start()
    watch.clock.forward(EXPECTED - 0.001)
    assert watch.look().announced == []
    assert watch.counted() == watch.counted(WORKFLOW) == (1, 0)
    watch.clock.forward(0.001)
    assert watch.look().announced == [ref]
    assert watch.counted() == watch.counted(WORKFLOW) == (1, 1)
    assert watch.said == ["overdue q-1 1"]
    assert watch.journal.told == [(watch.ids[0], ref)]


def test_it_is_said_once_over_many_passes() -> None:
    watch, _ = overdue()
    for _ in range(5):
        watch.look()
        watch.clock.forward(60)
    assert watch.said == ["overdue q-1 1"]
    assert watch.counted() == (1, 1)


@pytest.mark.parametrize("state", [State.COMPLETE, State.ERROR])
def test_its_end_is_said_once(state: State) -> None:
    watch, ref = overdue()
    watch.look()
    watch.clock.forward(60)
    watch.end(ref, state)
    assert watch.look().ended == [ref]
    watch.clock.forward(STALE)
    assert watch.look().ended == []
    assert watch.said == ["overdue q-1 1", "overdue-ended q-1 1"]
    assert watch.journal.told[1] == (watch.ids[1], ref)
    told = watch.alerts.published[1].document
    assert (told["outcome"], told["state"], told["took_seconds"]) == ("ended", state, EXPECTED + 60)
    assert watch.announcements.all() == []
    assert watch.counted() == (0, 0)


def test_of_a_run_that_was_never_overdue_nothing_is_said() -> None:
    watch = Watch()
    ref = watch.start()
    watch.look()
    watch.end(ref)
    watch.look()
    assert watch.said == []


def test_a_run_whose_end_is_not_finished_is_counted_and_not_announced() -> None:
    watch, ref = overdue()
    watch.end(ref, State.ERROR, finish=False)
    watch.look()
    assert watch.counted() == (1, 1)
    assert watch.said == []


def test_an_end_that_is_not_finished_is_said_when_it_is() -> None:
    watch, ref = overdue()
    watch.look()
    watch.end(ref, State.ERROR, finish=False)
    watch.look()
    assert watch.said == ["overdue q-1 1"]
    watch.status.finish_end(ref, execution="arn:1")
    watch.look()
    assert watch.said == ["overdue q-1 1", "overdue-ended q-1 1"]


def test_a_run_that_is_resumed_between_index_and_row_is_not_announced_for_its_former_attempt() -> None:
    watch, _ = overdue()
    watch.calls.meanwhile("status.get_run", lambda: watch.start(attempt=2))
    watch.look()
    assert watch.said == []


def test_the_next_attempt_is_announced_anew() -> None:
    watch, _ = overdue()
    watch.look()
    watch.start(attempt=2)
    watch.look()
    assert watch.said == ["overdue q-1 1", "overdue-ended q-1 1"]
    told = watch.alerts.published[1].document
    assert (told["outcome"], told["by"]["attempt"], told["execution"]) == ("resumed", 2, "arn:1")
    watch.clock.forward(EXPECTED)
    watch.look()
    assert watch.said[2:] == ["overdue q-1 2"]


def test_a_run_that_is_gone_is_said_to_be_so() -> None:
    watch, ref = overdue()
    watch.look()
    del watch.status.runs.items[ref.uid, ref.path]
    watch.look()
    assert watch.said == ["overdue q-1 1", "overdue-ended q-1 1"]
    assert watch.alerts.published[1].document["outcome"] == "gone"


def test_of_a_run_that_has_expired_nothing_is_known_any_more() -> None:
    watch, _ = overdue()
    watch.look()
    watch.clock.forward(YEAR)
    watch.look()
    assert watch.said == ["overdue q-1 1"]


def test_a_run_that_may_take_longer_now_is_overdue_no_more_and_may_be_so_again() -> None:
    watch, _ = overdue()
    watch.look()
    watch.workflows.workflows[WORKFLOW] = str(2 * EXPECTED)
    watch.look()
    assert watch.said == ["overdue q-1 1", "overdue-ended q-1 1"]
    told = watch.alerts.published[1].document
    assert (told["outcome"], told["now_expected_seconds"]) == ("not-overdue", 2 * EXPECTED)
    assert watch.counted() == (1, 0)
    watch.clock.forward(EXPECTED)
    watch.look()
    assert watch.said[2:] == ["overdue q-1 1"]
    assert len({*watch.ids}) == 3, "it is something new to say"


@pytest.mark.parametrize("published", [{}, {WORKFLOW: None}], ids=["not deployed any more", "without a duration"])
def test_a_run_of_a_workflow_that_expects_nothing_any_more_is_overdue_no_more(published: dict[str, None]) -> None:
    watch, ref = overdue()
    watch.look()
    watch.workflows.workflows = {**published}
    assert watch.look().ended == [ref]
    assert watch.alerts.published[1].document["now_expected_seconds"] is None
    assert watch.counted(WORKFLOW) == (1, 0)


def test_a_run_that_the_index_does_not_show_for_a_moment_stays_overdue() -> None:
    watch, ref = overdue()
    watch.look()
    watch.active.hidden.add(ref)
    watch.look()
    watch.active.hidden.clear()
    watch.look()
    assert watch.said == ["overdue q-1 1"]


@pytest.mark.parametrize("ordinal", range(3))
def test_what_a_dead_pass_left_unsaid_is_said_by_another_when_its_claim_is_over(ordinal: int) -> None:
    watch, _ = overdue()
    watch.calls.crash_at(ordinal)
    with pytest.raises(Crash):
        watch.look()
    published, claimed = ordinal == 2, ordinal > 0
    watch.clock.forward(STALE - 1)
    watch.look()
    assert len(watch.said) == (1 if published or not claimed else 0)
    watch.clock.forward(1)
    for _ in range(3):
        watch.look()
    assert watch.said == ["overdue q-1 1"] * (2 if published else 1)
    assert len({*watch.ids}) == 1, "who heard it twice can tell"


@pytest.mark.parametrize("ordinal", range(3))
def test_an_end_that_a_dead_pass_left_unsaid_is_said_by_another(ordinal: int) -> None:
    watch, ref = overdue()
    watch.look()
    watch.end(ref)
    watch.calls.crash_at(ordinal)
    with pytest.raises(Crash):
        watch.look()
    published, claimed = ordinal == 2, ordinal > 0
    watch.clock.forward(STALE - 1)
    watch.look()
    assert len(watch.said) == (2 if published or not claimed else 1)
    watch.clock.forward(1)
    for _ in range(3):
        watch.look()
    assert watch.said[1:] == ["overdue-ended q-1 1"] * (2 if published else 1)
    assert len({*watch.ids}) == 2
    assert watch.announcements.all() == []


def test_the_end_of_a_run_whose_announcement_died_half_way_is_said_when_that_claim_is_over() -> None:
    watch, ref = overdue()
    watch.calls.crash_at(1)
    with pytest.raises(Crash):
        watch.look()
    watch.end(ref)
    watch.look()
    assert watch.said == []
    watch.clock.forward(STALE)
    watch.look()
    assert watch.said == ["overdue-ended q-1 1"]
    assert watch.announcements.all() == []


def dies_after_claiming(watch: Watch) -> None:
    """Another pass claims, and dies before it publishes."""
    watch.calls.crash_at(1)
    with suppress(Crash):
        watch.look()


def test_what_another_pass_has_claimed_and_not_said_yet_is_left_to_it() -> None:
    watch, _ = overdue()
    watch.calls.meanwhile("announcements.claim", lambda: dies_after_claiming(watch))
    watch.look()
    assert watch.said == []
    watch.calls.log.clear()
    watch.clock.forward(STALE - 1)
    watch.look()
    assert "status.get_run" not in watch.calls.log, "there is nothing to look for"
    watch.clock.forward(1)
    watch.look()
    assert watch.said == ["overdue q-1 1"]


def test_the_end_that_another_pass_has_claimed_and_not_said_yet_is_left_to_it() -> None:
    watch, ref = overdue()
    watch.look()
    watch.end(ref)
    watch.calls.meanwhile("announcements.claim_end", lambda: dies_after_claiming(watch))
    watch.look()
    assert watch.said == ["overdue q-1 1"]
    watch.calls.log.clear()
    watch.clock.forward(STALE - 1)
    watch.look()
    assert "status.get_run" not in watch.calls.log
    watch.clock.forward(1)
    watch.look()
    assert watch.said == ["overdue q-1 1", "overdue-ended q-1 1"]


CALLS = ("status.get_run", "announcements.claim", "alerts.publish", "announcements.confirm")


@pytest.mark.parametrize("call", ["announcements.all", "active.started_until", *CALLS])
def test_of_two_passes_at_once_one_says_it(call: str) -> None:
    watch, _ = overdue()
    watch.calls.meanwhile(call, watch.look)
    watch.look()
    assert watch.said == ["overdue q-1 1"]


@pytest.mark.parametrize(
    "call",
    [
        "announcements.all",
        "status.get_run",
        "announcements.claim_end",
        "alerts.publish",
        "announcements.forget",
    ],
)
def test_of_two_passes_at_once_one_says_that_it_is_over(call: str) -> None:
    watch, ref = overdue()
    watch.look()
    watch.end(ref)
    watch.calls.meanwhile(call, watch.look)
    watch.look()
    assert watch.said == ["overdue q-1 1", "overdue-ended q-1 1"]
    assert watch.announcements.all() == []


def test_a_pass_says_a_hundred_things_and_counts_all() -> None:
    watch = Watch()
    refs = [watch.start(f"q-{number:03}") for number in range(2 * MOST_ALERTS + 1)]
    watch.clock.forward(EXPECTED)
    watch.look()
    assert (len(watch.said), watch.counted()) == (MOST_ALERTS, (len(refs), len(refs)))
    watch.look()
    watch.look()
    assert len(watch.said) == len({*watch.ids}) == len(refs)
    for ref in refs:
        watch.end(ref)
    watch.look()
    assert len(watch.said) == len(refs) + MOST_ALERTS


def test_a_workflow_with_many_overdue_runs_does_not_hold_up_another() -> None:
    watch = Watch()
    watch.workflows.workflows["Zebra"] = str(EXPECTED)
    for number in range(3 * MOST_ALERTS):
        watch.start(f"q-{number:03}")
    last = watch.start("z-1", "Zebra")
    watch.clock.forward(EXPECTED)
    assert watch.look().announced[1] == last


def test_who_has_ended_takes_no_other_run_s_place() -> None:
    watch = Watch()
    for number in range(MOST_ALERTS):
        watch.end(watch.start(f"q-{number:03}"), State.ERROR, finish=False)
    last = watch.start("z-1")
    watch.clock.forward(EXPECTED)
    assert watch.look().announced == [last]


def test_a_pass_looks_at_a_thousand_runs_of_a_workflow_at_most() -> None:
    watch = Watch()
    for number in range(10 * MOST_ALERTS + 1):
        watch.end(watch.start(f"q-{number:04}"), State.ERROR, finish=False)
    watch.clock.forward(EXPECTED)
    watch.look()
    assert watch.calls.log.count("status.get_run") == 10 * MOST_ALERTS
    assert watch.counted() == (10 * MOST_ALERTS + 1, 10 * MOST_ALERTS + 1)


def test_every_workflow_is_counted_zero_too() -> None:
    watch = Watch()
    watch.workflows.workflows |= {"Quiet": None, "Calm": "60"}
    watch.start("q-1", "Unpublished")
    watch.start("q-2")
    watch.look()
    assert {name: watch.counted(name) for name in ("Quiet", "Calm", "Unpublished", WORKFLOW, None)} == {
        "Quiet": (0, 0),
        "Calm": (0, 0),
        "Unpublished": (1, 0),
        WORKFLOW: (1, 0),
        None: (2, 0),
    }


def test_a_duration_that_is_none_is_one_workflow_s_trouble() -> None:
    watch, ref = overdue()
    watch.workflows.workflows = {"Broken": "soon", **watch.workflows.workflows}
    watch.start("q-2", "Broken")
    with pytest.raises(WatchFailedError, match="1 errors, each of them logged: Broken"):
        watch.look()
    assert watch.said == ["overdue q-1 1"]
    assert (watch.counted("Broken"), watch.counted(WORKFLOW)) == ((1, None), (1, 1))
    assert watch.counted() == (2, None), "nothing is better than a wrong number"
    [(error, about)] = watch.journal.errors
    assert about == {"workflow": "Broken"}
    assert "of Broken is published as 'soon'" in str(error)
    assert ref in {told for _, told in watch.journal.told}


def test_who_cannot_be_judged_is_not_said_to_be_overdue_no_more() -> None:
    watch, _ = overdue()
    watch.look()
    watch.workflows.workflows[WORKFLOW] = ""
    with pytest.raises(WatchFailedError):
        watch.look()
    assert watch.said == ["overdue q-1 1"]


def test_alerts_that_do_not_come_through_are_tried_again_and_hold_up_nobody() -> None:
    watch, _ = overdue()
    watch.workflows.workflows["Zebra"] = str(EXPECTED)
    for number in range(5):
        watch.start(f"z-{number}", "Zebra", started_at=watch.clock.now - timedelta(seconds=EXPECTED))
    watch.alerts.refused = {WORKFLOW, "Zebra"}
    with pytest.raises(WatchFailedError, match="4 errors, each of them logged: NewBusiness, Zebra"):
        watch.look()
    assert watch.counted() == (6, 6)
    watch.alerts.refused.clear()
    watch.look()
    assert sorted(watch.said) == ["overdue z-3 1", "overdue z-4 1"], "the claims of the others still hold"
    watch.clock.forward(STALE)
    watch.look()
    assert sorted(watch.said) == ["overdue q-1 1", *(f"overdue z-{number} 1" for number in range(5))]


def test_ends_that_do_not_come_through_are_their_workflow_s_trouble() -> None:
    watch = Watch()
    refs = [watch.start(f"q-{number}") for number in range(5)]
    watch.clock.forward(EXPECTED)
    watch.look()
    for ref in refs:
        watch.end(ref)
    watch.alerts.refused = {WORKFLOW}
    with pytest.raises(WatchFailedError, match="3 errors, each of them logged: NewBusiness"):
        watch.look()
    assert [about for _, about in watch.journal.errors] == [{"workflow": WORKFLOW}] * 3


def test_what_cannot_be_counted_is_not_measured_and_the_rest_is_said() -> None:
    watch, _ = overdue()

    def fail() -> None:
        raise ConnectionError

    watch.calls.meanwhile("active.count", fail)
    with pytest.raises(WatchFailedError, match="all workflows"):
        watch.look()
    assert watch.said == ["overdue q-1 1"]
    assert watch.counted() == watch.counted(WORKFLOW) == (None, 1)


def test_an_announcement_says_nothing_of_what_the_run_is_about() -> None:
    watch, ref = overdue()
    run = watch.status.runs.get(ref.uid, ref.path)
    assert run is not None
    watch.status.runs.put(ref.uid, ref.path, replace(run, metadata={"note": "secret"}))
    watch.look()
    watch.end(ref, State.ERROR)
    watch.look()
    assert len(watch.said) == 2
    assert "secret" not in repr(watch.alerts.published)


def test_it_is_said_what_the_run_waits_for_and_whose_it_is() -> None:
    watch = Watch(plugin("A", owner="arn:aws:cloudformation:eu-west-1:123456789012:stack/team-a/1"), plugin("B"))
    watch.world.begin()
    watch.world.advance()
    watch.world.report("A", State.IN_PROGRESS, message="secret", progress=20)
    watch.world.report("B", State.COMPLETE)
    watch.clock.forward(EXPECTED)
    watch.look()
    [alert] = watch.alerts.published
    [stage] = alert.document["waits_for"]
    assert (stage["activity"], stage["stage"], stage["more"]) == ("Rate", "parallel", 0)
    assert [(each["name"], each["progress"], each["stack"]) for each in stage["plugins"]] == [("A", 20, "team-a")]
    assert "secret" not in repr(alert)


def test_the_registry_is_read_once_for_runs_that_wait_for_the_same() -> None:
    watch = Watch(plugin("A"))
    watch.world.begin()
    watch.world.advance()
    for uid in ("q-2", "q-3"):
        ref = watch.world.begin(f"execution-{uid}", uid=uid).stage("Rate", Stage.PARALLEL)
        watch.status.open_stage(ref, now=watch.clock.now, expires_at=watch.clock.epoch + YEAR)
        watch.status.save_plan(ref, watch.world.plan)
    watch.clock.forward(EXPECTED)
    before = watch.world.registry.reads
    watch.look()
    named = [stage["plugins"][0]["name"] for alert in watch.alerts.published for stage in alert.document["waits_for"]]
    assert named == ["A", "A", "A"]
    assert watch.world.registry.reads == before + 1
