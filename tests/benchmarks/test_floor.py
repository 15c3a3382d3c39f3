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
        ("W(1,1)", {"transitions": 1, "lambda_core": 4, "sns_publishes": 3, "sqs_requests": 9, "wru": 9}),
        ("W(3,5)", {"transitions": 3, "lambda_core": 12, "sns_publishes": 9, "sqs_requests": 39, "wru": 35}),
        ("W(1,200)", {"transitions": 1, "lambda_core": 23, "sns_publishes": 3, "sqs_requests": 246, "wru": 227}),
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
