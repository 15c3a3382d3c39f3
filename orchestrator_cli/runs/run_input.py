"""What a run is started with, checked before anything is asked of AWS."""

from __future__ import annotations

import json
import math
import re
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from orchestrator_cli.errors import UsageError
from orchestrator_runtime.contract import MAX_STATE_MACHINE_NAME
from orchestrator_runtime.core.message import problem_with_size
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.models import RunInput
from orchestrator_runtime.names import MAX_NAME, problem_with_uid

_STANDARD_INPUT: Final = "-"


def read_metadata(source: str | None) -> dict[str, Any]:
    """Read a run's metadata.

    Args:
        source: A file with a JSON object, ``-`` for standard input, or ``None`` for no metadata.

    Raises:
        UsageError: It cannot be read, is not JSON, or is no object.
    """
    if source is None:
        return {}
    where = "standard input" if source == _STANDARD_INPUT else source
    try:
        text = sys.stdin.read() if source == _STANDARD_INPUT else Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"metadata cannot be read from {where}: {error.strerror}: give an existing file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"metadata in {where} is not UTF-8 ({error.reason} at byte {error.start})") from error
    try:
        metadata = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"metadata in {where} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except ValueError as error:
        raise UsageError(f"metadata in {where} is not JSON: {error}") from error
    except RecursionError as error:
        raise UsageError(f"metadata in {where} is nested too deeply to be read") from error
    if not isinstance(metadata, dict):
        raise UsageError(
            f"metadata in {where} must be a JSON object, got {_json_name(metadata)}: put it below a key, as in "
            '{"key": …}'
        )
    return metadata


def run_input(uid: str, metadata: Mapping[str, Any], *, metadata_override: bool, by: str | None = None) -> str:
    """The input of the workflow's execution, as JSON.

    Args:
        uid: The run's id.
        metadata: The run's data.
        metadata_override: Whether that may replace what an earlier attempt was started with.
        by: Who starts the run.

    Raises:
        UsageError: The uid or the metadata is not allowed, or the metadata is too large.
    """
    check_uid(uid)
    try:
        checked = RunInput(uid=uid, metadata=dict(metadata), metadata_override=metadata_override, by=by)
    except ValidationError as error:
        raise UsageError("; ".join(_sentence(problem) for problem in error.errors())) from error
    # The workflow's name is not known to exist yet; what counts is that none takes more room.
    if problem := problem_with_size(RunRef(uid, "w" * MAX_NAME, 1), checked.metadata):
        raise UsageError(problem)
    return checked.model_dump_json()


def check_uid(uid: str) -> None:
    """Check a run's uid.

    Raises:
        UsageError: It is not allowed.
    """
    if problem := problem_with_uid(uid):
        raise UsageError(problem)


def execution_name(uid: str) -> str:
    """A name for a new execution by which people find it: the uid as far as Step Functions allows, and a suffix."""
    suffix = uuid.uuid4().hex[:12]
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", uid)[: MAX_STATE_MACHINE_NAME - len(suffix) - 1].strip("-")
    return f"{readable}-{suffix}" if readable else suffix


def _finite(number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"{number} is no JSON number")
    return value


def _json_name(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return names[type(value)]


def _sentence(problem: Mapping[str, Any]) -> str:
    text = str(problem["msg"]).removeprefix("Value error, ")
    return text if problem["type"] == "value_error" else f"{'.'.join(map(str, problem['loc']))}: {text}"
