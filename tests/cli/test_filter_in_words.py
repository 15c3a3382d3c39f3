from __future__ import annotations

from typing import Any

import pytest

from orchestrator_cli.plugins.filter_in_words import filter_in_words


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({}, ""),
        ({"plugins": ["Score"]}, ""),
        ({"plugins": ["Score", "Other"]}, "plugins = Score | Other"),
        ({"plugins": ["Other"]}, "plugins = Other"),
        ({"line": ["auto"]}, "line = auto"),
        ({"line": ["auto", "home owners"], "year": [2026]}, "line = auto | home owners, year = 2026"),
        ({"a": ["true", True, None, "7", 7, "", "x, y"]}, 'a = "true" | true | null | "7" | 7 | "" | "x, y"'),
        ({"n": [{"numeric": [">=", 100, "<", 5.5]}]}, "n >= 100 < 5.5"),
        ({"n": [1, {"numeric": ["<", 0]}]}, "n = 1 | < 0"),
        ({"n": [{"exists": True}]}, "n is there"),
        ({"n": [{"exists": False}]}, "n is not there"),
        ({"n": [{"anything-but": "a"}]}, "n is not a"),
        ({"n": [{"anything-but": ["a", 1]}]}, "n is not a or 1"),
        ({"n": [{"anything-but": {"prefix": "a"}}]}, "n does not start with a"),
        ({"n": [{"prefix": "a"}, {"suffix": "z"}]}, "n starts with a | ends with z"),
        ({"n": [{"equals-ignore-case": "a"}]}, "n is in any case a"),
        ({"n": [{"cidr": "10.0.0.0/8"}]}, 'n is in "10.0.0.0/8"'),
        ({"$or": [{"a": ["x"], "b": [1]}, {"c": ["y"]}], "d": ["z"]}, "(a = x, b = 1) | (c = y), d = z"),
        ({"$or": ["x"]}, "$or = x"),
        ({"metadata": {"line": ["auto"], "risk": {"age": [{"numeric": ["<", 25]}]}}}, "metadata.line = auto, "
         "metadata.risk.age < 25"),
    ],
)  # fmt: skip
def test_a_policy_is_one_line(policy: dict[str, Any], told: str) -> None:
    assert filter_in_words(policy, "Score") == told


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"n": [{"wildcard": "a*"}]}, 'n {"wildcard": "a*"}'),
        ({"n": [{}]}, "n {}"),
        ({"n": [{"prefix": "a", "suffix": "b"}]}, 'n {"prefix": "a", "suffix": "b"}'),
        ({"n": [{"prefix": 1}]}, 'n {"prefix": 1}'),
        ({"n": [{"exists": "yes"}]}, 'n {"exists": "yes"}'),
        ({"n": "auto"}, 'n "auto"'),
        ({"n": []}, "n []"),
    ],
)
def test_what_is_no_policy_is_shown_as_it_is(policy: dict[str, Any], told: str) -> None:
    assert filter_in_words(policy, "Score") == told
