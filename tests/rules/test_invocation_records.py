"""Lambda's records: whose they are, and what they may not undo."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.invocation_record import InvocationRecord
from orchestrator_runtime.core.registration import Registration
from tests.rules.world import PRE, World, open_stage, plugin, present, received

A, B, C = (plugin(name, reports_start=False) for name in "ABC")
ROLE = "AROAPLUGIN"


def record(
    world: World, of: Registration, state: State = State.COMPLETE, *, sender: str | None = None, **other: Any
) -> IncomingReport:
    said: dict[str, Any] = {"message": None if state is State.COMPLETE else "ValueError: no such line", **other}
    read = InvocationRecord(
        stage=world.ref(),
        subscription_arn=said.pop("subscription_arn", of.subscription_arn),
        function_arn=f"{of.endpoint}:$LATEST",
        dispatched=said.pop("dispatched", frozenset({of.name})),
        report_to=said.pop("report_to", "https://sqs/results"),
        state=state,
        **said,
    )
    return IncomingReport.of_record(read, id=f"record-of-{of.name}", sender=sender)


def test_a_success_completes_the_plugin_with_its_output() -> None:
    world = open_stage(A, B)
    world.report_all([record(world, A, output={"score": 7})])
    assert world.state("A") is State.COMPLETE
    assert world.status.outputs(world.run.ref) == {"Rate/parallel/A": {"score": 7}}
    assert world.outcome is None


def test_a_failure_is_the_plugins_error_in_lambdas_words() -> None:
    world = open_stage(A, B)
    world.report_all([record(world, A, State.ERROR)])
    assert present(world.row("A")).message == "ValueError: no such line"
    assert present(world.outcome).state is State.ERROR


def test_records_and_reports_of_a_batch_make_one_decision() -> None:
    world = open_stage(A, B)
    world.calls.log.clear()
    world.report_all([record(world, A), received("B")])
    assert [call for call in world.calls.log if call in {"control.settle", "status.close_stage"}] == [
        "control.settle",
        "status.close_stage",
    ]
    assert len(world.answered) == 1


@pytest.mark.parametrize("state", [State.DO_NOT_RUN, State.ERROR])
def test_what_a_plugin_has_reported_stands_against_lambdas_success(state: State) -> None:
    """The function returned, having said that it did not do the work."""
    world = open_stage(plugin("A", reports_start=True), B)
    world.report("A", state)
    before = world.row("A")
    world.report_all([record(world, A)])
    assert world.row("A") == before


def test_in_one_batch_too_the_plugins_own_word_comes_first() -> None:
    world = open_stage(A, B)
    world.report_all([record(world, A), received("A", State.DO_NOT_RUN, message="no work")])
    row = present(world.row("A"))
    assert (row.state, row.message) == (State.DO_NOT_RUN, "no work")


def test_a_function_that_says_it_goes_on_and_dies_is_an_error() -> None:
    world = open_stage(A, B)
    world.report_all([record(world, A, State.ERROR), received("A", State.IN_PROGRESS, progress=40, message="page 2")])
    row = present(world.row("A"))
    assert (row.state, row.message, row.progress) == (State.ERROR, "ValueError: no such line", 40)


def test_a_record_that_comes_twice_changes_nothing_and_decides_again() -> None:
    world = open_stage(A)
    world.report_all([record(world, A)])
    before = world.row("A")
    world.report_all([record(world, A)])
    assert world.row("A") == before
    assert len(world.signals.sent) == 2


def test_a_record_of_a_plugin_that_is_not_expected_is_kept_and_not_joined() -> None:
    home = plugin("Home", filter_policy={"line": ["home"]})
    world = open_stage(A, home)
    world.report_all([record(world, home)])
    assert present(world.row("Home")).expected is False
    assert world.outcome is None


def test_a_shared_function_is_told_apart_by_its_subscriptions() -> None:
    twin = plugin("Twin", endpoint=A.endpoint)
    world = open_stage(A, twin)
    world.report_all([record(world, twin)])
    assert (world.state("A"), world.state("Twin")) == (None, State.COMPLETE)
    world.report_all([record(world, A, subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:gone")])
    assert world.state("A") is None
    assert world.journal.reasons == ["unregistered"]


@pytest.mark.parametrize(
    "meanwhile",
    [
        [],
        [plugin("A", subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:new")],
        [plugin("Renamed", subscription_arn=A.subscription_arn)],
    ],
    ids=["removed", "replaced", "renamed"],
)
def test_what_becomes_of_a_subscription_meanwhile_does_not_matter(meanwhile: list[Registration]) -> None:
    """The plan knows by what name the stage waits for it."""
    world = open_stage(A)
    world.registry.all.clear()
    for registration in meanwhile:
        world.registry.put(registration)
    world.report_all([record(world, A)])
    assert world.state("A") is State.COMPLETE


def test_a_call_of_a_subscription_that_is_replaced_counts_as_that_of_the_new_one() -> None:
    old, new = (plugin("A", owner="stack", subscription_arn=f"arn:aws:sns:x:1:rate:{age}") for age in ("old", "new"))
    world = open_stage(old, new)
    world.registry.all.clear()
    world.report_all([record(world, old)])
    assert world.state("A") is State.COMPLETE


def test_a_call_out_of_turn_is_ignored() -> None:
    """A subscription without ``plugins`` in its filter is called for the turns of others, too."""
    first, second = plugin("First", order=1), plugin("Second", order=2)
    world = open_stage(first, second, stage=PRE)
    world.report_all([record(world, second, State.ERROR, dispatched=frozenset({"First"}))])
    assert (world.row("Second"), world.outcome) == (None, None)
    assert world.journal.reasons == ["not-dispatched"]
    world.report_all([record(world, first)])
    world.report_all([record(world, second)])
    assert present(world.outcome).state is State.COMPLETE


def test_another_cores_call_is_refused_before_anything_is_read() -> None:
    world = open_stage(A)
    world.calls.log.clear()
    world.report_all([record(world, A, report_to="https://sqs/others")])
    assert world.calls.log == []
    assert world.journal.reasons == ["other-core"]


def test_a_record_from_another_role_is_refused() -> None:
    world = open_stage(plugin("A", sender_role_ids=(ROLE,)))
    world.report_all([record(world, A, sender="AROAOTHER:function")])
    assert world.journal.reasons == ["wrong-sender"]
    world.report_all([record(world, A, sender=f"{ROLE}:function")])
    assert world.state("A") is State.COMPLETE


def test_a_record_of_a_run_that_is_not_there_is_refused() -> None:
    world = World(A)
    world.begin()
    world.report_all([record(world, A)])
    assert world.journal.reasons == ["unknown-run"]
    assert world.registry.reads == 0


# What it costs


def test_a_batch_reads_the_registry_once_a_stage_for_those_that_are_not_expected() -> None:
    home = plugin("Home", filter_policy={"line": ["home"]})
    world = open_stage(A, B, C, home)
    before = world.registry.reads
    world.report_all([record(world, A), record(world, B), received("Home"), record(world, home)])
    assert world.registry.reads == before + 1


def test_reports_and_records_of_those_that_are_expected_read_no_registry() -> None:
    world = open_stage(A, B, C)
    before = world.registry.reads
    world.report_all([received("A"), record(world, B)])
    assert world.registry.reads == before


def test_a_record_that_is_refused_is_told_by_what_it_knows() -> None:
    world = open_stage(A)
    world.report_all([record(world, A, subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:stranger")])
    (refusal,) = world.journal.refusals
    assert refusal.about == {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "activity": "Rate",
        "stage": "parallel",
        "attempt": 1,
        "subscription_arn": "arn:aws:sns:eu-west-1:123456789012:rate:stranger",
        "function_arn": f"{A.endpoint}:$LATEST",
    }
