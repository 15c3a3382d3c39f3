"""A line for each workflow and one for all, from which CloudWatch makes metrics; a plain one for each alert."""

from __future__ import annotations

import io
import json
from itertools import count
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from orchestrator_runtime.aws.watch_journal import LoggedWatch
from orchestrator_runtime.contract import Metric
from orchestrator_runtime.core.alert import Alert, AlertKind
from tests.unit.samples import run_ref

_NUMBERS = count()


class Log:
    """What is written, in Lambda all to one log."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        # A logger keeps the stream that it was given when the first of its service was made.
        self.service = f"watch-{next(_NUMBERS)}"
        logger = Logger(service=self.service, stream=self.stream, level="INFO")
        self.journal = LoggedWatch(logger, "claims-dev", stream=self.stream)

    @property
    def line(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.stream.getvalue())
        return line


COUNTS = {Metric.ACTIVE_RUNS: 3, Metric.OVERDUE_RUNS: 0}


@pytest.mark.parametrize(("workflow", "dimensions"), [(None, []), ("NewBusiness", ["workflow"])])
def test_counts_are_metrics_of_a_workflow_or_of_all(workflow: str | None, dimensions: list[str]) -> None:
    log = Log()
    log.journal.measured(workflow, COUNTS)
    line = log.line
    assert line.pop("_aws")["CloudWatchMetrics"] == [
        {
            "Namespace": "claims-dev",
            "Dimensions": [dimensions],
            "Metrics": [{"Name": "ActiveRuns", "Unit": "Count"}, {"Name": "OverdueRuns", "Unit": "Count"}],
        }
    ]
    of = {"workflow": workflow} if workflow else {}
    told = {"level": "INFO", "message": "runs in progress", "service": log.service, **of}
    assert line == told | {"ActiveRuns": [3.0], "OverdueRuns": [0.0]}


def test_an_alert_is_logged_by_its_run() -> None:
    log = Log()
    alert = Alert(kind=AlertKind.OVERDUE, workflow="NewBusiness", id="one", subject="s", text="t", document={"a": "d"})
    log.journal.said(alert, run_ref())
    told = {key: log.line[key] for key in ("level", "message", "kind", "uid", "workflow", "attempt")}
    assert told == {"level": "INFO", "message": "alert published", "kind": "overdue", **run_ref().as_document()}


def test_an_error_is_logged_with_its_workflow() -> None:
    log = Log()
    log.journal.failed(ValueError("why"), workflow="NewBusiness")
    assert (log.line["level"], log.line["message"], log.line["workflow"]) == (
        "ERROR",
        "runs not watched",
        "NewBusiness",
    )
    assert log.line["exception_name"] == "ValueError"
