"""Reads the results queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from orchestrator_runtime.core.happening import ReportRefused
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.invocation_record import MalformedRecordError, is_record, read_record
from orchestrator_runtime.core.records import StagePlan, StageRef
from orchestrator_runtime.foreign_text import shown
from orchestrator_runtime.handlers.environment import activity_ports, tracer
from orchestrator_runtime.models import Report, problems_of
from orchestrator_runtime.ports import Journal, StatusStore
from orchestrator_runtime.protocol.recent import Recent
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.report_memory import ReportMemory

_MOST_DETAIL: Final = 512
"""Characters of what is wrong with a message: whoever may send to the queue has each of them logged."""


class PlanMemory:
    """Remembers plans: they never change, and a stage's reports come one after another.

    Without it, each batch would read a plan as large as the stage has plugins, and a
    stage's cost would grow with the square of their number.
    """

    MOST: Final = 256

    def __init__(self) -> None:
        self._plans: Recent[StageRef, StagePlan] = Recent(self.MOST)

    def find(self, ref: StageRef, status: StatusStore) -> StagePlan | None:
        """The stage's plan, from memory if it is there."""
        plan = self._plans.get(ref) or status.get_plan(ref)
        if plan is not None:
            self._plans.remember(ref, plan)
        return plan


_memory = PlanMemory()
_reports = ReportMemory()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Record a batch of reports.

    Args:
        event: A batch of SQS messages, each body a report, or Lambda's record of a call.
        context: Lambda's.

    Returns:
        ``{"batchItemFailures": […]}``: the messages that have to be received again.
    """
    ports = activity_ports()
    batch = [report for record in event["Records"] if (report := parse(record, ports.journal)) is not None]
    again = record_results(batch, ports, lambda ref: _memory.find(ref, ports.status), tracer(), _reports)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}


def parse(message: Mapping[str, Any], journal: Journal) -> IncomingReport | None:
    """Read a message of the results queue. One that is not a report is refused, and not received again."""
    message_id, body = message["messageId"], message["body"]
    attributes = message.get("attributes", {})
    sender, sent_in = attributes.get("SenderId"), attributes.get("AWSTraceHeader")
    try:
        if (record := _decoded_record(body)) is not None:
            read = read_record(record)
            return IncomingReport.of_record(read, id=message_id, sender=sender, trace_header=sent_in)
        report = Report.model_validate_json(body)
        return IncomingReport.of_report(report, id=message_id, sender=sender, trace_header=sent_in)
    except ValidationError as error:
        problem = "; ".join(problems_of(error))
    except MalformedRecordError as error:
        problem = str(error)
    about = {"message_id": shown(message_id)}
    journal.tell(ReportRefused(reason="malformed", detail=shown(problem, _MOST_DETAIL), about=about))
    return None


def _decoded_record(body: str) -> dict[str, Any] | None:
    """The document, if it is an invocation record; what cannot be decoded is left for the report's own reader."""
    # Most messages are reports: those are decoded once, and by their model.
    if '"requestPayload"' not in body:
        return None
    try:
        document = from_json(body)  # unlike the standard library's, it takes no endless nesting and no half characters
    except ValueError:
        return None
    return document if is_record(document) else None
