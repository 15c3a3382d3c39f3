"""What is noted: one JSON line and one count, and never a payload."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics

from orchestrator_runtime.aws.journal import LoggedJournal


class Desk:
    """A journal whose lines a test can read."""

    def __init__(self, name: str) -> None:
        self._stream = io.StringIO()
        self.metrics = Metrics(namespace="claims-dev", service=name)
        self.journal = LoggedJournal(Logger(service=name, stream=self._stream, level="INFO"), self.metrics)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


def test_a_refusal_is_one_line_and_one_count(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk("refusals")
    desk.journal.refused("unknown-run", "no such run: ü", uid="q-1", workflow="NewBusiness", plugin="Score", attempt=2)
    [line] = desk.lines
    assert line["level"] == "WARNING"
    assert line["message"] == "report refused"
    about = {key: line[key] for key in ("reason", "detail", "uid", "workflow", "plugin", "attempt")}
    assert about == {
        "reason": "unknown-run",
        "detail": "no such run: ü",
        "uid": "q-1",
        "workflow": "NewBusiness",
        "plugin": "Score",
        "attempt": 2,
    }
    desk.metrics.flush_metrics()
    [told] = map(json.loads, capsys.readouterr().out.splitlines())
    assert told["RefusedReports"] == [1.0]
    [embedded] = told["_aws"]["CloudWatchMetrics"]
    assert embedded["Namespace"] == "claims-dev"
    assert embedded["Metrics"] == [{"Name": "RefusedReports", "Unit": "Count"}]


def test_refusals_of_one_call_are_counted_together(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk("together")
    for _ in range(3):
        desk.journal.refused("malformed", "no JSON", message_id="m-1")
    desk.metrics.flush_metrics()
    [told] = map(json.loads, capsys.readouterr().out.splitlines())
    assert sum(told["RefusedReports"]) == 3
    assert len(desk.lines) == 3


def test_a_failure_is_one_line_with_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk("failures")
    try:
        raise OSError("the table is not there")
    except OSError as error:
        desk.journal.failed(error, uid="q-1", workflow="NewBusiness")
    [line] = desk.lines
    assert (line["level"], line["uid"], line["exception_name"]) == ("ERROR", "q-1", "OSError")
    assert "the table is not there" in line["exception"]
    assert capsys.readouterr().out == ""
