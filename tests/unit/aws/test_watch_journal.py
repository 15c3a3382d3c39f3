"""Metrics of each workflow and of all together, and each alert, are log lines."""

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
    """The lines written, which in Lambda go to one log."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        # Loggers of one service share the stream of the first.
        self.service = f"watch-{next(_NUMBERS)}"
        logger = Logger(service=self.service, stream=self.stream, level="INFO")
        self.journal = LoggedWatch(logger, "claims-dev", stream=self.stream)

    @property
    def line(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.stream.getvalue())
        return line


COUNTS = {Metric.ACTIVE_RUNS: 3, Metric.OVERDUE_RUNS: 0}


@pytest.mark.parametrize(("workflow", "dimensions"), [(None, []), ("NewBusiness", ["workflow"])])
def test_counts_are_metrics_of_one_workflow_or_of_all(workflow: str | None, dimensions: list[str]) -> None:
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
    keys = {"level": "INFO", "message": "runs in progress", "service": log.service, **of}
    assert line == keys | {"ActiveRuns": [3.0], "OverdueRuns": [0.0]}


def test_alert_is_logged_with_its_run() -> None:
    log = Log()
    alert = Alert(kind=AlertKind.OVERDUE, workflow="NewBusiness", id="one", subject="s", text="t", document={"a": "d"})
    log.journal.published(alert, run_ref())
    logged = {key: log.line[key] for key in ("level", "message", "kind", "uid", "workflow", "attempt")}
    assert logged == {"level": "INFO", "message": "alert published", "kind": "overdue", **run_ref().as_document()}


def test_error_is_logged_with_its_workflow() -> None:
    log = Log()
    log.journal.failed(ValueError("why"), workflow="NewBusiness")
    assert (log.line["level"], log.line["message"], log.line["workflow"]) == (
        "ERROR",
        "runs could not be watched",
        "NewBusiness",
    )
    assert log.line["exception_name"] == "ValueError"
