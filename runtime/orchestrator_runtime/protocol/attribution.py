"""Finds out which plugin an invocation record is of: Lambda does not know the plugins' names."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

from orchestrator_runtime.core.invocation_record import Callees, InvocationRecord
from orchestrator_runtime.core.records import StagePlan, StageRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.models import Report
from orchestrator_runtime.ports import Registry

CalleesByStage = MutableMapping[StageRef, Callees]
"""What is remembered of whom the stages of runs call; it may forget. Without it, a stage whose plugins are known by
records alone would read all its registrations for each batch, and cost the square of the plugins' number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRecord:
    """An invocation record as the queue delivered it.

    Attributes:
        id: The queue's id of the message.
        record: The record.
        sender: Who sent it: Lambda, in the function's role.
    """

    id: str
    record: InvocationRecord
    sender: str | None = None

    @property
    def ref(self) -> StageRef:
        """The stage that it reports on."""
        return self.record.stage

    def report_of(self, plugin: str) -> Report:
        """It, as that plugin's report.

        A success is the plugin's ``Complete``, even if it is registered as one that reports for itself: the
        constructs ask Lambda for successes of functions that do not, and nobody else asks without meaning it. Had
        the function reported after all, its row is terminal and this changes nothing.
        """
        ref, record = self.ref, self.record
        return Report(
            uid=ref.run.uid,
            workflow=ref.run.workflow,
            activity=ref.activity,
            stage=ref.stage,
            attempt=ref.attempt,
            plugin=plugin,
            state=record.state,
            message=record.message,
            output=record.output,
        )


class StageRegistrations:
    """A stage's registrations, read at most once for a batch, and only if something asks for them."""

    def __init__(self, registry: Registry, ref: StageRef, known: CalleesByStage) -> None:
        self._registry = registry
        self.ref = ref
        self._known = known
        self._read: Sequence[Registration] | None = None

    def all(self) -> Sequence[Registration]:
        """All of them, as they stand."""
        if self._read is None:
            self._read = self._registry.registrations(self.ref.activity, self.ref.stage)
        return self._read

    def plugin_of(self, record: InvocationRecord, plan: StagePlan) -> str | None:
        """The plugin that a record is of, or ``None`` if it is nobody's.

        What is remembered is believed where it names a plugin that the stage waits for; one that it does not know,
        or that has changed its name since, is looked up.
        """
        known = self._known.get(self.ref)
        name = known.name(record) if known else None
        if name is None or plan.index_of(name) is None:
            self._known[self.ref] = read = Callees.of(self.all())
            name = read.name(record)
        return name
