"""Ten thousand schedules, all faults together: no invariant is broken. And the simulator plays as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.campaign import Tally, campaign, play, play_range, replay, retell
from tests.simulation.decisions import Decisions, GivenDecisions, RecordedDecisions, as_text, of_text
from tests.simulation.faults import PROFILES, Fault
from tests.simulation.simulation import Simulation

PROJECT = Path(__file__).parents[2]
SCHEDULES, PARTS, SEED = 10_000, 4, 1


@pytest.mark.parametrize("part", range(PARTS))
def test_no_schedule_breaks_an_invariant(part: int) -> None:
    """In a process of its own: measuring the coverage would take longer than playing."""
    count = SCHEDULES // PARTS
    played = command("--seed", str(SEED), "--first", str(part * count), "--schedules", str(count))
    assert played.returncode == 0, played.stdout
    assert played.stdout.startswith(f"schedules={count} ")
    assert "violations=0\n" in played.stdout


@pytest.fixture(scope="module")
def some() -> Tally:
    return play_range(SEED, 0, 400)


def test_every_kind_of_fault_happens(some: Tally) -> None:
    never = {fault for fault in Fault if not some.faults[fault]}
    assert never == set()


def test_every_profile_is_played_and_some_schedules_are_silent(some: Tally) -> None:
    assert some.profiles.keys() == {profile.name for profile in PROFILES}
    assert some.profiles["silence"] >= 5


def test_runs_are_resumed_and_some_are_left_to_the_sweep(some: Tally) -> None:
    assert some.attempts > some.schedules * 1.3
    assert 0 < some.left_open < some.schedules / 20


def test_a_silent_day_ends_every_run_without_a_report() -> None:
    silent = [played for number in range(400) if (played := play(SEED, number)).profile == "silence"]
    assert sum(played.faults[Fault.SIGNAL_DROPPED] for played in silent) > 20
    assert sum(played.faults[Fault.REPORT_DROPPED] for played in silent) > 20
    assert all(played.violation is None and not played.left_open for played in silent)


def test_a_schedule_is_what_its_seed_and_number_say_however_many_are_played() -> None:
    alone = [retell(7, number).trace for number in (3, 300)]
    assert alone == [retell(7, number).trace for number in (3, 300)]
    one, two = campaign(seed=7, schedules=300), campaign(seed=7, schedules=300, processes=2)
    assert one == two
    parts = play_range(7, 0, 100)
    parts.merge(play_range(7, 100, 300))
    assert parts == one


def test_another_seed_is_another_campaign() -> None:
    assert play_range(1, 0, 20) != play_range(2, 0, 20)


def test_decisions_replay_a_schedule() -> None:
    recorded = RecordedDecisions(3, 5)
    drawn = Simulation(recorded, traced=True).play()
    assert retell(3, 5) == drawn
    given = replay(of_text(as_text(recorded.taken)))
    assert given == drawn


def test_the_plainest_schedule_is_a_run_in_which_nothing_goes_wrong() -> None:
    decisions = GivenDecisions([])
    played = Simulation(decisions).play()
    assert decisions.taken == []
    assert (played.violation, sum(played.faults.values()), played.attempts) == (None, 0, 1)


@pytest.mark.parametrize("text", ["1", "a=1", "1=x", "1=2=3"])
def test_text_that_is_no_list_of_decisions_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="PLACE=DECISION"):
        of_text(text)


def test_a_schedule_is_told_by_its_number() -> None:
    told = command("--seed", "1", "--replay", "12")
    assert told.returncode == 0
    assert "begin_run" in told.stdout
    assert told.stdout.endswith("no invariant is broken\n")


def test_decisions_are_those_of_the_random_numbers() -> None:
    one, same, other = Decisions(1, 2), Decisions(1, 2), Decisions(2, 1)
    drawn = [one.pick(1000) for _ in range(5)]
    assert drawn == [same.pick(1000) for _ in range(5)]
    assert drawn != [other.pick(1000) for _ in range(5)]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=PROJECT,
        env={"PYTHONPATH": "runtime:.", "PYTHONHASHSEED": "random"},
        capture_output=True,
        text=True,
        check=False,
    )
