"""Reports: which are accepted, and what each of them moves."""

from __future__ import annotations

import pytest

from orchestrator_runtime.contract import Stage, State
from tests.rules.calls import Crash
from tests.rules.world import PRE, World, open_stage, plugin, present, received

A, B = plugin("A", order=1), plugin("B", order=2)
ROLE, OTHER_ROLE = "AROAPLUGIN", "AROAOTHER"


def test_terminal_straight_from_not_started_is_legal() -> None:
    world = open_stage(A)
    world.report("A")
    assert world.state("A") is State.COMPLETE
    assert len(world.answered) == 1


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("state", [State.COMPLETE, State.ERROR])
@pytest.mark.parametrize("effect", range(7))
def test_a_duplicate_terminal_report_heals_a_crash_at_any_effect(effect: int, state: State, stage: Stage) -> None:
    world = open_stage(A, stage=stage)
    world.calls.crash_at(effect)
    try:
        world.report("A", state)
    except Crash:
        world.calls.steady()
        world.report("A", state)
    world.calls.steady()
    assert world.state("A") is state
    assert present(world.outcome).state is state
    assert len(world.answered) == 1


@pytest.mark.parametrize("effect", range(6))
def test_a_crash_on_the_way_to_the_next_release_is_healed(effect: int) -> None:
    world = open_stage(A, B, stage=PRE)
    world.calls.crash_at(effect)
    try:
        world.report("A")
    except Crash:
        world.clock.forward(30)
        world.report("A")
    world.calls.steady()
    assert world.dispatched[-1] == ["B"]
    assert present(world.item.dispatch).published_at is not None


def test_a_duplicate_terminal_report_changes_no_row() -> None:
    world = open_stage(A, B)
    world.report("A", message="first")
    before = world.row("A")
    world.clock.forward(5)
    world.report("A", message="again")
    assert world.row("A") == before


def test_a_duplicate_terminal_report_decides_again() -> None:
    world = open_stage(A)
    world.report("A")
    world.report("A")
    assert len(world.signals.sent) == 2
    assert len(world.answered) == 1


def test_another_terminal_state_changes_nothing_and_is_journaled() -> None:
    world = open_stage(A, B)
    world.report("A")
    world.report("A", State.ERROR)
    assert world.state("A") is State.COMPLETE
    assert world.journal.reasons == ["already-ended"]
    assert world.item.failed == frozenset(), "what stands in the row is settled, not what was reported"


def test_in_progress_after_terminal_changes_nothing() -> None:
    world = open_stage(A, B)
    world.report("A")
    before = world.row("A")
    world.report("A", State.IN_PROGRESS, progress=10)
    assert world.row("A") == before


def test_a_start_that_is_noted_stays() -> None:
    world = open_stage(A)
    world.report("A", State.IN_PROGRESS)
    world.clock.forward(5)
    world.report("A", State.IN_PROGRESS, progress=50)
    world.report("A")
    row = present(world.row("A"))
    assert (row.started_at, row.ended_at) == (world.run.started_at, world.clock.now)


def test_a_row_has_a_start_if_one_was_reported_an_end_if_it_ended_and_the_time_of_its_last_report() -> None:
    world = open_stage(A, B)
    begun = world.clock.now
    world.report("A", State.IN_PROGRESS)
    row = present(world.row("A"))
    assert (row.started_at, row.updated_at, row.ended_at) == (begun, begun, None)
    world.clock.forward(5)
    world.report_all([received("A"), received("B")])
    a, b = present(world.row("A")), present(world.row("B"))
    assert (a.started_at, a.updated_at, a.ended_at) == (begun, world.clock.now, world.clock.now)
    assert (b.started_at, b.updated_at, b.ended_at) == (None, world.clock.now, world.clock.now)


def test_a_refusal_says_of_which_report_it_is() -> None:
    world = open_stage(A)
    world.report("Stranger", output={"secret": 1}, message="secret")
    (refusal,) = world.journal.refusals
    assert refusal.about == {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "activity": "Rate",
        "stage": "parallel",
        "attempt": 1,
        "plugin": "Stranger",
    }


def test_a_report_of_another_attempt_is_refused() -> None:
    world = open_stage(A)
    world.report("A", attempt=2)
    assert world.row("A") is None
    assert world.journal.reasons == ["unknown-run"]


def test_a_report_on_a_stage_that_is_not_open_is_refused() -> None:
    world = World(A)
    world.begin()
    world.report("A")
    assert world.row("A") is None
    assert world.journal.reasons == ["unknown-run"]


def test_an_unregistered_plugin_is_refused() -> None:
    world = open_stage(A)
    world.report("Stranger")
    assert world.row("Stranger") is None
    assert world.journal.reasons == ["unregistered"]


def test_a_registered_plugin_that_is_not_expected_is_recorded_and_not_joined() -> None:
    world = open_stage(A, plugin("Home", filter_policy={"line": ["home"]}))
    world.report("Home", State.ERROR)
    row = present(world.row("Home"))
    assert (row.expected, row.mandatory, row.state) == (False, False, State.OPTIONAL_TASK_ERROR)
    assert world.outcome is None
    world.report("A")
    assert present(world.outcome).state is State.COMPLETE


OTHER_SENDERS = {
    "another role": f"{OTHER_ROLE}:session",
    "an IAM user": "AIDAUSER",
    "an account's root": "123456789012",
    "a federated user": "999999999999:mallory",
    "the role without a session": ROLE,
    "the role in small letters": f"{ROLE.lower()}:session",
    "what begins like the role": f"{ROLE}X:session",
    "a session that names the role": f"{OTHER_ROLE}:{ROLE}",
    "text that is no sender": " \n:",
    "an empty sender": "",
    "no sender": None,
}


@pytest.mark.parametrize("sender", OTHER_SENDERS.values(), ids=OTHER_SENDERS)
@pytest.mark.parametrize("name", ["A", "Home"])
def test_whoever_is_not_the_known_sender_is_refused(name: str, sender: str | None) -> None:
    home = plugin("Home", filter_policy={"line": ["home"]}, sender_role_ids=(ROLE,))
    world = open_stage(plugin("A", sender_role_ids=(ROLE,)), home)
    world.report(name, sender=sender)
    assert world.row(name) is None
    assert world.journal.reasons == ["wrong-sender"]


def test_the_plugins_role_may_report_in_any_session() -> None:
    world = open_stage(plugin("A", sender_role_ids=(OTHER_ROLE, ROLE)))
    world.report("A", State.IN_PROGRESS, sender=f"{ROLE}:session")
    world.report("A", sender=f"{ROLE}:another:session")
    assert world.state("A") is State.COMPLETE


@pytest.mark.parametrize("sender", OTHER_SENDERS.values(), ids=OTHER_SENDERS)
def test_anybody_who_may_send_reports_for_a_plugin_whose_sender_is_unknown(sender: str | None) -> None:
    world = open_stage(plugin("A", sender_role_ids=()))
    world.report("A", sender=sender)
    assert world.state("A") is State.COMPLETE


def test_a_namesake_lends_nobody_the_right_to_report() -> None:
    """Anybody may subscribe a function that calls itself by another plugin's name."""
    world = open_stage(plugin("A", owner="stack", sender_role_ids=(ROLE,)))
    world.registry.put(plugin("A", subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:0"))
    world.report("A", sender=f"{OTHER_ROLE}:session")
    assert (world.row("A"), world.journal.reasons) == (None, ["wrong-sender"])
    world.report("A", sender=f"{ROLE}:session")
    assert world.state("A") is State.COMPLETE


def test_the_role_that_is_registered_by_now_may_report_too() -> None:
    world = open_stage(plugin("A", sender_role_ids=(ROLE,)))
    world.registry.change(plugin("A", sender_role_ids=(OTHER_ROLE,)))
    world.report("A", sender=f"{OTHER_ROLE}:session")
    assert world.state("A") is State.COMPLETE


def test_a_forged_report_in_the_same_batch_does_not_displace_the_true_one() -> None:
    world = open_stage(plugin("A", sender_role_ids=(ROLE,)))
    forged = received("A", State.ERROR, sender=f"{OTHER_ROLE}:session")
    world.report_all([forged, received("A", sender=f"{ROLE}:session")])
    assert world.state("A") is State.COMPLETE


def test_a_batch_writes_all_rows_first_then_decides_once_a_stage() -> None:
    world = open_stage(A, B)
    world.calls.log.clear()
    world.report_all([received("A"), received("B")])
    effects = [call for call in world.calls.log if call in {"status.record", "control.settle", "status.close_stage"}]
    assert effects == ["status.record", "status.record", "control.settle", "status.close_stage"]
    assert len(world.answered) == 1


def test_a_batch_that_fails_for_one_stage_goes_on_with_the_others() -> None:
    world = open_stage(A)

    def no_plan() -> None:
        raise RuntimeError("throttled")

    world.calls.meanwhile("status.get_plan", no_plan)
    world.calls.meanwhile("status.get_plan", no_plan)
    validate, check = received("B", activity="Validate"), received("C", activity="Check")
    assert world.report_all([validate, check, received("A")]) == ["B-Complete", "C-Complete"]
    assert [(str(error), about) for error, about in world.journal.errors] == [
        ("throttled", {"uid": "q-1", "workflow": "NewBusiness", "activity": activity})
        for activity in ("Validate", "Check")
    ]
    assert world.state("A") is State.COMPLETE


def test_of_several_reports_of_a_plugin_in_a_batch_the_first_terminal_one_counts() -> None:
    world = open_stage(A, B)
    batch = [received("A", State.IN_PROGRESS), received("A"), received("A", State.ERROR)]
    world.report_all(batch)
    row = present(world.row("A"))
    assert (row.state, row.started_at) == (State.COMPLETE, world.clock.now)


def test_an_output_goes_with_complete_only() -> None:
    world = open_stage(A, B)
    world.report("A", output={"score": 7})
    world.report("B", State.ERROR, output={"score": 0})
    assert world.status.outputs(world.run.ref) == {"Rate/parallel/A": {"score": 7}}


def test_what_a_terminal_report_does_not_say_stays_as_the_reports_before_it_in_the_batch_said() -> None:
    world = open_stage(A, B)
    world.report_all(
        [
            received("A", State.IN_PROGRESS),
            received("A", State.IN_PROGRESS, message="page 3 of 3", progress=100),
            received("A"),
        ]
    )
    row = present(world.row("A"))
    assert (row.state, row.message, row.progress) == (State.COMPLETE, "page 3 of 3", 100)


def test_of_two_reports_in_a_batch_the_later_one_says_how_far_the_plugin_is() -> None:
    world = open_stage(A, B)
    world.report_all(
        [
            received("A", State.IN_PROGRESS, message="page 1 of 3", progress=33),
            received("A", State.IN_PROGRESS, message="page 2 of 3", progress=66),
        ]
    )
    row = present(world.row("A"))
    assert (row.message, row.progress) == ("page 2 of 3", 66)
