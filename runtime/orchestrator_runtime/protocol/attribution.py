"""Finds out which plugin an invocation record is of: Lambda does not know the plugins' names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from orchestrator_runtime.core.invocation_record import InvocationRecord
from orchestrator_runtime.core.plan import one_of_each_name
from orchestrator_runtime.core.records import StagePlan, StageRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.models import Report
from orchestrator_runtime.ports import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRecord:
    """An invocation record as the queue delivered it.

    Attributes:
        id: The queue's id of the message.
        record: The record.
        sender: Who sent it: Lambda, in the function's role.
        trace_header: The trace that it was sent in, if there is one.
    """

    id: str
    record: InvocationRecord
    sender: str | None = None
    trace_header: str | None = None

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
    """A stage's registrations, read at most once for a batch, and only if the plan does not have the answer."""

    def __init__(self, registry: Registry, ref: StageRef) -> None:
        self._registry = registry
        self.ref = ref

    @cached_property
    def all(self) -> Sequence[Registration]:
        """All of them, as they stand."""
        return self._registry.registrations(self.ref.activity, self.ref.stage)

    def named(self, name: str) -> Registration | None:
        """The one that counts of a name: a namesake that was merely found lends nobody the right to report."""
        return next((r for r in one_of_each_name(self.all) if r.name == name), None)

    def plugin_of(self, record: InvocationRecord, plan: StagePlan) -> str | None:
        """The plugin that a record is of, or ``None`` if it is nobody's.

        The plan knows by what name it waits for a subscription, whatever became of that since.
        """
        if name := plan.called_through(record.subscription_arn):
            return name
        return next((r.name for r in self.all if r.subscription_arn == record.subscription_arn), None)
