"""Reads the results queue."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from pydantic import ValidationError

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.core.records import StagePlan, StageRef
from orchestrator_runtime.handlers.environment import stage_ports
from orchestrator_runtime.models import Report, problems_of
from orchestrator_runtime.ports import Journal, StatusStore
from orchestrator_runtime.protocol.record_result import Received, record_results

logger = Logger()
metrics = Metrics()


class PlanMemory:
    """Remembers plans: they never change, and a stage's reports come one after another.

    Without it, each batch would read a plan as large as the stage has plugins, and a
    stage's cost would grow with the square of their number.
    """

    MOST: Final = 256

    def __init__(self) -> None:
        self._plans: OrderedDict[StageRef, StagePlan] = OrderedDict()

    def find(self, ref: StageRef, status: StatusStore) -> StagePlan | None:
        """The stage's plan, from memory if it is there."""
        plan = self._plans.get(ref) or status.get_plan(ref)
        if plan is not None:
            self._plans[ref] = plan
            self._plans.move_to_end(ref)
            if len(self._plans) > self.MOST:
                self._plans.popitem(last=False)
        return plan


_memory = PlanMemory()


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Record a batch of reports.

    Args:
        event: A batch of SQS messages, each body a report.
        context: Lambda's.

    Returns:
        ``{"batchItemFailures": […]}``: the messages that have to come again.
    """
    journal = LoggedJournal(logger, metrics)
    ports = stage_ports()
    batch = [received for record in event["Records"] if (received := parse(record, journal)) is not None]
    again = record_results(batch, ports, journal, lambda ref: _memory.find(ref, ports.status))
    journal.publish()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}


def parse(record: Mapping[str, Any], journal: Journal) -> Received | None:
    """Read a message of the results queue; what is no report is refused, and does not come again."""
    try:
        report = Report.model_validate_json(record["body"])
    except ValidationError as error:
        journal.refused("malformed", "; ".join(problems_of(error))[:1024], message_id=record["messageId"])
        return None
    return Received(id=record["messageId"], report=report, sender=record.get("attributes", {}).get("SenderId"))
