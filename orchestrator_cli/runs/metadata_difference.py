"""Shows in what two metadata documents differ, key by key, with their values.

It is shown to the person who brought one of them and may read the other. What the core says about a refused
start names the keys only, because that ends up in logs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

_LONGEST: Final = 60


def show_difference(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """One line for each key that differs; none if the documents are equal."""
    return [*_lines(stored, given, "")]


def _lines(stored: Mapping[str, Any], given: Mapping[str, Any], path: str) -> Iterator[str]:
    for key in sorted(stored.keys() | given.keys()):
        name = f"{path}{key}"
        if key not in given:
            yield f"- {name}: {_shown(stored[key])} (stored, not given)"
        elif key not in stored:
            yield f"+ {name}: {_shown(given[key])} (given, not stored)"
        elif isinstance(stored[key], Mapping) and isinstance(given[key], Mapping):
            yield from _lines(stored[key], given[key], f"{name}.")
        elif _canonical(stored[key]) != _canonical(given[key]):
            yield f"~ {name}: {_shown(stored[key])} (stored), {_shown(given[key])} (given)"


def _canonical(value: object) -> str:
    """Equal for equal JSON: ``1`` and ``1.0`` are one number, ``1`` and ``true`` are not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    elif isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    return json.dumps(value)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
