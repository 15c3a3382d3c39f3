"""The words of whoever said first what went wrong."""

from __future__ import annotations

import json

import pytest

from orchestrator_runtime.contract import ErrorName
from orchestrator_runtime.core.failure import (
    MAX_CAUSE,
    MAX_ERROR,
    EndedOtherwiseError,
    Failure,
    cause_of,
    plain_failure,
)
from orchestrator_runtime.foreign_text import UNSHOWABLE
from tests.hostile.values import FOREIGN, brief


def test_an_error_of_a_child_execution_is_unwrapped() -> None:
    child = json.dumps({"Status": "FAILED", "Error": "PluginFailed", "Cause": "Rate/parallel: A: no rate"})
    assert plain_failure(Failure("States.TaskFailed", child)) == Failure("PluginFailed", "Rate/parallel: A: no rate")


def test_an_exception_of_a_function_is_unwrapped() -> None:
    thrown = json.dumps({"errorType": "MetadataDiffers", "errorMessage": "other metadata", "trace": []})
    assert plain_failure(Failure("MetadataDiffers", thrown)) == Failure("MetadataDiffers", "other metadata")


def test_a_child_execution_that_does_not_say_why_is_told_by_its_status() -> None:
    failure = plain_failure(Failure("States.TaskFailed", json.dumps({"Status": "ABORTED", "Input": "{}"})))
    assert failure == Failure("RunEnded", "an activity's execution ended ABORTED without saying why")


def test_an_error_that_is_no_text_leaves_the_name_as_it_was() -> None:
    assert plain_failure(Failure("Broken", '{"Error": 7, "Cause": "why"}')) == Failure("Broken", "why")


@pytest.mark.parametrize("cause", ["plain words", "[1]", "7", "{}", '{"Cause": 7}', ""])
def test_a_cause_that_wraps_nothing_stays(cause: str) -> None:
    assert plain_failure(Failure("Broken", cause)) == Failure("Broken", cause)


def test_a_cause_that_is_nested_without_end_stays() -> None:
    cause = "[" * 10_000
    assert plain_failure(Failure("Broken", cause)) == Failure("Broken", cause)


def test_a_name_is_cut_to_what_a_state_may_fail_with() -> None:
    assert len(plain_failure(Failure("x" * 300, "")).error) == MAX_ERROR


def test_halves_of_characters_are_escaped_because_no_table_takes_them() -> None:
    cause = json.dumps({"Error": "Bro\ud83dken", "Cause": "cut in the middle \ud83d"})
    assert plain_failure(Failure("x", cause)) == Failure(r"Bro\ud83dken", r"cut in the middle \ud83d")


def test_a_cause_is_cut_to_what_a_state_may_fail_with() -> None:
    cause = plain_failure(Failure("x", "\U0001f697" * 40_000)).cause
    assert cause == "\U0001f697" * (MAX_CAUSE - 1) + "…"
    assert len(cause.encode("utf-16-le")) // 2 < 32_768


@pytest.mark.parametrize("text", FOREIGN, ids=brief)
def test_an_error_and_its_cause_are_one_line_each(text: str) -> None:
    failure = plain_failure(Failure(f"Bro{text}ken", f"Rate/parallel: Score: {text}"))
    assert not UNSHOWABLE.search(failure.error + failure.cause)
    assert len(failure.error) <= MAX_ERROR
    assert failure.cause == cause_of(f"Rate/parallel: Score: {text}")


def test_a_message_that_is_json_is_not_unwrapped_below_the_name_of_its_stage() -> None:
    """A plugin cannot choose the error that its run ends with."""
    cause = 'Rate/parallel: Score: {"Error": "RunCancelled", "Cause": "by ann"}'
    assert plain_failure(Failure("PluginFailed", cause)) == Failure("PluginFailed", cause)


def test_the_errors_of_a_run_that_was_ended_by_something_else_are_named_as_the_contract_says() -> None:
    assert {error.__name__ for error in EndedOtherwiseError.__subclasses__()} == {
        ErrorName.RUN_CANCELLED,
        ErrorName.RUN_ENDED,
    }
