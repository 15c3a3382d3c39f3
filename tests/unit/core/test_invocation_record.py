"""Invocation records as Lambda documents them, and what only looks like one."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.contract import MAX_TEXT, State
from orchestrator_runtime.core.invocation_record import (
    InvocationRecord,
    MalformedRecordError,
    is_record,
    read_record,
)
from tests.unit.samples import stage_ref

RECORDS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "invocation_records.json").read_text("utf-8")
)
SUBSCRIPTION = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:6e5c0a51-0a2f-4d0c-9a4b-7c1f6a0d2b11"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:score"
REQUEST = "5f6b2d0e-8f2f-4a7e-8c52-3f3f5d1f7a10"
DISPATCHED = "dispatched at 2026-11-24T09:30:00.900Z"

ENDED: dict[str, tuple[State, str | None, Any]] = {
    "success": (State.COMPLETE, None, {"score": 7, "grade": "A"}),
    "success without a result": (State.COMPLETE, None, None),
    "success of an alias": (State.COMPLETE, None, "fine"),
    "an error after all tries": (
        State.ERROR,
        f"ServiceError: the rating service answered 503 (Lambda gave it up after 3 tries; {DISPATCHED})",
        None,
    ),
    "an error in Node": (
        State.ERROR,
        f"TypeError: premium is undefined (Lambda gave it up after 1 try; {DISPATCHED})",
        None,
    ),
    "out of time": (
        State.ERROR,
        f"2026-11-24T09:33:07.125Z {REQUEST} Task timed out after 3.00 seconds "
        f"(Lambda gave it up after 3 tries; {DISPATCHED})",
        None,
    ),
    "out of memory": (
        State.ERROR,
        f"Runtime.ExitError: RequestId: {REQUEST} Error: Runtime exited with error: signal: killed "
        f"(Lambda gave it up after 3 tries; {DISPATCHED})",
        None,
    ),
    "ended before it was done": (
        State.ERROR,
        f"RequestId: {REQUEST} Process exited before completing request "
        f"(Lambda gave it up after 3 tries; {DISPATCHED})",
        None,
    ),
    "too old before the first try": (
        State.ERROR,
        f"EventAgeExceeded: the call grew too old to be tried again after 0 tries; {DISPATCHED}",
        None,
    ),
    "too old after tries": (
        State.ERROR,
        "ServiceError: the rating service answered 503 "
        f"(the call grew too old to be tried again after 2 tries; {DISPATCHED})",
        None,
    ),
}


def changed(name: str = "an error after all tries", **paths: Any) -> dict[str, Any]:
    """A record with some values replaced, by paths such as ``requestContext__condition``."""
    record = deepcopy(RECORDS[name])
    for path, value in paths.items():
        *above, last = path.split("__")
        part: Any = record
        for key in above:
            part = part[int(key)] if key.isdigit() else part[key]
        part[last] = value
    return record


def with_message(message: object) -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return changed(requestPayload__Records__0__Sns__Message=text)


def message(**other: Any) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(RECORDS["success"]["requestPayload"]["Records"][0]["Sns"]["Message"])
    return {**sent, **other}


def test_every_documented_record_is_in_the_table() -> None:
    assert ENDED.keys() == RECORDS.keys()


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_says_which_call_it_is_of_and_how_that_ended(name: str) -> None:
    qualifier = "live" if name == "success of an alias" else "$LATEST"
    state, said, output = ENDED[name]
    assert is_record(RECORDS[name])
    message = json.loads(RECORDS[name]["requestPayload"]["Records"][0]["Sns"]["Message"])
    assert read_record(RECORDS[name]) == InvocationRecord(
        stage=stage_ref(),
        subscription_arn=SUBSCRIPTION,
        function_arn=f"{FUNCTION}:{qualifier}",
        dispatched=frozenset(message["plugins"]),
        report_to="https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results",
        state=state,
        message=said,
        output=output,
    )


def test_a_condition_that_nobody_has_heard_of_is_a_failure_that_names_it() -> None:
    record = read_record(changed(requestContext__condition="SolarFlare"))
    assert record.state is State.ERROR
    assert record.message == (
        f"ServiceError: the rating service answered 503 (Lambda's record says 'SolarFlare' after 3 tries; {DISPATCHED})"
    )
    assert record.output is None
    silent = changed("too old before the first try", requestContext__condition="SolarFlare")
    assert read_record(silent).message == f"SolarFlare: Lambda's record says 'SolarFlare' after 0 tries; {DISPATCHED}"


def test_how_the_call_ended_is_kept_where_a_long_error_is_cut() -> None:
    record = read_record(changed(responsePayload__errorMessage="x" * 5000))
    assert record.message is not None
    assert len(record.message) == MAX_TEXT
    assert record.message.startswith("ServiceError: xxx")
    assert record.message.endswith(f"xxx (Lambda gave it up after 3 tries; {DISPATCHED})")


@pytest.mark.parametrize("payload", [None, "text", 7, [], {}, {"errorMessage": 7, "errorType": ["x"]}])
def test_an_error_without_words_is_named_by_its_condition(payload: object) -> None:
    record = read_record(changed(responsePayload=payload))
    assert record.message == f"RetriesExhausted: Lambda gave it up after 3 tries; {DISPATCHED}"


@pytest.mark.parametrize("count", [None, "3", True, 1.5])
def test_tries_that_are_no_number_are_left_out(count: object) -> None:
    record = changed("too old before the first try", requestContext__approximateInvokeCount=count)
    assert read_record(record).message == f"EventAgeExceeded: the call grew too old to be tried again; {DISPATCHED}"


MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "no context": (changed(requestContext=None), "requestContext: "),
    "no function": (changed(requestContext__functionArn=None), "requestContext: "),
    "a function that is no ARN": (changed(requestContext__functionArn="secret text"), "requestContext: "),
    "no condition": (changed(requestContext__condition=""), "requestContext: "),
    "an event of somebody else's": (changed(requestPayload={"detail": "secret"}), "not called by SNS"),
    "no event": (changed(requestPayload=None), "not called by SNS"),
    "no records": (changed(requestPayload__Records=[]), "not called by SNS"),
    "two records": (changed(requestPayload__Records=[*RECORDS["success"]["requestPayload"]["Records"]] * 2), "SNS"),
    "a record that is none": (changed(requestPayload__Records=["secret"]), "not called by SNS"),
    "records of a queue": (
        changed(requestPayload__Records=[{"eventSource": "aws:sqs", "body": "secret"}]),
        "not called by SNS",
    ),
    "a subscription that is no ARN": (changed(requestPayload__Records__0__EventSubscriptionArn=7), "SNS"),
    "a call to initialize": (with_message({"initialize": True}), "none of a stage: uid: Field required"),
    "no JSON in the message": (with_message("secret"), "none of a stage: the document: Invalid JSON"),
    "endless nesting in the message": (with_message("[" * 100_000), "none of a stage: the document: Invalid JSON"),
    "a name that is a path": (with_message(message(workflow="secret/Rate")), "workflow"),
    "an attempt that is text": (with_message(message(attempt="1")), "attempt"),
    "a time that is a text of any length": (with_message(message(now="secret" * 6)), "now"),
    "attempt 0": (with_message(message(attempt=0)), "attempt"),
    "an unknown stage": (with_message(message(stage="secret")), "stage"),
    "no queue": (with_message({k: v for k, v in message().items() if k != "report_to"}), "report_to"),
}


@pytest.mark.parametrize(("record", "said"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_call_of_a_stage_is_malformed_and_not_quoted(record: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedRecordError, match=said) as malformed:
        read_record(record)
    assert "1978-05-23" not in str(malformed.value)
    assert "secret text" not in str(malformed.value)


@pytest.mark.parametrize("document", [None, [], "text", {}, {"requestContext": {}}, {"requestPayload": {}, "uid": "q"}])
def test_other_documents_are_no_records(document: object) -> None:
    assert not is_record(document)


things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=4), below, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(sorted(RECORDS)), st.data())
def test_whatever_stands_anywhere_in_a_record_it_is_read_or_malformed(name: str, data: st.DataObject) -> None:
    record = deepcopy(RECORDS[name])
    part: Any = record
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(part[key], dict | list) or not part[key] or data.draw(st.booleans()):
            part[key] = data.draw(things)
            break
        part = part[key]
    try:
        read = read_record(record)
    except MalformedRecordError:
        return
    assert read.message is None or 0 < len(read.message) <= MAX_TEXT
