"""What a run costs: in a straight line with its plugins, and nothing for what no plugin matches.

Run with ``-s`` to see the tables.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from orchestrator_runtime.contract import DUE_SHARDS, Stage, State
from orchestrator_runtime.core.happening import Happening, ReportRefused
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.handlers.record_result import PlanMemory
from orchestrator_runtime.models import Report
from orchestrator_runtime.protocol.begin_run import BeginPorts, BeginRequest, begin_run
from orchestrator_runtime.protocol.check_deadlines import Checked, CheckPorts, check_deadlines
from orchestrator_runtime.protocol.closing import ActivityPorts, EndPorts
from orchestrator_runtime.protocol.end_run import EndRequest, end_run
from orchestrator_runtime.protocol.open_activity import OpenRequest, open_activity
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.due_activities import DynamoDueActivities
from orchestrator_runtime.stores.registry import DynamoRegistry
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.cost.capacity_units import Bill, Meter, item_bytes
from tests.rules.calls import Calls
from tests.rules.memory_ports import MemoryExecutions
from tests.unit.moto_tables import CONTROL, REGION, REGISTRY, STATUS, Clock, create_tables

PLUGINS = (5, 50, 200)
BATCH = 10
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-NewBusiness:one"
TOKEN = "t" * 1000
ACTIVITY = "Rate"
TIMEOUT, START_WITHIN = 3600, 900
WRITES_A_STAGE = 6
"""Write units of a stage with one quick plugin: its plan, its plugin's row, its own row; and of the control item three:
the activity enters the stage, the dispatch is confirmed, the plugin leaves the pending set."""


@dataclass
class World:
    """Everything that is no table: what is published, and the tasks that are answered."""

    fails: bool = False

    dispatched: list[str] = field(default_factory=list)
    publishes: int = 0
    answers: int = 0

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        names = message.attributes["plugins"]
        assert isinstance(names, list)
        self.publishes += 1
        self.dispatched += names

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        self.answers += 1
        return True

    def fail(self, token: str, error: str, cause: str) -> bool:
        assert self.fails, cause
        self.answers += 1
        return True

    def tell(self, happening: Happening) -> None:
        assert not isinstance(happening, ReportRefused), happening

    def failed(self, error: Exception, **about: str | int) -> None:
        raise error


class Metered:
    """A deployment on metered tables, and one run of a workflow with one activity."""

    def __init__(self, *, fails: bool = False) -> None:
        client, self.probe = (
            boto3.client("dynamodb", REGION, aws_access_key_id="testing", aws_secret_access_key="testing") for _ in "12"
        )
        create_tables(self.probe)
        self.client = client
        self.meter = Meter(client, self.probe)
        self.world, self.clock = World(fails=fails), Clock(datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
        self.status = DynamoStatusStore(client, STATUS, self.clock)
        self.control = DynamoControlStore(client, CONTROL, self.clock)
        self.ports = ActivityPorts(
            status=self.status,
            control=self.control,
            registry=DynamoRegistry(client, REGISTRY),
            publisher=self.world,
            signals=self.world,
            journal=self.world,
            report_to="https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results",
            clock=self.clock,
        )
        self.end_ports = EndPorts(
            status=self.status, control=self.control, signals=self.world, journal=self.world, clock=self.clock
        )
        self._memory = PlanMemory()
        self.ref = RunRef("q-1", "NewBusiness", 1)
        settings = StageSettings(timeout_seconds=TIMEOUT, start_within_seconds=START_WITHIN)
        for stage in Stage:
            registry = DynamoRegistry(self.probe, REGISTRY)
            registry.put_settings(ACTIVITY, stage, settings, owner="arn:aws:stack", now=self.clock())

    @property
    def bill(self) -> Bill:
        return self.meter.bill

    def register(self, *names: str, stage: Stage = Stage.PARALLEL, line: str = "auto") -> None:
        for name in names:
            assert DynamoRegistry(self.probe, REGISTRY).put(
                Registration(
                    activity=ACTIVITY,
                    stage=stage,
                    name=name,
                    subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-{stage}:{name}",
                    endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
                    owner="arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1",
                    filter_policy={"line": [line]},
                    sender_role_ids=("AROAIOSFODNN7EXAMPLE",),
                )
            )

    def begin(self) -> None:
        request = BeginRequest(
            uid=self.ref.uid,
            workflow=self.ref.workflow,
            activities=((ACTIVITY,),),
            execution=EXECUTION,
            timeout=timedelta(days=30),
            metadata={"line": "auto"},
        )
        ports = BeginPorts(
            status=self.status,
            executions=MemoryExecutions(Calls()),
            journal=self.world,
            retention=timedelta(days=90),
            clock=self.clock,
        )
        assert begin_run(request, ports) == self.ref

    def open(self) -> None:
        ref = self.ref.activity(ACTIVITY)
        open_activity(OpenRequest(ref=ref, token=TOKEN, entered=self.clock(), retry=0), self.ports)

    def report(self, states: Mapping[str, State], *, stage: Stage = Stage.PARALLEL, quick: bool = False) -> None:
        """Bring reports, ten to a batch."""
        names = list(states)
        for start in range(0, len(names), BATCH):
            self.clock.forward(1)
            began = self.clock() - timedelta(seconds=0.5) if quick else None
            batch = [incoming(self.ref, stage, name, states[name], began) for name in names[start : start + BATCH]]
            assert record_results(batch, self.ports, lambda ref: self._memory.find(ref, self.status)) == []

    def check_deadlines(self, has_time: Callable[[], bool] = lambda: True) -> Checked:
        due = DynamoDueActivities(self.client, CONTROL)
        return check_deadlines(CheckPorts(activity=self.ports, due=due, has_time=has_time))

    def end(self) -> None:
        end_run(EndRequest(uid=self.ref.uid, workflow=self.ref.workflow, execution=EXECUTION), self.end_ports)

    def document(self) -> Mapping[str, Any]:
        store = DynamoStatusStore(self.probe, STATUS, self.clock)
        document = store.run_document(uid=self.ref.uid, workflow=self.ref.workflow)
        assert document is not None
        return document


def incoming(ref: RunRef, stage: Stage, plugin: str, state: State, began: datetime | None) -> IncomingReport:
    report = Report(
        uid=ref.uid,
        workflow=ref.workflow,
        activity=ACTIVITY,
        stage=stage,
        attempt=ref.attempt,
        plugin=plugin,
        state=state,
        started_at=began,
    )
    return IncomingReport.of_report(report, id=plugin, sender="AROAIOSFODNN7EXAMPLE:function")


@pytest.fixture
def metered() -> Iterator[Metered]:
    with mock_aws():
        yield Metered()


def longest_names(plugins: int) -> list[str]:
    names = [f"Plugin{number:058d}" for number in range(plugins)]
    assert {len(name) for name in names} == {64}
    return names


def bill_of_a_run(plugins: int, *, quick: bool = False, fails: bool = False) -> Bill:
    """Play a whole run with that many plugins on its parallel stage.

    Args:
        plugins: How many.
        quick: Whether each reports only its end, and with it when it started, as the decorator does for what takes
            less than a second. Default: its start and its end.
        fails: Whether the first of them ends in an error, so that the stage fails while the others still work.
    """
    metered, names = Metered(fails=fails), longest_names(plugins)
    metered.register(*names)
    metered.begin()
    metered.open()
    assert sorted(metered.world.dispatched) == names
    assert metered.world.publishes == 1
    if not quick:
        metered.report(dict.fromkeys(names, State.IN_PROGRESS))
    ends = dict.fromkeys(names, State.COMPLETE)
    if fails:
        ends[names[0]] = State.ERROR
    metered.report(ends, quick=quick)
    assert metered.world.answers == 1 or fails
    if not fails:
        metered.end()
    assert metered.document()["activities"][ACTIVITY]["state"] == ("Error" if fails else "Complete")
    return metered.bill


def show(bills: Mapping[int, Bill]) -> None:
    print(f"\n{'units':40}" + "".join(f"{plugins:>8}" for plugins in bills))
    for kind in ("write", "read", "index"):
        counts = {plugins: getattr(bill, kind) for plugins, bill in bills.items()}
        for what in sorted(set().union(*counts.values())):
            calls = [f"{count[what]:8g}" for count in counts.values()]
            print(f"{kind + ' ' + what:40}" + "".join(calls))
        print(f"{kind + ' total':40}" + "".join(f"{sum(count.values()):8g}" for count in counts.values()))
        print(
            f"{kind + ' per plugin':40}" + "".join(f"{sum(c.values()) / plugins:8.2f}" for plugins, c in counts.items())
        )


@pytest.mark.parametrize(
    ("quick", "fails", "most_writes", "most_reads"),
    [
        (False, False, 2.35, 0.46),
        (False, True, 2.45, 0.64),
        (True, False, 1.35, 0.36),
        (True, True, 1.45, 0.48),
    ],
    ids=["complete", "one-fails-early", "quick", "quick-one-fails-early"],
)
def test_units_grow_in_a_straight_line(quick: bool, fails: bool, most_writes: float, most_reads: float) -> None:
    bills: dict[int, Bill] = {}
    for plugins in PLUGINS:
        with mock_aws():
            bills[plugins] = bill_of_a_run(plugins, quick=quick, fails=fails)
    show(bills)
    for kind, most in (("write", most_writes), ("read", most_reads)):
        totals = [sum(getattr(bills[plugins], kind).values()) for plugins in PLUGINS]
        slopes = [
            (more - fewer) / (there - here)
            for here, there, fewer, more in zip(PLUGINS, PLUGINS[1:], totals, totals[1:], strict=False)
        ]
        assert max(slopes) <= most, (kind, slopes)
        assert totals[-1] / PLUGINS[-1] <= most, (kind, totals)
        assert statistics.correlation(PLUGINS, totals) ** 2 >= 0.999, (kind, totals)


def total(units: Mapping[str, float]) -> float:
    return sum(units.values())


@pytest.mark.parametrize("registered", [0, 50])
def test_an_activity_without_a_matching_plugin_costs_no_write_and_no_publish(metered: Metered, registered: int) -> None:
    metered.register(*(f"Home{number}" for number in range(registered)), line="home")
    metered.begin()
    before = metered.bill.calls.copy()
    metered.open()
    calls = {f"{STATUS} GetItem": 1, f"{CONTROL} GetItem": 1, f"{REGISTRY} Query": 1}
    # A filter policy may select by the outputs of earlier stages.
    outputs = {f"{STATUS} Query": 1} if registered else {}
    assert metered.bill.calls - before == Counter(calls | outputs)
    assert (metered.world.publishes, metered.world.answers) == (0, 1)


def bill_of_an_activity(*stages: Stage, others: int = 0) -> tuple[Bill, World]:
    """Play an activity with one quick plugin on each of these stages, and others that the run does not match."""
    with mock_aws():
        metered = Metered()
        for stage in Stage:
            metered.register(*(f"Home{number}" for number in range(others)), stage=stage, line="home")
        for stage in stages:
            metered.register("Score", stage=stage)
        metered.begin()
        metered.open()
        for stage in stages:
            metered.report({"Score": State.COMPLETE}, stage=stage, quick=True)
        metered.end()
        assert metered.document()["activities"][ACTIVITY]["state"] == State.COMPLETE
        assert metered.world.answers == 1
        return metered.bill, metered.world


def test_a_stage_without_a_matching_plugin_costs_no_write_and_no_publish() -> None:
    alone, _ = bill_of_an_activity(Stage.PARALLEL)
    beside, world = bill_of_an_activity(Stage.PARALLEL, others=2)
    assert (alone.write, alone.index) == (beside.write, beside.index)
    assert world.publishes == 1
    # The registrations are read with the others; a filter policy may select by the outputs of earlier stages.
    assert beside.calls - alone.calls == Counter({f"{STATUS} Query": 1})
    assert alone.calls - beside.calls == Counter()


def test_each_further_stage_costs_the_same() -> None:
    one, two, three = (bill_of_an_activity(*list(Stage)[:stages])[0] for stages in (1, 2, 3))
    show({1: one, 2: two, 3: three})
    writes = [total(bill.write) for bill in (one, two, three)]
    assert writes[2] - writes[1] == writes[1] - writes[0] == WRITES_A_STAGE
    assert one.index == two.index == three.index, (
        "the due index is written when the activity opens and when it finishes"
    )


def test_a_waiting_activity_costs_nothing_between_checks(metered: Metered) -> None:
    """A check of which nothing is due reads the empty end of each shard, whatever waits."""
    metered.register(*longest_names(5))
    metered.begin()
    metered.open()
    writes, reads, calls = metered.bill.write.copy(), total(metered.bill.read), metered.bill.calls.copy()
    for _ in range(3):
        metered.clock.forward(60)
        assert metered.check_deadlines() == Checked()
    assert metered.bill.write == writes
    assert metered.bill.calls - calls == Counter({f"{CONTROL} Query": 3 * DUE_SHARDS})
    assert total(metered.bill.read) - reads == 3 * DUE_SHARDS / 2


def test_a_check_that_finds_an_activity_in_time_writes_once(metered: Metered) -> None:
    names = longest_names(50)
    metered.register(*names)
    metered.begin()
    metered.open()
    metered.report(dict.fromkeys(names, State.IN_PROGRESS))
    writes, index = total(metered.bill.write), total(metered.bill.index)
    metered.clock.forward(START_WITHIN)
    assert metered.check_deadlines() == Checked(checked=1)
    assert total(metered.bill.write) - writes == 1
    assert total(metered.bill.index) - index == 2, "the key of the index is replaced"
    assert metered.check_deadlines() == Checked()
    metered.clock.forward(TIMEOUT - START_WITHIN - 10)
    assert metered.check_deadlines() == Checked(), "it is due when the first timeout may have passed, and not before"


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
