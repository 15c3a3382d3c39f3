"""The world as the protocol sees it, in memory: every port, one clock, every effect seen before it happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator_runtime.protocol.begin_run import BeginPorts
from orchestrator_runtime.protocol.end_run import EndPorts
from orchestrator_runtime.protocol.stage_effects import StagePorts
from tests.world.control import MemoryControlStore
from tests.world.effects import Effects
from tests.world.outside import MemoryExecutions, MemoryJournal, MemoryPublisher, MemoryRegistry, MemorySignals
from tests.world.status import MemoryStatusStore

START = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
RETENTION = timedelta(days=90)
REPORT_TO = "https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results"


class World:
    """Everything outside of the protocol.

    Attributes:
        effects: Announces each call of a port but the journal's; set its hook to crash or to interleave.
        now: The one clock. Nothing moves it but ``forward``.
    """

    def __init__(self) -> None:
        self.now = START
        self.effects = Effects()
        self.status = MemoryStatusStore(self.clock, self.effects)
        self.control = MemoryControlStore(self.clock, self.effects)
        self.registry = MemoryRegistry(self.effects)
        self.publisher = MemoryPublisher(self.effects)
        self.signals = MemorySignals(self.effects)
        self.executions = MemoryExecutions(self.effects)
        self.journal = MemoryJournal()

    def clock(self) -> datetime:
        """The time."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def stage_ports(self) -> StagePorts:
        """What the flows of a stage need."""
        return StagePorts(
            status=self.status,
            control=self.control,
            registry=self.registry,
            publisher=self.publisher,
            signals=self.signals,
            report_to=REPORT_TO,
            clock=self.clock,
        )

    def begin_ports(self) -> BeginPorts:
        """What beginning a run needs."""
        return BeginPorts(status=self.status, executions=self.executions, retention=RETENTION, clock=self.clock)

    def end_ports(self) -> EndPorts:
        """What ending a run needs."""
        return EndPorts(status=self.status, control=self.control, clock=self.clock)
