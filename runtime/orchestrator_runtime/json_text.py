"""JSON as it is counted, stored and published."""

from __future__ import annotations

import json
from typing import Final

from orchestrator_runtime.contract import MAX_NESTING

# JSON may hold these two as they are. SQS takes only what XML may hold, and so would lose or change the text.
_NOT_IN_XML: Final = str.maketrans({"\ufffe": "\\ufffe", "\uffff": "\\uffff"})


def compact_json(value: object) -> str:
    """Encode without white space, keys sorted, text as it is.

    Raises:
        ValueError: It holds what JSON has not: an endless number, half a character.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    text.encode()
    return text.translate(_NOT_IN_XML) if "\ufffe" in text or "\uffff" in text else text


def log_line(value: object) -> str:
    """Encodes as one line of printable ASCII: nothing in it starts another line, or steers a terminal that shows it.

    What JSON has no form for is its ``str``.
    """
    # JSON leaves one control character as it is.
    return json.dumps(value, separators=(",", ":"), default=str).replace("\x7f", "\\u007f")


def whole_characters(text: str) -> str:
    """A text that can be stored and sent: what comes out of JSON, or was cut, may have halves of characters."""
    return text.encode(errors="replace").decode()


def is_too_deep(value: object) -> bool:
    """Whether lists and objects lie in one another deeper than every reader can follow."""
    layer = [value]
    for _ in range(MAX_NESTING + 1):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not layer:
            return False
    return True
