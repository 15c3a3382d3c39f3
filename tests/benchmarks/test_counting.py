"""What recorded calls come to."""

from __future__ import annotations

from benchmarks.calls import LAMBDA
from benchmarks.counting import LINE_OVERHEAD, PLATFORM_JSON, PLATFORM_TEXT, Bill, figures
from tests.benchmarks.recorded import invocation, read, request, write


def test_calls_of_plugins_and_of_the_core_are_told_apart_by_the_handler() -> None:
    bill = Bill([invocation(), invocation(), invocation("empty.handler")])
    assert (len(bill.invocations(core=True)), len(bill.invocations(core=False))) == (2, 1)


def test_reads_are_one_unit_to_the_emulator_and_by_four_kilobytes_to_aws() -> None:
    bill = Bill([read("Query", 4096), read("Query", 4097), read("GetItem", 0), read("Query", 9000, units=0.5)])
    assert (bill.read_units, bill.billed_read_units) == (3.5, 1 + 2 + 1 + 1.5)


def test_a_write_that_is_refused_is_billed_by_what_stands_there() -> None:
    refused = write("Work/", 1500, units=0, refused=True)
    bill = Bill([write("Work/", 10), refused])
    assert (bill.write_units, bill.billed_write_units) == (1, 3)


def test_a_write_of_an_item_with_a_token_is_billed_for_a_token_of_aws() -> None:
    short, long = write("Work/A/pre/", 50, token=36), write("Work/A/pre/", 100, token=36)
    assert Bill([short]).billed_write_units == 1
    assert Bill([long]).billed_write_units == 2
    # It was so large before that it is billed all the same.
    shrunk = write("Work/A/pre/", 50, token=36)
    shrunk["writes"][0]["bytes_before"] = 100
    assert Bill([shrunk]).billed_write_units == 2
    assert Bill([long]).write_units == 1


def test_the_largest_item_is_apart_from_the_expected_set_and_has_a_real_token() -> None:
    bill = Bill([write("Work/", 700), write("Work/A/pre/", 200, token=36), write("Work/A/pre/~plan/", 5000)])
    assert bill.largest_item(plans=False) == 700
    assert bill.largest_item(plans=False, padded=True) == 200 - 36 + 1000
    assert bill.largest_item(plans=True) == 5000


def test_requests_of_sqs_are_the_cores_if_lambda_makes_them() -> None:
    of_lambda = {"caller": LAMBDA, "messages": 2}
    bill = Bill(
        [
            request("sqs", "SendMessage"),
            request("sqs", "ReceiveMessage", **of_lambda),
            request("sqs", "DeleteMessageBatch", **of_lambda),
        ]
    )
    assert (bill.sqs_requests(core=True), bill.sqs_requests(core=False)) == (2, 1)


def test_logs_are_counted_as_written_and_as_billed() -> None:
    others = [invocation("empty.handler", lambda_writes="text"), invocation(lambda_writes="nothing")]
    bill = Bill([invocation(log_lines=2, log_bytes=100), *others])
    platform = sum(map(len, PLATFORM_JSON + PLATFORM_TEXT))
    assert bill.logged(platform=False) == 100
    assert bill.logged(platform=True) == 100 + platform + LINE_OVERHEAD * (2 + len(PLATFORM_JSON) + len(PLATFORM_TEXT))


def test_figures_are_means_of_a_run_with_the_price_of_all_that_is_billed() -> None:
    calls = [
        *(invocation() for _ in range(4)),
        *(invocation("empty.handler", megabytes=128) for _ in range(2)),
        request("sns", "Publish"),
        write("Work/", 300, units=3.0),
    ]
    found = figures(calls, transitions=12, runs=2, wall=0.5)
    counts = {name: found[name] for name in ("transitions", "lambda_core", "lambda_plugin", "sns_publishes", "wru")}
    assert counts == {"transitions": 6, "lambda_core": 2, "lambda_plugin": 1, "sns_publishes": 0.5, "wru": 1.5}
    dollars = found["dollars_per_million"]
    assert dollars["parts"] == {
        "transitions": 150,
        "invocations": 0.6,
        "durations": round(1.125 * 0.05 * 13.3334, 1),
        "publishes": 0.2,
        "sqs": 0,
        "writes": 0.9,
        "reads": 0,
    }
    assert dollars["total"] == round(sum(dollars["parts"].values()), 1)
    assert dollars["total"] > dollars["core"] > dollars["without_durations"] - 1
