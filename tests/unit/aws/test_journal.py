"""Each event is one JSON line with its metrics."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.contract import Ending, State
from orchestrator_runtime.core.happening import (
    Happening,
    PluginEnded,
    PluginsDispatched,
    PluginUnreachable,
    Reconciled,
    ReportRefused,
    RunEnded,
    RunStarted,
    StageClosed,
)
from tests.unit.samples import run_ref, stage_ref

_NUMBERS = count()
RUN: dict[str, Any] = {"uid": "q-1", "workflow": "NewBusiness", "attempt": 1}
STAGE: dict[str, Any] = {**RUN, "activity": "Rate", "stage": "parallel"}
OF_RUN = [[], ["workflow"]]
OF_STAGE = [["activity", "stage"]]
OF_PLUGIN = [["activity", "stage", "plugin"]]
SECONDS = timedelta(seconds=1.5)


def lines_of(capsys: pytest.CaptureFixture[str], *happenings: Happening, **options: Any) -> list[dict[str, Any]]:
    """Returns the lines written, which in Lambda go to one log."""
    stream = io.StringIO()
    # Loggers of one service share the stream of the first.
    logger = Logger(service=f"journal-{next(_NUMBERS)}", stream=stream, level="INFO")
    journal = LoggedJournal(logger, "claims-dev", **options)
    for happening in happenings:
        journal.tell(happening)
    return [json.loads(line) for line in [*capsys.readouterr().out.splitlines(), *stream.getvalue().splitlines()]]


MEASURED: dict[str, tuple[Happening, str, dict[str, Any], dict[str, tuple[float, str]], list[list[str]]]] = {
    "start": (
        RunStarted(ref=run_ref(), execution="arn:one"),
        "INFO run started",
        {**RUN, "execution": "arn:one"},
        {"RunsStarted": (1, "Count")},
        OF_RUN,
    ),
    "resume": (
        RunStarted(ref=run_ref(2), execution="arn:two"),
        "INFO run resumed",
        {**RUN, "attempt": 2, "execution": "arn:two"},
        {"RunsResumed": (1, "Count")},
        OF_RUN,
    ),
    **{
        ending.value: (
            RunEnded(ref=run_ref(), ending=ending, took=SECONDS),
            f"{level} run ended",
            {**RUN, "ending": ending.value},
            {metric: (1, "Count"), "RunDuration": (1500, "Milliseconds")},
            OF_RUN,
        )
        for ending, level, metric in [
            (Ending.COMPLETED, "INFO", "RunsCompleted"),
            (Ending.FAILED, "WARNING", "RunsFailed"),
            (Ending.CANCELLED, "WARNING", "RunsCancelled"),
            (Ending.STOPPED, "WARNING", "RunsStopped"),
            (Ending.TIMED_OUT, "WARNING", "RunsTimedOut"),
        ]
    },
    "closed": (
        StageClosed(ref=stage_ref(), state=State.COMPLETE, took=SECONDS),
        "INFO stage closed",
        {**STAGE, "state": "Complete"},
        {"StageDuration": (1500, "Milliseconds")},
        OF_STAGE,
    ),
    "closed by an error": (
        StageClosed(ref=stage_ref(), state=State.ERROR, took=SECONDS),
        "WARNING stage closed",
        {**STAGE, "state": "Error"},
        {"StageDuration": (1500, "Milliseconds")},
        OF_STAGE,
    ),
    "plugin": (
        PluginEnded(ref=stage_ref(), plugin="Score", state=State.COMPLETE, took=SECONDS, to_start=timedelta()),
        "INFO plugin ended",
        {**STAGE, "plugin": "Score", "state": "Complete"},
        {
            "PluginErrors": (0, "Count"),
            "PluginDuration": (1500, "Milliseconds"),
            "PluginTimeToStart": (0, "Milliseconds"),
        },
        OF_PLUGIN,
    ),
    "optional plugin's error": (
        PluginEnded(ref=stage_ref(), plugin="Score", state=State.OPTIONAL_TASK_ERROR),
        "WARNING plugin ended",
        {**STAGE, "plugin": "Score", "state": "Optional Task Error"},
        {"PluginErrors": (1, "Count")},
        OF_PLUGIN,
    ),
    "refused": (
        ReportRefused(reason="wrong-sender", detail="not ü", about={**STAGE, "plugin": "Score"}, expected=True),
        "WARNING report refused",
        {**STAGE, "plugin": "Score", "reason": "wrong-sender", "detail": "not ü"},
        {"RefusedReports": (1, "Count")},
        [[], ["activity", "stage", "plugin"]],
    ),
    "reconciled": (
        Reconciled(checked=7, repairs=1, problems=2, whole=True),
        "WARNING reconciled",
        {"checked": 7, "repairs": 1, "problems": 2},
        {"RegistrationProblems": (2, "Count")},
        [[]],
    ),
    "reconciled without problems": (
        Reconciled(checked=7, repairs=0, problems=0, whole=True),
        "INFO reconciled",
        {"checked": 7, "repairs": 0, "problems": 0},
        {"RegistrationProblems": (0, "Count")},
        [[]],
    ),
    "refused, from an unknown plugin": (
        ReportRefused(reason="malformed", detail="no JSON", about={"message_id": "m-1"}),
        "WARNING report refused",
        {"message_id": "m-1", "reason": "malformed", "detail": "no JSON"},
        {"RefusedReports": (1, "Count")},
        [[]],
    ),
}


@pytest.mark.parametrize(("happening", "written", "keys", "measures", "dimensions"), MEASURED.values(), ids=MEASURED)
def test_event_with_metrics_is_one_line(  # noqa: PLR0917 - columns of a table
    capsys: pytest.CaptureFixture[str],
    happening: Happening,
    written: str,
    keys: dict[str, Any],
    measures: dict[str, tuple[float, str]],
    dimensions: list[list[str]],
) -> None:
    [line] = lines_of(capsys, happening)
    [embedded] = line.pop("_aws")["CloudWatchMetrics"]
    assert embedded == {
        "Namespace": "claims-dev",
        "Dimensions": dimensions,
        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in measures.items()],
    }
    level, _, message = written.partition(" ")
    values = {name: [value] for name, (value, _) in measures.items()}
    assert line.pop("service").startswith("journal-")
    assert line == {"level": level, "message": message, **keys, **values}


@pytest.mark.parametrize(
    ("happening", "written", "keys"),
    [
        (
            Reconciled(checked=1, repairs=0, problems=1, whole=False),
            "INFO reconciled",
            {"checked": 1, "repairs": 0, "problems": 1},
        ),
        (
            PluginsDispatched(ref=stage_ref(), plugins=("A", "B"), expected=2),
            "INFO plugins dispatched",
            {**STAGE, "dispatched": 2, "expected": 2},
        ),
        (
            PluginsDispatched(ref=stage_ref(), plugins=tuple("ABCDEF"), expected=9),
            "INFO plugins dispatched",
            {**STAGE, "dispatched": 6, "expected": 9, "plugins": ["A", "B", "C", "D", "E"]},
        ),
        (
            PluginUnreachable(ref=stage_ref(), plugin="Score", detail="key 'tariff' is no message attribute"),
            "WARNING plugin cannot be invoked",
            {**STAGE, "plugin": "Score", "detail": "key 'tariff' is no message attribute"},
        ),
    ],
)
def test_event_without_metrics_is_a_plain_line(
    capsys: pytest.CaptureFixture[str], happening: Happening, written: str, keys: dict[str, Any]
) -> None:
    [line] = lines_of(capsys, happening)
    assert {key: line[key] for key in keys} == keys
    assert (f"{line['level']} {line['message']}", "_aws" in line) == (written, False)


def test_plugin_metrics_can_be_turned_off(capsys: pytest.CaptureFixture[str]) -> None:
    of_plugins = [MEASURED[name][0] for name in ("plugin", "optional plugin's error")]
    others = [MEASURED[name][0] for name in ("closed", "refused")]
    lines = lines_of(capsys, *of_plugins, *others, measure_plugins=False)
    measured = [line for line in lines if "_aws" in line]
    assert [line["message"] for line in measured] == ["stage closed", "report refused"]
    assert measured[1]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]
    plain = [line for line in lines if "_aws" not in line]
    assert [(line["level"], line["plugin"]) for line in plain] == [("INFO", "Score"), ("WARNING", "Score")]


def test_failure_is_one_line_with_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    journal = LoggedJournal(Logger(service=f"failures-{next(_NUMBERS)}", stream=stream, level="INFO"), "claims-dev")
    try:
        raise OSError("the table is not there")
    except OSError as error:
        journal.failed(error, uid="q-1", workflow="NewBusiness")
    [line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["level"], line["uid"], line["exception_name"]) == ("ERROR", "q-1", "OSError")
    assert "the table is not there" in line["exception"]
    assert capsys.readouterr().out == ""
