"""A filter policy as one line that people read.

    {"line": ["auto", "home"], "premium": [{"numeric": [">=", 100, "<", 500]}], "state": [{"anything-but": "OH"}]}
    line = auto | home, premium >= 100 < 500, state is not OH

A comma is *and*, a bar is *or*. What is no policy of SNS is shown as the JSON that it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from orchestrator_runtime.contract import PLUGINS_ATTRIBUTE
from orchestrator_runtime.filter_policy.grammar import or_options

_NO_QUOTES: Final = re.compile(r"(?!(?:true|false|null)$)[A-Za-z_][\w./-]*(?: [\w./-]+)*", re.ASCII)
_WORDS: Final = {
    "prefix": "starts with",
    "suffix": "ends with",
    "equals-ignore-case": "is in any case",
    "cidr": "is in",
}


def filter_in_words(policy: Mapping[str, Any], plugin: str) -> str:
    """Put a filter policy into words.

    Args:
        policy: The policy.
        plugin: The name of the plugin. A condition that the message invokes this plugin is left out: it says nothing
            about the run.

    Returns:
        One line, empty if there is no condition.
    """
    return _all_of({key: value for key, value in policy.items() if (key, value) != (PLUGINS_ATTRIBUTE, [plugin])})


def _all_of(policy: Mapping[str, Any]) -> str:
    return ", ".join(_keys(policy, ""))


def _keys(policy: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in policy.items():
        if options := or_options(key, value):
            yield " | ".join(f"({', '.join(_keys(option, path))})" for option in options)
        elif isinstance(value, Mapping):
            yield from _keys(value, f"{path}{key}.")
        else:
            yield f"{path}{key} {_any_of(value)}"


def _any_of(rules: object) -> str:
    """What one key has to meet; plain values come first, so that one sign stands for them all."""
    if not isinstance(rules, list) or not rules:
        return _json(rules)
    plain = [_value(rule) for rule in rules if not isinstance(rule, Mapping)]
    alternatives = [f"= {' | '.join(plain)}"] if plain else []
    return " | ".join([*alternatives, *(_operator(rule) for rule in rules if isinstance(rule, Mapping))])


def _operator(rule: Mapping[str, Any]) -> str:
    (word, operand), *more = rule.items() or [("", None)]
    words = None
    match word, operand:
        case "exists", bool():
            words = "is there" if operand else "is not there"
        case "numeric", list():
            words = " ".join(part if isinstance(part, str) else _json(part) for part in operand)
        case "anything-but", {"prefix": prefix}:
            words = f"does not start with {_value(prefix)}"
        case "anything-but", list():
            words = f"is not {' or '.join(map(_value, operand))}"
        case "anything-but", _:
            words = f"is not {_value(operand)}"
        case _, str() if word in _WORDS:
            words = f"{_WORDS[word]} {_value(operand)}"
    return _json(rule) if words is None or more else words


def _value(value: object) -> str:
    """A value, in quotes only where it could be taken for something else."""
    return value if isinstance(value, str) and _NO_QUOTES.fullmatch(value) else _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
