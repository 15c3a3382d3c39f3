"""Runs in progress are counted; an overdue run is announced once, and once more when it no longer is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.protocol.watch_runs import MOST_ALERTS, WatchFailedError
from tests.rules.calls import Crash
from tests.rules.watching import EXPECTED, YEAR, Watch, overdue
from tests.rules.world import WORKFLOW, plugin

# One run


def test_run_is_overdue_once_its_expected_duration_has_passed() -> None:
    watch = Watch()
    ref = watch.start()
    watch.clock.forward(EXPECTED - 0.001)
    assert watch.run().announced == []
    assert watch.counted() == watch.counted(WORKFLOW) == (1, 0)
    watch.clock.forward(0.001)
    assert watch.run().announced == [ref]
    assert watch.counted() == watch.counted(WORKFLOW) == (1, 1)
    assert watch.published == ["overdue q-1 1"]
    assert watch.journal.alerts == [(watch.ids[0], ref)]


def test_overdue_run_is_announced_once() -> None:
    watch, _ = overdue()
    for _ in range(5):
        watch.run()
        watch.clock.forward(60)
    assert watch.published == ["overdue q-1 1"]
    assert watch.counted() == (1, 1)


@pytest.mark.parametrize("state", [State.COMPLETE, State.ERROR])
def test_end_of_an_overdue_run_is_announced_once(state: State) -> None:
    watch, ref = overdue()
    watch.run()
    watch.clock.forward(60)
    watch.end(ref, state)
    assert watch.run().ended == [ref]
    assert watch.run().ended == []
    assert watch.published == ["overdue q-1 1", "overdue-ended q-1 1"]
    assert watch.journal.alerts[1] == (watch.ids[1], ref)
    document = watch.alerts.published[1].document
    assert (document["outcome"], document["state"], document["took_seconds"]) == ("ended", state, EXPECTED + 60)
    assert watch.announcements.all() == []
    assert watch.counted() == (0, 0)


def test_run_that_ends_in_time_is_not_announced() -> None:
    watch = Watch()
    ref = watch.start()
    watch.run()
    watch.end(ref)
    watch.run()
    assert watch.published == []


def test_run_with_an_unfinished_end_is_counted_and_not_announced() -> None:
    watch, ref = overdue()
    watch.end(ref, State.ERROR, finish=False)
    watch.run()
    assert watch.counted() == (1, 1)
    assert watch.published == []


def test_unfinished_end_is_announced_when_it_is_finished() -> None:
    watch, ref = overdue()
    watch.run()
    watch.end(ref, State.ERROR, finish=False)
    watch.run()
    assert watch.published == ["overdue q-1 1"]
    watch.status.finish_end(ref, execution="arn:1")
    watch.run()
    assert watch.published == ["overdue q-1 1", "overdue-ended q-1 1"]


def test_run_that_is_resumed_meanwhile_is_not_announced_for_its_earlier_attempt() -> None:
    watch, _ = overdue()
    watch.calls.meanwhile("status.get_run", lambda: watch.start(attempt=2))
    watch.run()
    assert watch.published == []


def test_each_attempt_is_announced() -> None:
    watch, _ = overdue()
    watch.run()
    watch.start(attempt=2)
    watch.run()
    assert watch.published == ["overdue q-1 1", "overdue-ended q-1 1"]
    document = watch.alerts.published[1].document
    assert (document["outcome"], document["by"]["attempt"], document["execution"]) == ("resumed", 2, "arn:1")
    watch.clock.forward(EXPECTED)
    watch.run()
    assert watch.published[2:] == ["overdue q-1 2"]


def test_deleted_run_is_announced_as_gone() -> None:
    watch, ref = overdue()
    watch.run()
    del watch.status.runs.items[ref.uid, ref.path]
    watch.run()
    assert watch.published == ["overdue q-1 1", "overdue-ended q-1 1"]
    assert watch.alerts.published[1].document["outcome"] == "gone"


def test_announcement_expires_with_its_run() -> None:
    watch, _ = overdue()
    watch.run()
    watch.clock.forward(YEAR)
    watch.run()
    assert watch.published == ["overdue q-1 1"]


def test_run_that_is_allowed_more_time_can_become_overdue_again() -> None:
    watch, _ = overdue()
    watch.run()
    watch.workflows.workflows[WORKFLOW] = str(2 * EXPECTED)
    watch.run()
    assert watch.published == ["overdue q-1 1", "overdue-ended q-1 1"]
    document = watch.alerts.published[1].document
    assert (document["outcome"], document["now_expected_seconds"]) == ("not-overdue", 2 * EXPECTED)
    assert watch.counted() == (1, 0)
    watch.clock.forward(EXPECTED)
    watch.run()
    assert watch.published[2:] == ["overdue q-1 1"]
    assert len({*watch.ids}) == 3, "the last alert does not repeat the first"


@pytest.mark.parametrize("published", [{}, {WORKFLOW: None}], ids=["workflow removed", "without a duration"])
def test_run_without_an_expected_duration_is_no_longer_overdue(published: dict[str, None]) -> None:
    watch, ref = overdue()
    watch.run()
    watch.workflows.workflows = {**published}
    assert watch.run().ended == [ref]
    assert watch.alerts.published[1].document["now_expected_seconds"] is None
    assert watch.counted(WORKFLOW) == (1, 0)


def test_overdue_run_that_the_index_misses_for_a_moment_stays_overdue() -> None:
    watch, ref = overdue()
    watch.run()
    watch.active.hidden.add(ref)
    watch.run()
    watch.active.hidden.clear()
    watch.run()
    assert watch.published == ["overdue q-1 1"]


# Crashes, and two invocations at the same time


@pytest.mark.parametrize(("effect", "times"), [(0, 1), (1, 2)], ids=["before publishing", "after publishing"])
def test_crash_repeats_an_alert_at_most_and_with_the_same_id(effect: int, times: int) -> None:
    watch, ref = overdue()
    watch.calls.crash_at(effect)
    with pytest.raises(Crash):
        watch.run()
    watch.clock.forward(60)
    watch.run()
    watch.run()
    assert watch.published == ["overdue q-1 1"] * times
    watch.end(ref)
    watch.calls.crash_at(effect)
    with pytest.raises(Crash):
        watch.run()
    watch.clock.forward(60)
    watch.run()
    watch.run()
    assert watch.published[times:] == ["overdue-ended q-1 1"] * times
    assert len({*watch.ids}) == 2
    assert watch.announcements.all() == []


def test_run_that_ends_after_a_crash_has_no_second_alert() -> None:
    watch, ref = overdue()
    watch.calls.crash_at(1)
    with pytest.raises(Crash):
        watch.run()
    watch.end(ref)
    watch.run()
    assert watch.published == ["overdue q-1 1"]


@pytest.mark.parametrize("call", ["active.started_until", "status.get_run", "alerts.publish", "announcements.add"])
def test_two_invocations_at_the_same_time_announce_a_run_once(call: str) -> None:
    watch, ref = overdue()
    others = []
    watch.calls.meanwhile(call, lambda: others.append(watch.run()))
    watched = watch.run()
    assert watched.announced + others[0].announced == [ref]
    assert len({*watch.ids}) == len(watch.announcements.all()) == 1


@pytest.mark.parametrize("call", ["status.get_run", "alerts.publish", "announcements.remove"])
def test_two_invocations_at_the_same_time_announce_an_end_once(call: str) -> None:
    watch, ref = overdue()
    watch.run()
    watch.end(ref)
    others = []
    watch.calls.meanwhile(call, lambda: others.append(watch.run()))
    watched = watch.run()
    assert watched.ended + others[0].ended == [ref]
    assert len({*watch.ids}) == 2
    assert watch.announcements.all() == []


# Many runs and workflows


def test_invocation_publishes_a_hundred_alerts_and_counts_all_runs() -> None:
    watch = Watch()
    refs = [watch.start(f"q-{number:03}") for number in range(2 * MOST_ALERTS + 1)]
    watch.clock.forward(EXPECTED)
    watch.run()
    assert (len(watch.published), watch.counted()) == (MOST_ALERTS, (len(refs), len(refs)))
    watch.run()
    watch.run()
    assert len(watch.published) == len({*watch.ids}) == len(refs)
    for ref in refs:
        watch.end(ref)
    watch.run()
    assert len(watch.published) == len(refs) + MOST_ALERTS


def test_workflow_with_many_overdue_runs_does_not_delay_another() -> None:
    watch = Watch()
    watch.workflows.workflows["Zebra"] = str(EXPECTED)
    for number in range(3 * MOST_ALERTS):
        watch.start(f"q-{number:03}")
    last = watch.start("z-1", "Zebra")
    watch.clock.forward(EXPECTED)
    assert watch.run().announced[1] == last


def test_ended_runs_do_not_count_as_alerts() -> None:
    watch = Watch()
    for number in range(MOST_ALERTS):
        watch.end(watch.start(f"q-{number:03}"), State.ERROR, finish=False)
    last = watch.start("z-1")
    watch.clock.forward(EXPECTED)
    assert watch.run().announced == [last]


def test_invocation_reads_at_most_a_thousand_runs_of_a_workflow() -> None:
    watch = Watch()
    for number in range(10 * MOST_ALERTS + 1):
        watch.end(watch.start(f"q-{number:04}"), State.ERROR, finish=False)
    watch.clock.forward(EXPECTED)
    watch.run()
    assert watch.calls.log.count("status.get_run") == 10 * MOST_ALERTS
    assert watch.counted() == (10 * MOST_ALERTS + 1, 10 * MOST_ALERTS + 1)


def test_every_workflow_has_counts() -> None:
    watch = Watch()
    watch.workflows.workflows |= {"Quiet": None, "Calm": "60"}
    watch.start("q-1", "Unpublished")
    watch.start("q-2")
    watch.run()
    assert {name: watch.counted(name) for name in ("Quiet", "Calm", "Unpublished", WORKFLOW, None)} == {
        "Quiet": (0, 0),
        "Calm": (0, 0),
        "Unpublished": (1, 0),
        WORKFLOW: (1, 0),
        None: (2, 0),
    }


def test_counts_are_zero_without_runs() -> None:
    watch = Watch()
    watch.run()
    assert watch.counted() == watch.counted(WORKFLOW) == (0, 0)


# Errors


def test_invalid_duration_affects_its_workflow_only() -> None:
    watch, ref = overdue()
    watch.workflows.workflows = {"Broken": "soon", **watch.workflows.workflows}
    watch.start("q-2", "Broken")
    with pytest.raises(WatchFailedError, match="1 errors, see the log: Broken"):
        watch.run()
    assert watch.published == ["overdue q-1 1"]
    assert (watch.counted("Broken"), watch.counted(WORKFLOW)) == ((1, None), (1, 1))
    assert watch.counted() == (2, None), "the total is unknown"
    [(error, about)] = watch.journal.errors
    assert about == {"workflow": "Broken"}
    assert "of Broken is published as 'soon'" in str(error)
    assert [logged for _, logged in watch.journal.alerts] == [ref]


def test_end_is_not_announced_while_the_duration_is_invalid() -> None:
    watch, _ = overdue()
    watch.run()
    watch.workflows.workflows[WORKFLOW] = ""
    with pytest.raises(WatchFailedError):
        watch.run()
    assert watch.published == ["overdue q-1 1"]


def test_failed_alerts_are_retried_and_do_not_delay_other_workflows() -> None:
    watch, _ = overdue()
    watch.workflows.workflows["Zebra"] = str(EXPECTED)
    for number in range(5):
        watch.start(f"z-{number}", "Zebra", started_at=watch.clock.now - timedelta(seconds=EXPECTED))
    watch.alerts.refused = {"Zebra"}
    with pytest.raises(WatchFailedError, match="3 errors, see the log: Zebra"):
        watch.run()
    assert watch.published == ["overdue q-1 1"]
    assert watch.counted() == (6, 6)
    watch.alerts.refused.clear()
    watch.run()
    assert sorted(watch.published) == ["overdue q-1 1", *(f"overdue z-{number} 1" for number in range(5))]


def test_failed_alerts_of_ended_runs_are_retried() -> None:
    watch = Watch()
    refs = [watch.start(f"q-{number}") for number in range(5)]
    watch.clock.forward(EXPECTED)
    watch.run()
    for ref in refs:
        watch.end(ref)
    watch.alerts.refused = {WORKFLOW}
    with pytest.raises(WatchFailedError, match="3 errors, see the log: NewBusiness"):
        watch.run()
    assert [about for _, about in watch.journal.errors] == [{"workflow": WORKFLOW}] * 3
    watch.alerts.refused.clear()
    assert watch.run().ended == refs


def test_runs_are_announced_if_counting_fails() -> None:
    watch, _ = overdue()

    def fail() -> None:
        raise ConnectionError

    watch.calls.meanwhile("active.count", fail)
    with pytest.raises(WatchFailedError, match="all workflows"):
        watch.run()
    assert watch.published == ["overdue q-1 1"]
    assert watch.counted() == watch.counted(WORKFLOW) == (None, 1)


# Contents


def test_alerts_contain_no_metadata_and_no_messages() -> None:
    watch, ref = overdue()
    run = watch.status.runs.get(ref.uid, ref.path)
    assert run is not None
    watch.status.runs.put(ref.uid, ref.path, replace(run, metadata={"note": "secret"}))
    watch.run()
    watch.end(ref, State.ERROR)
    watch.run()
    assert len(watch.published) == 2
    assert "secret" not in repr(watch.alerts.published)


def test_alert_names_the_pending_plugins_and_their_owners() -> None:
    watch = Watch(plugin("A", owner="arn:aws:cloudformation:eu-west-1:123456789012:stack/team-a/1"), plugin("B"))
    watch.world.begin()
    watch.world.open()
    watch.world.report("A", State.IN_PROGRESS, message="secret", progress=20)
    watch.world.report("B", State.COMPLETE)
    watch.clock.forward(EXPECTED)
    watch.run()
    [alert] = watch.alerts.published
    [stage] = alert.document["waits_for"]
    assert (stage["activity"], stage["stage"], stage["more"]) == ("Rate", "parallel", 0)
    assert [(each["name"], each["progress"], each["stack"]) for each in stage["plugins"]] == [("A", 20, "team-a")]
    assert "secret" not in repr(alert)


def test_registrations_of_a_stage_are_read_once() -> None:
    watch = Watch(plugin("A"))
    watch.world.begin()
    watch.world.open()
    for uid in ("q-2", "q-3"):
        ref = watch.world.begin(f"execution-{uid}", uid=uid).stage("Rate", watch.world.place)
        watch.status.save_plan(ref, watch.world.plan)
    watch.clock.forward(EXPECTED)
    before = watch.world.registry.reads
    watch.run()
    names = [stage["plugins"][0]["name"] for alert in watch.alerts.published for stage in alert.document["waits_for"]]
    assert names == ["A", "A", "A"]
    assert watch.world.registry.reads == before + 1
