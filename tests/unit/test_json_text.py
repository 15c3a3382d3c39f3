"""JSON as it is counted, stored and published."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.contract import MAX_NESTING
from orchestrator_runtime.json_text import compact_json, is_too_deep, log_line


@pytest.mark.parametrize("character", ["\ufffe", "\uffff"], ids=ascii)
def test_what_xml_does_not_take_is_written_as_an_escape(character: str) -> None:
    """SQS refuses a body that holds such a character, or puts another in its place."""
    value = {f"k{character}": [f"\\{character}"]}
    assert json.loads(compact_json(value)) == value
    assert character not in compact_json(value)
    assert len(compact_json(character)) == 8


@given(st.text() | st.dictionaries(st.text(), st.text(st.characters())))
def test_a_log_line_is_one_line_of_printable_ascii(value: object) -> None:
    line = log_line(value)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == value


def test_a_log_line_takes_what_json_has_no_form_for() -> None:
    assert log_line({"error": ValueError("\x7f\n\u202e")}) == '{"error":"\\u007f\\n\\u202e"}'


@pytest.mark.parametrize("module", ["environment", "watch_environment", "register_plugin", "reconcile"])
def test_every_log_line_of_a_function_is_written_by_it(module: str) -> None:
    """The first logger of a process decides for all of them, so each function is a process of its own here."""
    code = (
        f"from orchestrator_runtime.handlers.{module} import logger\n"
        "try:\n raise ValueError('\\x7f\\n\\u2028\\u202e')\n"
        "except ValueError:\n logger.exception('failed', extra={'detail': '\\x7f\\u2028\\u202e'})"
    )
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    written = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, check=True).stdout.decode()
    [line] = written.splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["detail"] == "\x7f\u2028\u202e"


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_written_is_read_as_it_was(value: object) -> None:
    assert json.loads(compact_json(value)) == value


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], "\ud800", {"\udc00": 1}])
def test_what_json_has_not_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"not JSON compliant|surrogates not allowed"):
        compact_json(value)


def test_levels_count_of_lists_and_objects_alike() -> None:
    value: object = 1
    for level in range(MAX_NESTING):
        value = [0, value] if level % 2 else {"a": value, "b": []}
    assert not is_too_deep(value)
    assert is_too_deep([value])
    assert not is_too_deep([[[]]] * 1_000)
