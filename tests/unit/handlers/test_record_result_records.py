"""The results queue as a Lambda destination: Lambda's records stand in for the reports that a function did not send."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from orchestrator_runtime.handlers import begin_run, environment, open_activity
from orchestrator_runtime.handlers.record_result import lambda_handler
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import batch, begin, opening, report
from tests.unit.moto_tables import CONTROL, REGISTRY
from tests.unit.samples import a_registration, stage_ref

RECORDS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "invocation_records.json").read_text("utf-8")
)
SUBSCRIPTION = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:6e5c0a51-0a2f-4d0c-9a4b-7c1f6a0d2b11"
SECRET = "1978-05-23"
"""Stands in the metadata of every record's message."""


@pytest.fixture
def opened(core: Core) -> Core:
    """A stage that waits for Score, which reports nothing itself, and for Other."""
    score = a_registration(
        subscription_arn=SUBSCRIPTION,
        endpoint="arn:aws:lambda:eu-west-1:123456789012:function:score",
        reports_start=False,
        sender_role_ids=("AROASCORE",),
    )
    core.deploy(score, a_registration("Other"))
    begin_run.lambda_handler(begin({"uid": "q-1"}), None)
    open_activity.lambda_handler(opening(), None)
    core.log.truncate(0)
    core.log.seek(0)
    return core


def score(core: Core) -> dict[str, Any]:
    plugin: dict[str, Any] = core.document()["activities"]["Rate"]["stages"]["parallel"]["plugins"]["Score"]
    return plugin


def of_message(**other: Any) -> dict[str, Any]:
    """A record of a call whose message said other things."""
    record = deepcopy(RECORDS["success"])
    notification = record["requestPayload"]["Records"][0]["Sns"]
    notification["Message"] = json.dumps({**json.loads(notification["Message"]), **other})
    return record


def with_output(output: object) -> dict[str, Any]:
    return {**RECORDS["success"], "responsePayload": output}


def test_a_success_is_complete_with_what_the_function_returned(opened: Core) -> None:
    assert lambda_handler(batch(RECORDS["success"], sender="AROASCORE:score"), None) == {"batchItemFailures": []}
    assert score(opened)["state"] == "Complete"
    assert opened.status.outputs(stage_ref().run) == {"Rate/parallel/Score": {"score": 7, "grade": "A"}}
    assert [line["message"] for line in opened.lines()] == ["plugin ended"]


def test_a_function_that_returned_nothing_has_no_output(opened: Core) -> None:
    lambda_handler(batch(RECORDS["success without a result"]), None)
    assert score(opened)["state"] == "Complete"
    assert opened.status.outputs(stage_ref().run) == {}


@pytest.mark.parametrize("name", [name for name in RECORDS if not name.startswith("success")])
def test_a_function_that_lambda_gave_up_is_an_error_and_fails_the_stage(opened: Core, name: str) -> None:
    assert lambda_handler(batch(RECORDS[name]), None) == {"batchItemFailures": []}
    assert score(opened)["state"] == "Error"
    assert "tr" in score(opened)["message"]
    assert [signal for signal, _ in opened.signals] == ["SendTaskFailure"]
    assert SECRET not in opened.log.getvalue()


def test_too_much_is_an_error_that_says_so(opened: Core) -> None:
    lambda_handler(batch(with_output("x" * 110_000)), None)
    assert score(opened)["state"] == "Error"
    assert score(opened)["message"].startswith("OutputTooLarge: ")


def test_reports_and_records_of_a_batch_close_their_stage_together(opened: Core) -> None:
    assert lambda_handler(batch(report("Other"), RECORDS["success"]), None) == {"batchItemFailures": []}
    assert [signal for signal, _ in opened.signals] == ["SendTaskSuccess"]


def test_the_sender_is_checked_as_for_any_report(opened: Core) -> None:
    before = opened.rows()
    lambda_handler(batch(RECORDS["success"], sender="AROAOTHER:other"), None)
    assert opened.rows() == before
    assert [line["reason"] for line in opened.lines()] == ["wrong-sender"]


NESTED = '{"requestContext": {}, "requestPayload": ' + '{"a": ' * 100_000 + "1" + "}" * 100_000 + "}"
RETURNED = json.dumps(RECORDS["success"]).replace('{"score": 7, "grade": "A"}', "[" * 5_000 + "]" * 5_000)
HALF = json.dumps(RECORDS["success"]).replace('"grade"', '"\\ud800"')
REDRIVEN = RECORDS["success"]["requestPayload"]["Records"][0]["Sns"]

REFUSED: dict[str, tuple[Any, str]] = {
    "endless nesting": (NESTED, "malformed"),
    "an output of endless nesting": (RETURNED, "malformed"),
    "half a character": (HALF, "malformed"),
    "cut off": (json.dumps(RECORDS["success"])[:-2], "malformed"),
    "no context": ({**RECORDS["success"], "requestContext": SECRET}, "malformed"),
    "a call to initialize": (of_message(uid=None, initialize=True), "malformed"),
    "an event of somebody else's": ({**RECORDS["success"], "requestPayload": {"detail": SECRET}}, "malformed"),
    "a notification that SNS could not deliver": (REDRIVEN, "malformed"),
    "a call of another core": (
        of_message(report_to="https://sqs.eu-west-1.amazonaws.com/123456789012/claims-prod-results"),
        "other-core",
    ),
    "an unknown run": (of_message(uid="q-2"), "unknown-run"),
    "a stage that is not open": (of_message(stage="post"), "unknown-run"),
    "a later attempt": (of_message(attempt=2), "unknown-run"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_record_is_logged_and_does_not_come_again(opened: Core, body: Any, reason: str) -> None:
    before = opened.rows(), opened.rows(CONTROL)
    assert lambda_handler(batch(body), None) == {"batchItemFailures": []}
    assert (opened.rows(), opened.rows(CONTROL)) == before
    [line] = opened.lines()
    assert (line["message"], line["reason"]) == ("report refused", reason)
    assert SECRET not in opened.log.getvalue()


def test_a_record_of_nobody_is_refused_with_what_it_names(opened: Core) -> None:
    stranger = deepcopy(RECORDS["success"])
    stranger["requestContext"]["functionArn"] = "arn:aws:lambda:eu-west-1:123456789012:function:stranger:$LATEST"
    stranger["requestPayload"]["Records"][0]["EventSubscriptionArn"] = f"{SUBSCRIPTION}-gone"
    lambda_handler(batch(stranger), None)
    [line] = opened.lines()
    assert line["reason"] == "unregistered"
    assert line["function_arn"].endswith(":stranger:$LATEST")
    assert line["subscription_arn"].endswith("-gone")


def test_a_report_may_hold_what_a_record_holds(opened: Core) -> None:
    lambda_handler(batch(report("Other", output={"requestContext": 1, "requestPayload": 2})), None)
    assert opened.status.outputs(stage_ref().run) == {"Rate/parallel/Other": {"requestContext": 1, "requestPayload": 2}}


def test_no_registry_is_read_for_records_of_plugins_that_the_stage_waits_for(opened: Core) -> None:
    reads: list[str] = []

    def count(params: dict[str, Any], **_: Any) -> None:
        if params["TableName"] == REGISTRY:
            reads.append(params["TableName"])

    environment._dynamodb().meta.events.register("before-parameter-build.dynamodb.Query", count)
    for name in ("success", "an error after all tries", "success"):
        lambda_handler(batch(RECORDS[name], RECORDS[name]), None)
    assert reads == []
