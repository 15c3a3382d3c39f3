"""The documents that cross the system's borders."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator_runtime.contract import REPORTABLE, Stage, State
from orchestrator_runtime.models import PluginMessage, Report, RunInput, problems_of

SECRET = "1978-05-23"
REPORT: dict[str, Any] = {
    "uid": "q-1",
    "workflow": "NewBusiness",
    "activity": "Rate",
    "stage": "parallel",
    "attempt": 1,
    "plugin": "Score",
    "state": "Complete",
}


def test_the_least_run_input() -> None:
    run_input = RunInput.model_validate({"uid": "q-1"})
    assert (run_input.metadata, run_input.metadata_override) == ({}, False)


def test_metadata_are_taken_as_they_are() -> None:
    metadata = {"a": [1, 1.5, True, None, {"ü": ""}], "": 0}
    assert RunInput.model_validate({"uid": "q-1", "metadata": metadata}).metadata == metadata


@pytest.mark.parametrize(
    "by", [None, "a", "arn:aws:iam::123456789012:user/" + "p" * 512, "Łucja, night shift", "x" * 1024]
)
def test_who_starts_a_run_is_taken_as_it_is_said(by: str | None) -> None:
    assert RunInput.model_validate({"uid": "q-1", "by": by}).by == by


@pytest.mark.parametrize("by", ["", "  ", "x" * 1025, "two\nlines", "half \ud800", "\x1b[31m"])
def test_what_names_nobody_is_refused_and_not_quoted(by: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RunInput.model_validate({"uid": "q-1", "by": by})
    [told] = problems_of(refused.value)
    assert told.startswith("by: by must be 1 to 1,024 characters")


def test_who_starts_a_run_is_text() -> None:
    with pytest.raises(ValidationError):
        RunInput.model_validate({"uid": "q-1", "by": ["ann"]})


def test_the_least_report_and_what_it_leaves_open() -> None:
    report = Report.model_validate(REPORT)
    assert (report.stage, report.state) == (Stage.PARALLEL, State.COMPLETE)
    assert (report.message, report.progress, report.output) == (None, None, None)


def test_a_report_may_carry_more_than_is_read() -> None:
    assert Report.model_validate(REPORT | {"sdk": "go 1.2"}) == Report.model_validate(REPORT)


@pytest.mark.parametrize("state", State)
def test_a_plugin_reports_what_is_its_own_to_say(state: State) -> None:
    if state in REPORTABLE:
        assert Report.model_validate(REPORT | {"state": state.value}).state is state
        return
    with pytest.raises(ValidationError, match=f"a plugin cannot report '{state.value}': report one of"):
        Report.model_validate(REPORT | {"state": state.value})


@pytest.mark.parametrize("progress", [0, 0.5, 100])
def test_progress_is_a_percentage(progress: float) -> None:
    assert Report.model_validate(REPORT | {"progress": progress}).progress == progress


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"uid": ""}, "uid: uid must be a non-empty string: give"),
        ({"uid": f"{SECRET}\x07"}, "uid: uid has control characters"),
        ({"workflow": "a/b"}, "workflow: the workflow name is not allowed"),
        ({"activity": "a b"}, "activity: the activity name is not allowed"),
        ({"plugin": "a/b"}, "plugin: the plugin name is not allowed"),
        ({"plugin": f"{SECRET}/"}, "plugin: the plugin name is not allowed: use 1 to 64"),
        ({"stage": SECRET}, "stage: Input should be 'pre', 'parallel' or 'post'"),
        ({"attempt": 0}, "attempt: Input should be greater than or equal to 1"),
        ({"attempt": 1.5}, "attempt: "),
        ({"state": SECRET}, "state: Input should be "),
        ({"progress": -0.1}, "progress: Input should be greater than or equal to 0"),
        ({"progress": 100.1}, "progress: Input should be less than or equal to 100"),
        ({"progress": float("nan")}, "progress: "),
        ({"message": [SECRET]}, "message: Input should be a valid string"),
    ],
    ids=str,
)
def test_problems_say_what_is_wrong_and_quote_no_payload(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Report.model_validate(REPORT | changed)
    [problem] = problems_of(refused.value)
    assert problem.startswith(told)
    assert SECRET not in problem


def test_a_document_that_is_none_is_named_as_such() -> None:
    with pytest.raises(ValidationError) as refused:
        Report.model_validate_json(f"[{SECRET}")
    [problem] = problems_of(refused.value)
    assert problem.startswith("the document: Invalid JSON")
    assert SECRET not in problem


def test_of_very_many_problems_the_first_are_told_and_places_are_cut() -> None:
    with pytest.raises(ValidationError) as refused:
        PluginMessage.model_validate({"plugins": [1] * 50_000})
    told = problems_of(refused.value)
    assert told[2:] == [*(f"{key}: Field required" for key in ("activity", "stage", "attempt")), *told[5:]]
    assert told[-1] == "and 49,998 more"
    with pytest.raises(ValidationError) as refused:
        RunInput.model_validate({"uid": "q-1", "k" * 200_000: SECRET})
    assert problems_of(refused.value) == [f"{'k' * 200}…: Extra inputs are not permitted"]


@pytest.mark.parametrize("missing", REPORT)
def test_a_report_needs_all_that_names_it(missing: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Report.model_validate({key: value for key, value in REPORT.items() if key != missing})
    assert problems_of(refused.value) == [f"{missing}: Field required"]


@pytest.mark.parametrize("key", ["workflow", "plugins"])
def test_reserved_keys_are_for_the_core(key: str) -> None:
    with pytest.raises(ValidationError, match=rf"reserved keys \['{key}'\]: rename them"):
        RunInput.model_validate({"uid": "q-1", "metadata": {key: 1}})
    assert RunInput.model_validate({"uid": "q-1", "metadata": {"inner": {key: 1}}})


def test_a_message_survives_as_json() -> None:
    message = PluginMessage(
        uid="q-1",
        workflow="NewBusiness",
        activity="Rate",
        stage=Stage.PRE,
        attempt=2,
        plugins=["Score"],
        now=datetime(2026, 11, 24, tzinfo=UTC),
        metadata={"a": [1, "ü", None]},
        report_to="https://q",
    )
    assert PluginMessage.model_validate_json(message.model_dump_json()) == message
    assert message.outputs == {}


@pytest.mark.parametrize(
    "time",
    ["2026-11-24T09:30:00Z", "2026-11-24T15:15:00.250+05:45", "0001-01-01T00:00:00+23:59", "2026-11-24 09:30:00Z"],
)
def test_a_report_may_say_when_its_call_began_in_any_time_zone(time: str) -> None:
    report = Report.model_validate_json(json.dumps(REPORT | {"started_at": time}))
    assert report.started_at == datetime.fromisoformat(time)


@pytest.mark.parametrize(
    "time", ["2026-11-24T09:30:00", "2026-11-24", "now", "", 1764000000, 1764000000.5, True, [], {}]
)
def test_a_time_that_does_not_say_of_which_zone_or_none_at_all_is_refused(time: object) -> None:
    with pytest.raises(ValidationError) as refused:
        Report.model_validate_json(json.dumps(REPORT | {"started_at": time}))
    (problem,) = problems_of(refused.value)
    assert problem.startswith("started_at: ")
