"""What a report that is refused costs the core: reads, no write, and one log line that has an end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest
from aws_lambda_powertools import Logger

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.contract import Metric, Stage, State
from orchestrator_runtime.core.happening import ReportRefused
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.invocation_record import InvocationRecord
from orchestrator_runtime.core.journal_line import line_of
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.handlers.record_result import parse
from orchestrator_runtime.models import MAX_ATTEMPT
from orchestrator_runtime.names import MAX_NAME, MAX_UID
from orchestrator_runtime.protocol.record_result import record_results
from tests.rules.memory_ports import MemoryJournal
from tests.rules.world import World, open_stage, plugin, received

LONG_UID = "\U0001f697" * MAX_UID
LONG_NAME = "x" * MAX_NAME
MOST_BYTES = 5_120
"""Of the log line: the uid's 256 characters have twelve bytes each at most, and a record names two ARNs."""


def record(report_to: str) -> IncomingReport:
    """Lambda's record of a call, with names as long as can be."""
    read = InvocationRecord(
        stage=RunRef(LONG_UID, LONG_NAME, MAX_ATTEMPT).stage(LONG_NAME, Stage.PARALLEL),
        subscription_arn=f"arn:{'x' * 512}",
        function_arn=f"arn:{'x' * 512}",
        dispatched=frozenset(),
        report_to=report_to,
        state=State.COMPLETE,
    )
    return IncomingReport.of_record(read, id="m-1")


PLAN = ["status.get_plan"]
ALL = [*PLAN, "control.get", "registry.named", "registry.registrations"]
REFUSED: dict[str, tuple[Callable[[], IncomingReport], str, list[str]]] = {
    "unknown run": (lambda: received("A", uid="q-2"), "unknown-run", PLAN),
    "unknown workflow": (lambda: received("A", workflow="Nobody"), "unknown-run", PLAN),
    "unknown activity": (lambda: received("A", activity="Nobody"), "unknown-run", PLAN),
    "stage that is not open": (lambda: received("A", stage=Stage.POST), "unknown-run", PLAN),
    "other attempt": (lambda: received("A", attempt=2), "unknown-run", PLAN),
    "unregistered plugin": (lambda: received("Stranger"), "unregistered", ALL),
    "names as long as can be": (
        lambda: received(LONG_NAME, uid=LONG_UID, workflow=LONG_NAME, activity=LONG_NAME, attempt=MAX_ATTEMPT),
        "unknown-run",
        PLAN,
    ),
    "record of an unknown run": (lambda: record("https://sqs/results"), "unknown-run", PLAN),
    "record of another core": (lambda: record("https://sqs/others"), "other-core", []),
}
EACH_REFUSED = pytest.mark.parametrize(("report", "reason", "calls"), REFUSED.values(), ids=REFUSED.keys())


def open_world() -> World:
    world = open_stage(plugin("A"))
    world.registry._before = world.calls.read
    world.calls.log.clear()
    return world


def logged(world: World, report: IncomingReport) -> list[str]:
    """The lines that the core logs of it, as in Lambda."""
    stream = StringIO()
    journal = LoggedJournal(Logger(service="refused-reports", stream=StringIO()), "claims-dev", stream=stream)
    record_results([report], replace(world.ports, journal=journal), world.status.get_plan)
    return stream.getvalue().splitlines()


@EACH_REFUSED
def test_a_refused_report_costs_reads_and_no_write(
    report: Callable[[], IncomingReport], reason: str, calls: list[str]
) -> None:
    world = open_world()
    world.report_all([report()])
    assert world.journal.reasons == [reason]
    assert world.calls.log == calls, (
        "one read for a stage that is not open, four for a plugin that is not registered, and no write"
    )


def test_reports_of_a_batch_on_one_unknown_stage_cost_one_read() -> None:
    world = open_world()
    world.report_all([received(f"P{number}", uid="q-2") for number in range(10)])
    assert world.calls.log == PLAN
    assert len(world.journal.refusals) == 10


def test_reports_of_one_plugin_that_are_refused_together_are_one_line_that_counts_them() -> None:
    world = open_world()
    world.report_all([received("A", uid="q-2", progress=number, state=State.IN_PROGRESS) for number in range(10)])
    [refusal] = world.journal.refusals
    assert line_of(refusal).measures == {Metric.REFUSED_REPORTS: 10}


def test_records_of_several_subscriptions_are_a_line_each() -> None:
    world = open_world()
    one = record("https://sqs/results")
    assert one.record is not None
    other = replace(one, record=replace(one.record, subscription_arn="arn:other"))
    world.report_all([one, other, one])
    assert [refusal.count for refusal in world.journal.refusals] == [2, 1]


@EACH_REFUSED
def test_a_refused_report_is_one_log_line_with_an_end(
    report: Callable[[], IncomingReport], reason: str, calls: list[str]
) -> None:
    [line] = logged(open_world(), report())
    assert len(line.encode()) <= MOST_BYTES
    assert json.loads(line)["reason"] == reason


def test_an_ordinary_refusal_logs_less_than_a_kilobyte() -> None:
    [line] = logged(open_world(), received("A", uid="q-2", message="m" * 100_000))
    assert len(line.encode()) < 1_024


@EACH_REFUSED
def test_a_name_that_nobody_registered_is_no_dimension_of_a_metric(
    report: Callable[[], IncomingReport], reason: str, calls: list[str]
) -> None:
    world = open_world()
    world.report_all([report()])
    [refusal] = world.journal.refusals
    assert line_of(refusal).dimensions == ((),)


@pytest.mark.parametrize(
    "body",
    [
        "x" * 100_000,
        '{"_aws":{"CloudWatchMetrics":[]}}\n{"level":"ERROR"}',
        '{"attempt":' + "9" * 4_000 + "}",
        json.dumps({"metadata": {f"\n\u202e{number}": 0 for number in range(3_000)}, "state": "Done\n"}),
    ],
    ids=["noise", "forged lines", "digits", "keys"],
)
def test_a_message_that_is_no_report_costs_no_read_and_one_log_line(body: str) -> None:
    journal = MemoryJournal()
    assert parse({"messageId": "m-1", "body": body, "attributes": {}}, journal) is None
    [refusal] = journal.of(ReportRefused)
    assert len(refusal.detail) <= 513
    stream = StringIO()
    LoggedJournal(Logger(service="refused-reports", stream=StringIO()), "claims-dev", stream=stream).tell(refusal)
    [line] = stream.getvalue().splitlines()
    assert len(line.encode()) <= MOST_BYTES
    assert line.isascii()
    assert json.loads(line)["message"] == "report refused"
