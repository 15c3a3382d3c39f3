"""The floor, by hand for three workloads; nothing that was measured is below it."""

from __future__ import annotations

import json

import pytest

from benchmarks.__main__ import FOLDER
from benchmarks.floor import floor
from benchmarks.table import UNITS, value_of
from benchmarks.workload import Workload

RESULTS = json.loads((FOLDER / "results.json").read_text())["results"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("W(1,1)", {"transitions": 4, "lambda_core": 6, "sns_publishes": 3, "sqs_requests": 9, "wru": 11}),
        ("W(3,5)", {"transitions": 12, "lambda_core": 18, "sns_publishes": 9, "sqs_requests": 39, "wru": 41}),
        ("W(1,200)", {"transitions": 4, "lambda_core": 25, "sns_publishes": 3, "sqs_requests": 246, "wru": 229}),
    ],
)
def test_a_floor(name: str, expected: dict[str, int]) -> None:
    assert {key: floor(Workload.parse(name))[key] for key in expected} == expected


@pytest.mark.parametrize("name", RESULTS)
def test_nothing_that_was_measured_is_below_the_floor(name: str) -> None:
    least = floor(Workload.parse(name))
    for key, _ in UNITS:
        needed, got = value_of(least, key), value_of(RESULTS[name], key)
        if needed is not None and got is not None:
            assert got >= needed, key
