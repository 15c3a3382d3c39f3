"""What is counted of W(1,1), held against what the emulator shows of it otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks.calls import Call
from benchmarks.counting import Bill
from benchmarks.executions import Transitions
from benchmarks.workload import Workload
from benchmarks.workload_runs import DEPLOYMENT, Deployed, deployed
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import CoreOutput
from tests.cost.capacity_units import item_bytes

pytestmark = pytest.mark.e2e

OF_A_RUN = (Handler.BEGIN_RUN, Handler.OPEN_ACTIVITY, Handler.RECORD_RESULT, Handler.END_RUN)
OF_LAMBDA = ("START RequestId", "END RequestId", "REPORT RequestId")


@dataclass
class Counted:
    """A run, with what was there before it.

    Attributes:
        system: Where it ran.
        calls: Its calls.
        transitions: How many states were entered.
        logged: Bytes that CloudWatch Logs has more than before.
    """

    system: Deployed
    calls: list[Call]
    transitions: int
    logged: int

    @property
    def bill(self) -> Bill:
        return Bill(self.calls)


@pytest.fixture(scope="module")
def counted() -> Iterator[Counted]:
    with deployed(Workload(1, 1)) as system:
        transitions, before = Transitions(system.aws), logged(system)
        calls, _ = system.run()
        yield Counted(system, calls, transitions.count(), logged(system) - before)


def logged(system: Deployed) -> int:
    """Bytes that the functions of a run wrote so far, without Lambda's own lines."""
    functions = system.aws.client("lambda").get_paginator("list_functions").paginate()
    core = {DEPLOYMENT.function(handler) for handler in OF_A_RUN}
    groups = {
        function["LoggingConfig"]["LogGroup"]
        for page in functions
        for function in page["Functions"]
        if function["FunctionName"] in core or function.get("Handler") == "empty.handler"
    }
    assert len(groups) == len(core) + 1
    pages = [
        page
        for group in groups
        for page in system.aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    ]
    messages = [event["message"] for page in pages for event in page["events"]]
    return sum(len(message.encode()) for message in messages if not message.startswith(OF_LAMBDA))


def test_transitions_are_those_that_begin_and_end_the_run_and_one_for_each_activity(counted: Counted) -> None:
    assert counted.transitions == 2 + 1


def test_activity_without_a_matching_plugin_costs_one_transition(counted: Counted) -> None:
    assert counted.system.measure_empty() == {"transitions": 1, "writes": 0, "publishes": 0}


def test_plugins_are_called_once_and_report_once(counted: Counted) -> None:
    bill = counted.bill
    assert (len(bill.invocations(core=False)), bill.publishes) == (3, 3)
    # One that this machine lets wait for a second reports its start as well.
    assert 3 <= bill.sqs_requests(core=False) < 6


def test_each_activity_is_opened_once_and_each_batch_received_handled_and_deleted(counted: Counted) -> None:
    names = [call["function"] for call in counted.bill.invocations(core=True)]
    calls = {handler: names.count(DEPLOYMENT.function(handler)) for handler in OF_A_RUN}
    batches = calls.pop(Handler.RECORD_RESULT)
    assert calls == {Handler.BEGIN_RUN: 1, Handler.OPEN_ACTIVITY: 1, Handler.END_RUN: 1}
    received = [call for call in counted.calls if call.get("operation") == "ReceiveMessage"]
    assert sum(call["messages"] for call in received) == counted.bill.sqs_requests(core=False)
    assert (len(received), counted.bill.sqs_requests(core=True)) == (batches, 2 * batches)


def test_what_was_logged_is_what_cloudwatch_got(counted: Counted) -> None:
    assert counted.bill.logged(platform=False) == counted.logged > 0


def test_every_item_of_the_run_was_written_and_the_largest_is_no_smaller_than_it_stands(counted: Counted) -> None:
    aws = counted.system.aws
    parameter = DEPLOYMENT.core_parameter(CoreOutput.STATUS_TABLE_NAME)
    table = aws.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    wrote = [one for call in counted.calls for one in call.get("writes", ()) if one["table"] == table]
    uids = {one["key"][0] for one in wrote}
    items = aws.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    # AWS says how large a number is by about a byte; the emulator takes less than the rule in tests/cost.
    standing = {item["path"]["S"]: item_bytes(item) - len(item) for item in items if {item["uid"]["S"]} == uids}
    assert standing.keys() == {one["key"][1] for one in wrote}
    for path, size in standing.items():
        assert max(one["bytes"] for one in wrote if one["key"][1] == path) >= size
    assert counted.bill.write_units >= len(standing)
