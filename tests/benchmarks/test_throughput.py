"""So many runs a second: the page says what the arithmetic gives, and the arithmetic is that of a hand."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.average_run import CALL_SECONDS, REGISTRATION_BYTES, AverageRun
from benchmarks.floor import OTHERS
from benchmarks.page import with_tables
from benchmarks.prices import LOGGED_GIGABYTE
from benchmarks.quotas import OPEN_EXECUTIONS, QUOTAS, WRITES_BELOW_A_KEY
from benchmarks.scale import BEGIN, END, PAGE, PLUGINS, RATES, RESULTS, duration, figure, percent, tables
from benchmarks.throughput import (
    CORE_METRICS,
    PLUGIN_METRICS,
    RUN_METRICS,
    STAGE_METRICS,
    Bill,
    binding,
    index_partitions,
    longest_mean_run,
    shares,
)
from orchestrator_runtime.contract import ACTIVE_RUNS_PARTITIONS, Metric
from orchestrator_runtime.stores.registry import registration_item
from tests.cost.capacity_units import item_bytes
from tests.cost.test_scale import registrations

DOCUMENT = json.loads(RESULTS.read_text())
TEXT = PAGE.read_text()


def counts(**more: float) -> dict[str, Any]:
    """Counts of a run with the figures of the test."""
    return {
        "transitions": 3,
        "lambda_core": 23,
        "lambda_plugin": 102,
        "sns_publishes": 3,
        "sqs_requests": 240,
        "wru_billed": 200,
        "rru_billed": 80,
        "log_bytes_billed": 100_000,
        "plan_bytes": 10_000,
        "dollars_per_million": {
            "parts": {
                "transitions": 75,
                "invocations": 25,
                "durations": 20,
                "publishes": 1.5,
                "sqs": 96,
                "writes": 7,
                "reads": 7,
            }
        },
        **more,
    }


HUNDRED = AverageRun.counted({"results": {"W(1,10)": counts(), "W(1,100)": counts()}}, 100)


def test_the_page_has_what_the_arithmetic_gives() -> None:
    assert with_tables(TEXT, tables(DOCUMENT), begin=BEGIN, end=END) == TEXT, "run python -m benchmarks.scale"


def test_every_quota_says_where_it_is_documented() -> None:
    for quota in (*QUOTAS, OPEN_EXECUTIONS):
        assert quota.source.startswith("https://docs.aws.amazon.com/"), quota.name
        assert f"| [{quota.name}]({quota.source}) |" in TEXT


def test_between_two_counts_is_the_straight_line() -> None:
    document = {"results": {"W(1,10)": counts(wru_billed=50), "W(1,30)": counts(wru_billed=110)}}
    assert [AverageRun.counted(document, plugins).write_units for plugins in (10, 15, 30)] == [50, 65, 110]


@pytest.mark.parametrize("plugins", [9, 31])
def test_beyond_what_was_counted_nothing_is_made_up(plugins: int) -> None:
    document = {"results": {"W(1,10)": counts(), "W(1,30)": counts()}}
    with pytest.raises(ValueError, match=rf"{plugins} plugins lie outside .* \[10, 30\]: count W\(1,1\)"):
        AverageRun.counted(document, plugins)


def test_batches_and_reports_are_told_by_calls_and_requests() -> None:
    """23 invocations begin and end the run, open an activity, and read 20 batches, each received and deleted."""
    assert (HUNDRED.batches, HUNDRED.reports) == (20, 200)


@pytest.mark.parametrize("name", [name for name in DOCUMENT["results"] if name.startswith("W(1,")])
def test_every_plugin_reports_at_least_once_in_what_was_counted(name: str) -> None:
    plugins = int(name.removeprefix("W(1,").removesuffix(")"))
    run = AverageRun.counted(DOCUMENT, plugins)
    # Means have one digit after the point, and two of them are in this one.
    assert run.reports >= plugins + OTHERS - 0.5
    assert run.plugin_calls == plugins + OTHERS


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("`StartExecution`", 100 * 1 / 300),
        ("`SendTaskSuccess`", 100 * 1 / 500),
        ("state transitions", 100 * 3 / 5000),
        ("functions at work", 100 * 125 * 0.05 / 1000),
        ("calls that wait", 100 * 23 / 10_000),
        ("messages published", 100 * 3 / 30_000),
        ("batches read", 100 * 20 * 0.05 / 1250),
        ("reports in flight", 100 * 200 * 0.05 / 120_000),
        ("table writes", 100 * 200 / 40_000),
        ("table reads", 100 * 80 / 40_000),
        ("index writes", 100 * 2 / 16_000),
        ("due index writes", 100 * 2 / 16_000),
        # 587 bytes of each of 102 and of 101 are fifteen times 4 KB, and one registration once.
        ("registry reads", 100 * 31 / 3000),
    ],
)
def test_a_hundred_runs_a_second_by_hand(name: str, share: float) -> None:
    [one] = [one for one in binding(HUNDRED, 100) if one.quota.name == name]
    assert one.utilisation == pytest.approx(share)
    assert one.quota.bears(HUNDRED) == pytest.approx(100 / share)
    assert one.full == (share >= 0.8)
    assert one.asked == pytest.approx(one.quota.at_most * share / 0.8)


def test_what_gives_way_first_comes_first_and_all_are_there() -> None:
    bound = binding(HUNDRED, 100)
    assert {one.quota.name for one in bound} == {quota.name for quota in QUOTAS}
    assert all(one.utilisation >= other.utilisation for one, other in pairwise(bound))
    assert bound[0].quota.name == "registry reads"


def test_runs_are_divided_by_the_quota_that_gives_way_first() -> None:
    assert shares(binding(HUNDRED, 10_000), raised=False) == 104, "10,000 runs, 96 to each, by registry reads"
    assert shares(binding(HUNDRED, 10_000), raised=True) == 104, "no request raises it"
    assert shares(binding(HUNDRED, 1), raised=False) == 1


def test_how_long_runs_may_last() -> None:
    assert longest_mean_run(HUNDRED, 100) == 10_000
    assert [duration(seconds) for seconds in (5_000, 50, 500_000, 10_000)] == [
        "83.3 minutes",
        "50 seconds",
        "5.79 days",
        "2.78 hours",
    ]


def test_a_bill_by_hand() -> None:
    bill = Bill(HUNDRED, 100)
    assert bill.runs_a_month == 262_800_000
    assert bill.per_million == pytest.approx(75 + 25 + 20 + 1.5 + 96 + 200 * 0.625 + 80 * 0.125)
    assert bill.logs_per_million == pytest.approx(100 * LOGGED_GIGABYTE)
    assert bill.a_month == pytest.approx(bill.per_million * 262.8)
    assert bill.logs_a_month == pytest.approx(bill.logs_per_million * 262.8)
    assert bill.plan_gigabytes == pytest.approx(10e3 * 100 * 86_400 * 120 / 1e9)
    assert bill.metrics_a_month == pytest.approx(0.30 * (10 + 10 + 3 * 1 + 102 * 4 + 3))


@pytest.mark.parametrize(
    ("name", "figures"),
    [item for item in DOCUMENT["results"].items() if item[0].startswith("W(1,")],
    ids=[name for name in DOCUMENT["results"] if name.startswith("W(1,")],
)
def test_the_bill_is_that_of_the_results(name: str, figures: dict[str, Any]) -> None:
    dollars = figures["dollars_per_million"]
    bill = Bill(AverageRun.counted(DOCUMENT, int(name.removeprefix("W(1,").removesuffix(")"))), 1)
    assert bill.logs_per_million == pytest.approx(dollars["logs"], abs=0.1)
    if "as_billed" in dollars:
        assert bill.per_million == pytest.approx(dollars["as_billed"], abs=0.5)


def test_metrics_are_those_of_the_contract() -> None:
    """The core's two are one of its own, and refused reports, which plugins have, too."""
    assert len(Metric) == RUN_METRICS + STAGE_METRICS + PLUGIN_METRICS + CORE_METRICS - 1


def test_a_registration_is_as_large_as_the_store_makes_it() -> None:
    [registration] = registrations(1)
    assert item_bytes(registration_item(registration)) == REGISTRATION_BYTES


@pytest.mark.parametrize(
    ("value", "text"), [(0.70222, "0.702"), (12.675, "12.7"), (508.5, "508"), (20_266_808, "20,300,000"), (60.02, "60")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.00667, "0.67 %"), (0.667, "67 %"), (0.8, "80 %"), (1.2712, "127 %"), (66.667, "6,667 %")]
)
def test_hundredths(share: float, text: str) -> None:
    assert percent(share) == text


# What the page says in words.
def test_plugins_that_work_for_a_second() -> None:
    more = 100 * (200 + OTHERS) * 1
    assert f"{more:,} functions more are at work at once" in TEXT
    assert f"takes {CALL_SECONDS * 1000:g} ms" in TEXT


def test_the_index_of_ten_thousand_runs_a_second() -> None:
    partitions = index_partitions(10_000)
    assert partitions * WRITES_BELOW_A_KEY * 0.8 >= 20_000 > (partitions - 1) * WRITES_BELOW_A_KEY * 0.8
    assert partitions > ACTIVE_RUNS_PARTITIONS
    assert f"`ACTIVE_RUNS_PARTITIONS` has to be {partitions}" in TEXT


def test_the_short_answers() -> None:
    bound = {(rate, p): binding(AverageRun.counted(DOCUMENT, p), rate) for rate in RATES for p in PLUGINS}
    assert all(one.utilisation < 0.02 for p in PLUGINS for one in bound[1, p]), "of no quota more than 2 %"
    assert not [one for p in (5, 50) for one in bound[100, p] if one.full], "100 a second with 5 or 50 as it is"
    assert [one for one in bound[100, 200] if one.full and one.quota.raised_by_aws], "with 200 not as it is"
    assert shares(bound[100, 200], raised=True) == 2, "and not in one deployment: registry reads"
    assert all(shares(bound[10_000, p], raised=True) > 1 for p in PLUGINS), "no matter of one deployment"
    hard = {one.quota.name for p in PLUGINS for one in bound[10_000, p] if one.full and not one.quota.raised_by_aws}
    assert hard == {"registry reads", "batches read", "index writes", "due index writes"}, "four things"


def test_what_a_bill_is_most_of() -> None:
    few, many = (Bill(AverageRun.counted(DOCUMENT, plugins), 1).per_million for plugins in (5, 200))
    assert DOCUMENT["results"]["W(1,1)"]["dollars_per_million"]["parts"]["transitions"] > few / 2
    assert many - few > many / 2
