"""What a plugin's function returned, as the core will read it."""

from __future__ import annotations

import json
from typing import Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from orchestrator_runtime.contract import MAX_NESTING, MAX_OUTPUT_BYTES
from orchestrator_runtime.json_text import compact_json, is_too_deep
from orchestrator_runtime.models import problems_of

_JSON: Final = TypeAdapter[JsonValue](JsonValue)


class OutputError(ValueError):
    """What a plugin returned cannot be its output."""


def output_of(result: object) -> JsonValue:
    """Read a result as the core will read it: as JSON text, within the limits of its reader.

    Raises:
        OutputError: It is not JSON, larger than 50,000 bytes, or nested too deeply.
    """
    try:
        text = json.dumps(result, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        read = _JSON.validate_json(text.encode())
    except ValidationError as error:
        raise OutputError(f"the output cannot be read back as JSON: {'; '.join(problems_of(error))}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise OutputError(
            f"the output is not JSON: {error}. Return dicts, lists, strings, finite numbers, booleans and None"
        ) from error
    if is_too_deep(read):
        raise OutputError(f"the output has more than {MAX_NESTING} levels of lists and objects: nest less")
    if (size := len(compact_json(read).encode())) > MAX_OUTPUT_BYTES:
        raise OutputError(
            f"the output is {size:,} bytes of JSON, more than {MAX_OUTPUT_BYTES:,}: store it, and return where it is"
        )
    return read
