"""What a run costs grows with the number of its plugins, in a straight line.

Run with ``-s`` to see the table.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from orchestrator_runtime.contract import ReleaseRule, Stage, State
from orchestrator_runtime.core.happening import Happening, ReportRefused
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.plan import StageOptions
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.handlers.record_result import PlanMemory
from orchestrator_runtime.models import Report
from orchestrator_runtime.protocol.advance_stage import AdvanceRequest, advance_stage
from orchestrator_runtime.protocol.begin_run import BeginPorts, BeginRequest, begin_run
from orchestrator_runtime.protocol.end_run import EndPorts, EndRequest, end_run
from orchestrator_runtime.protocol.received import Received
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.stage_effects import StagePorts
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.registry import DynamoRegistry
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.cost.capacity_units import Bill, Meter, item_bytes
from tests.rules.calls import Calls
from tests.rules.memory_ports import MemoryExecutions
from tests.unit.moto_tables import CONTROL, REGION, REGISTRY, STATUS, Clock, create_tables

PLUGINS = (5, 50, 200)
MOST_READS = 1
BATCH = 10
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-NewBusiness:one"
TOKEN = "t" * 1000


@dataclass
class World:
    """Everything that is no table: whom the run calls, wakes and tells."""

    fails: bool = False

    released: list[str] = field(default_factory=list)
    woken: int = 0

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        names = message.attributes["plugins"]
        assert isinstance(names, list)
        self.released += names

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        self.woken += 1
        return True

    def fail(self, token: str, error: str, cause: str) -> bool:
        assert self.fails, cause
        self.woken += 1
        return True

    def tell(self, happening: Happening) -> None:
        assert not isinstance(happening, ReportRefused), happening

    def failed(self, error: Exception, **about: str | int) -> None:
        raise error


def bill_of_a_run(plugins: int, *, quick: bool = False, fails: bool = False) -> Bill:
    """Play a whole run with that many plugins on its parallel stage.

    Args:
        plugins: How many.
        quick: Whether each reports only its end, and with it when it started, as the decorator does for what takes
            less than a second. Default: its start and its end.
        fails: Whether the first of them ends in an error, so that the stage fails while the others still work.
    """
    client, probe = (
        boto3.client("dynamodb", REGION, aws_access_key_id="testing", aws_secret_access_key="testing") for _ in "12"
    )
    create_tables(probe)
    names = [f"Plugin{number:058d}" for number in range(plugins)]
    assert {len(name) for name in names} == {64}
    for name in names:
        DynamoRegistry(probe, REGISTRY).put(
            Registration(
                activity="Rate",
                stage=Stage.PARALLEL,
                name=name,
                subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:{name}",
                endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
                filter_policy={"line": ["auto"], "plugins": [name]},
                sender_role_ids=("AROAIOSFODNN7EXAMPLE",),
            )
        )
    meter = Meter(client, probe)
    world, clock = World(fails=fails), Clock(datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
    status, control = DynamoStatusStore(client, STATUS, clock), DynamoControlStore(client, CONTROL, clock)
    ports = StagePorts(
        status=status,
        control=control,
        registry=DynamoRegistry(client, REGISTRY),
        publisher=world,
        signals=world,
        journal=world,
        report_to="https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results",
        clock=clock,
    )
    ref = begin_run(
        BeginRequest(
            uid="q-1",
            workflow="NewBusiness",
            activities=(("Rate",),),
            execution=EXECUTION,
            timeout=timedelta(days=30),
            metadata={"line": "auto"},
        ),
        BeginPorts(
            status=status,
            executions=MemoryExecutions(Calls()),
            journal=world,
            retention=timedelta(days=90),
            clock=clock,
        ),
    )
    memory = PlanMemory()
    for stage in Stage:
        rule = ReleaseRule.ALL_AT_ONCE if stage is Stage.PARALLEL else ReleaseRule.ONE_AT_A_TIME
        options = StageOptions(rule=rule, timeout_seconds=3600, start_within_seconds=900)
        request = AdvanceRequest(ref=ref.stage("Rate", stage), options=options, token=TOKEN, entered=clock(), retry=0)
        advance_stage(request, ports)
        if stage is not Stage.PARALLEL:
            continue
        assert sorted(world.released) == names
        for state in (State.COMPLETE,) if quick else (State.IN_PROGRESS, State.COMPLETE):
            states = dict.fromkeys(names, state)
            if fails and state is State.COMPLETE:
                states[names[0]] = State.ERROR
            for start in range(0, plugins, BATCH):
                clock.forward(1)
                began = clock() - timedelta(seconds=0.5) if quick else None
                batch = [received(ref, name, states[name], began) for name in names[start : start + BATCH]]
                assert record_results(batch, ports, lambda ref: memory.find(ref, status)) == []
    assert world.woken >= len(Stage)
    ended = EndRequest(uid="q-1", workflow="NewBusiness", execution=EXECUTION)
    end_run(ended, EndPorts(status=status, control=control, signals=world, journal=world, clock=clock))
    document = DynamoStatusStore(probe, STATUS, clock).run_document(uid="q-1", workflow="NewBusiness")
    assert document is not None
    assert document["activities"]["Rate"]["state"] == ("Error" if fails else "Complete")
    return meter.bill


def received(ref: RunRef, plugin: str, state: State, began: datetime | None) -> Received:
    report = Report(
        uid=ref.uid,
        workflow=ref.workflow,
        activity="Rate",
        stage=Stage.PARALLEL,
        attempt=ref.attempt,
        plugin=plugin,
        state=state,
        started_at=began,
    )
    return Received(id=plugin, report=report, sender="AROAIOSFODNN7EXAMPLE:function")


def show(bills: Mapping[int, Bill]) -> None:
    print(f"\n{'units':40}" + "".join(f"{plugins:>8}" for plugins in bills))
    for kind in ("write", "read"):
        counts = {plugins: getattr(bill, kind) for plugins, bill in bills.items()}
        for what in sorted(set().union(*counts.values())):
            calls = [f"{count[what]:8}" for count in counts.values()]
            print(f"{kind + ' ' + what:40}" + "".join(calls))
        print(f"{kind + ' total':40}" + "".join(f"{count.total():8}" for count in counts.values()))
        print(f"{kind + ' per plugin':40}" + "".join(f"{c.total() / plugins:8.2f}" for plugins, c in counts.items()))


@pytest.mark.parametrize("fails", [False, True], ids=["complete", "one-fails-early"])
@pytest.mark.parametrize(("quick", "most_writes"), [(False, 2.6), (True, 1.6)], ids=["start-and-end", "quick"])
def test_units_grow_in_a_straight_line_and_stay_below_what_was_promised(
    quick: bool, most_writes: float, fails: bool
) -> None:
    bills: dict[int, Bill] = {}
    for plugins in PLUGINS:
        with mock_aws():
            bills[plugins] = bill_of_a_run(plugins, quick=quick, fails=fails)
    show(bills)
    for kind, most in (("write", most_writes), ("read", MOST_READS)):
        totals = [getattr(bills[plugins], kind).total() for plugins in PLUGINS]
        slopes = [
            (more - fewer) / (there - here)
            for here, there, fewer, more in zip(PLUGINS, PLUGINS[1:], totals, totals[1:], strict=False)
        ]
        assert max(slopes) <= most, (kind, slopes)
        assert totals[-1] / PLUGINS[-1] <= most, (kind, totals)
        assert statistics.correlation(PLUGINS, totals) ** 2 >= 0.999, (kind, totals)


@pytest.mark.parametrize(
    ("item", "size"),
    [
        (None, 0),
        ({"uid": {"S": "ü"}}, 5),
        ({"n": {"N": "1234"}}, 5),
        ({"flag": {"BOOL": True}}, 5),
        ({"open": {"NS": ["1", "20"]}}, 4 + 3 + 4 + 4),
    ],
)
def test_the_size_of_an_item(item: Mapping[str, Any] | None, size: int) -> None:
    assert item_bytes(item) == size
