"""JSON as it is counted, stored and published."""

from __future__ import annotations

import json


def compact_json(value: object) -> str:
    """Encode without white space, keys sorted, text as it is.

    Raises:
        ValueError: It holds what JSON has not: an endless number, half a character.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    text.encode()
    return text
