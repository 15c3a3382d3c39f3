"""What a flood of one plugin's reports costs, and that it costs no other plugin anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from aws_lambda_powertools import Logger

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.contract import PROGRESS_EVERY_SECONDS, Metric, Stage, State
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.report_memory import MOST_AT_ONCE, PLAIN_READ_EVERY, ReportMemory
from tests.rules.test_invocation_records import record
from tests.rules.world import World, open_stage, plugin, present, received

ROLE = "AROASCORE"
BATCH = 10
FLOOD = 10_001


class Environment:
    """An execution environment of the function that records reports, with a world around it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.memory = ReportMemory()
        self.world.registry._before = world.calls.read
        self.world.calls.log.clear()

    def record(self, *batch: IncomingReport) -> None:
        again = record_results(batch, self.world.ports, self.world.status.get_plan, memory=self.memory)
        assert again == []

    def calls(self) -> Counter[str]:
        return Counter(self.world.calls.log)


def progress(name: str, percent: float, **other: object) -> IncomingReport:
    return received(name, State.IN_PROGRESS, progress=percent, sender=f"{ROLE}:session", **other)


def flood() -> list[IncomingReport]:
    return [progress("Loud", number / 101) for number in range(FLOOD)]


def environment(*names: str, **other: object) -> Environment:
    names = names or ("Loud", "Quiet")
    return Environment(open_stage(*(plugin(name, sender_role_ids=(ROLE,), **other) for name in names)))


def batches(reports: Sequence[IncomingReport]) -> list[Sequence[IncomingReport]]:
    return [reports[start : start + BATCH] for start in range(0, len(reports), BATCH)]


def recorded(environment: Environment, batches: Iterable[Iterable[IncomingReport]], seconds: float) -> None:
    """Record the batches, spread over that time."""
    batches = [list(batch) for batch in batches]
    for batch in batches:
        environment.record(*batch)
        environment.world.clock.forward(seconds / len(batches))


def test_of_ten_thousand_reports_of_progress_at_once_a_few_are_written_and_the_others_result_is() -> None:
    one = environment()
    reports = flood()
    reports.insert(FLOOD // 2, received("Quiet", sender=f"{ROLE}:session"))
    recorded(one, batches(reports), 0.1)
    assert one.calls()["status.record"] == MOST_AT_ONCE + 1
    assert (one.world.state("Loud"), one.world.state("Quiet")) == (State.IN_PROGRESS, State.COMPLETE)
    refusals = one.world.journal.refusals
    assert {refusal.reason for refusal in refusals} == {"too-often"}
    # One line for each batch, and each report is counted, but for those in the batches that were written.
    assert len(refusals) == len(reports) // BATCH + 1 - MOST_AT_ONCE
    assert sum(refusal.count for refusal in refusals) == FLOOD - MOST_AT_ONCE * BATCH


def test_a_flood_that_goes_on_is_written_once_a_second() -> None:
    one = environment()
    recorded(one, ([progress("Loud", number / 10)] for number in range(1_000)), 100)
    assert 100 <= one.calls()["status.record"] <= 100 + MOST_AT_ONCE
    assert (present(one.world.row("Loud")).progress or 0) >= 98, "what is shown is never much older than a second"


def test_progress_once_a_second_is_always_recorded_also_if_some_of_it_is_received_at_once() -> None:
    one = environment()
    for percent in range(50):
        one.world.clock.forward(PROGRESS_EVERY_SECONDS)
        one.record(progress("Loud", percent))
    one.world.clock.forward(3 * PROGRESS_EVERY_SECONDS)
    for percent in (50, 51, 52):
        one.record(progress("Loud", percent))
    assert one.calls()["status.record"] == 53
    assert one.world.journal.refusals == []


def test_a_flood_does_not_keep_a_plugin_from_its_end() -> None:
    one = environment("Loud")
    recorded(one, batches(flood()), 0.1)
    one.record(*(progress("Loud", 1) for _ in range(5)), received("Loud", sender=f"{ROLE}:session"))
    assert one.world.state("Loud") is State.COMPLETE
    assert one.world.outcome is not None


def test_progress_that_is_dropped_moves_no_start_and_no_deadline() -> None:
    one = environment("Loud")
    started = one.world.clock.now
    recorded(one, batches(flood()), 0.1)
    assert present(one.world.row("Loud")).started_at == started
    for _ in range(30):
        recorded(one, batches(flood()[:100]), 30)
        one.world.check_deadlines()
    assert one.world.state("Loud") is State.ERROR, "its deadline counts from its start"


def test_the_first_progress_of_each_attempt_and_each_run_is_recorded() -> None:
    """How often a plugin reports in one run is not held against it in another."""
    memory, now = ReportMemory(), environment().world.clock.now
    world = open_stage(plugin("Loud"))
    for _ in range(MOST_AT_ONCE):
        assert memory.takes_progress(world.ref(), "Loud", now)
    assert not memory.takes_progress(world.ref(), "Loud", now)
    assert memory.takes_progress(world.ref(attempt=2), "Loud", now)
    assert memory.takes_progress(world.ref(Stage.POST), "Loud", now)
    assert memory.takes_progress(world.ref(), "Quiet", now)
    assert memory.takes_progress(world.ref(), "Loud", now + timedelta(seconds=PROGRESS_EVERY_SECONDS))


def test_a_strangers_reports_use_up_nothing_of_a_plugins() -> None:
    one = environment("Loud")
    strange = replace(progress("Loud", 1), sender="AROAOTHER:session")
    recorded(one, ([strange] for _ in range(100)), 0.1)
    one.record(progress("Loud", 50))
    assert present(one.world.row("Loud")).progress == 50


def test_many_sessions_of_one_role_are_one_plugin() -> None:
    one = environment("Loud")
    reports = [replace(report, sender=f"{ROLE}:{number}") for number, report in enumerate(flood()[:1_000])]
    recorded(one, batches(reports), 0.1)
    assert one.calls()["status.record"] == MOST_AT_ONCE


def test_what_is_remembered_has_an_end() -> None:
    memory, world = ReportMemory(), World()
    for number in range(2 * ReportMemory.MOST_PLUGINS):
        memory.takes_progress(world.ref(attempt=number), "Loud", world.clock.now)
    for number in range(2 * ReportMemory.MOST_STAGES):
        memory.plain_registrations(world.ref(activity=f"A{number}"), world.registry, world.clock.now)
    assert len(memory._used_up_until) == ReportMemory.MOST_PLUGINS
    assert len(memory._plain) == ReportMemory.MOST_STAGES


def test_a_flood_is_a_log_line_for_each_batch() -> None:
    one, stream = environment("Loud"), StringIO()
    journal = LoggedJournal(Logger(service="floods", stream=StringIO()), "claims-dev", stream=stream)
    for batch in batches(flood()[:1_000]):
        record_results(batch, replace(one.world.ports, journal=journal), one.world.status.get_plan, memory=one.memory)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == 100 - MOST_AT_ONCE
    assert {(line["reason"], line["plugin"], line[Metric.REFUSED_REPORTS][0]) for line in lines} == {
        ("too-often", "Loud", BATCH)
    }


# What a batch needs of the registry


def test_unregistered_names_have_the_stage_read_once_a_minute() -> None:
    one = environment()
    for number in range(100):
        one.record(received(f"Nobody{number}"))
    assert one.calls()["registry.registrations"] == 1
    assert one.world.journal.reasons == ["unregistered"] * 100
    one.world.clock.forward(PLAIN_READ_EVERY.total_seconds())
    one.record(received("Nobody"))
    assert one.calls()["registry.registrations"] == 2


def test_subscriptions_that_nobody_registered_have_no_stage_read() -> None:
    one = environment()
    one.record(record(one.world, plugin("Loud"), subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:gone"))
    assert one.calls() == {"status.get_plan": 1, "control.get": 1, "registry.get": 1}


@pytest.mark.parametrize("sender", [f"{ROLE}:session", "AROANEW:session"])
def test_a_plugin_of_a_construct_is_found_by_its_name_as_it_is_now(sender: str) -> None:
    """Also right after a deployment, and while others send unregistered names."""
    home = plugin("Home", owner="stack", filter_policy={"line": ["home"]}, sender_role_ids=(ROLE,))
    one = Environment(open_stage(plugin("A", owner="stack"), home))
    one.record(received("Nobody"))
    one.world.registry.change(replace(home, sender_role_ids=("AROANEW",)))
    one.world.calls.log.clear()
    one.record(received("Home", sender=sender))
    assert one.calls()["registry.registrations"] == 0
    assert one.calls()["registry.named"] == 1
    assert (one.world.state("Home") is State.COMPLETE) == (sender == "AROANEW:session")


def test_a_namesake_of_a_plugin_of_a_construct_is_not_that_plugin() -> None:
    managed = plugin("Score", owner="stack", sender_role_ids=(ROLE,))
    namesake = plugin("Score", subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:namesake")
    one = Environment(open_stage(managed, namesake))
    one.record(record(one.world, namesake, sender=f"{ROLE}:session"))
    assert one.world.state("Score") is None
    assert one.world.journal.reasons == ["unregistered"]
