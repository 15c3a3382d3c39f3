"""What reports cost that nobody waits for, however many plugins the stage has and however large their filters are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from moto import mock_aws

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.report_memory import ReportMemory
from orchestrator_runtime.stores.registry import DynamoRegistry
from tests.cost.test_cost_is_linear import ACTIVITY, BATCH, Metered, incoming, total
from tests.rules.memory_ports import MemoryJournal
from tests.unit.moto_tables import CONTROL, REGISTRY, STATUS

REGISTERED = 100
FILTER_BYTES = 4_096


class Busy(Metered):
    """A stage with many plugins whose filters are large, and a run that waits for one of them."""

    def __init__(self) -> None:
        super().__init__()
        registry = DynamoRegistry(self.probe, REGISTRY)
        for number in range(REGISTERED):
            line = "auto" if number == 0 else "home"
            registration = Registration(
                activity=ACTIVITY,
                stage=Stage.PARALLEL,
                name=f"P{number}",
                subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:{number}",
                endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:P{number}",
                owner="arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1",
                filter_policy={"line": [line, "x" * FILTER_BYTES]},
                sender_role_ids=("AROAIOSFODNN7EXAMPLE",),
            )
            assert registry.register(registration) is None
        self.ports = replace(self.ports, journal=MemoryJournal())
        self.reports = ReportMemory()
        self.begin()
        self.open()

    def cost(self, names: Sequence[str], state: State = State.COMPLETE) -> tuple[Counter[str], float]:
        """The calls and the read units of one batch; it writes nothing of a plugin that is not registered."""
        calls, reads = self.bill.calls.copy(), total(self.bill.read)
        batch = [incoming(self.ref, Stage.PARALLEL, name, state, None) for name in names]
        find = self._memory.find
        assert record_results(batch, self.ports, lambda ref: find(ref, self.status), memory=self.reports) == []
        return self.bill.calls - calls, total(self.bill.read) - reads


@pytest.fixture
def busy() -> Iterator[Busy]:
    with mock_aws():
        yield Busy()


def test_a_batch_of_unregistered_names_reads_a_key_for_each_and_the_stage_once_a_minute(busy: Busy) -> None:
    first, _ = busy.cost(["Nobody"])
    assert first == {f"{STATUS} GetItem": 1, f"{CONTROL} GetItem": 1, f"{REGISTRY} GetItem": 1, f"{REGISTRY} Query": 1}
    calls, units = busy.cost([f"Nobody{number}" for number in range(BATCH)])
    assert calls == {f"{CONTROL} GetItem": 1, f"{REGISTRY} GetItem": BATCH}
    assert units == BATCH + 1


def test_a_batch_with_a_plugin_that_the_run_does_not_expect_reads_its_registration_alone(busy: Busy) -> None:
    busy.cost(["P0"])
    calls, units = busy.cost(["P7"])
    assert calls - Counter({f"{STATUS} PutItem": 1}) == {f"{CONTROL} GetItem": 1, f"{REGISTRY} GetItem": 2}
    assert units <= 2 + 2, "the control item, the name and the registration of some 4 KB"


def test_a_batch_with_a_plugin_that_the_run_expects_reads_nothing_of_the_registry(busy: Busy) -> None:
    calls, _ = busy.cost(["P0"], State.IN_PROGRESS)
    assert not [call for call in calls if call.startswith(REGISTRY)]
