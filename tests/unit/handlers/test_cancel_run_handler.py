"""The function that cancels runs."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from orchestrator_runtime.handlers.begin_run import lambda_handler as begin_run
from orchestrator_runtime.handlers.cancel_run import lambda_handler
from orchestrator_runtime.handlers.open_activity import lambda_handler as open_activity
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import TOKEN, begin, opening
from tests.unit.samples import a_registration

ROLE = "arn:aws:iam::123456789012:role/Operator"


@pytest.fixture
def execution(core: Core) -> str:
    """A run that waits for a plugin, in an execution as moto runs it: forever."""
    states = boto3.client("stepfunctions")
    machine = states.create_state_machine(name="claims-dev-workflow-NewBusiness", definition="{}", roleArn=ROLE)
    execution = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    core.deploy(a_registration())
    begin_run(begin({"uid": "q-1"}, execution), None)
    open_activity(opening(), None)
    return execution


def cancel(**other: Any) -> dict[str, Any]:
    return lambda_handler({"uid": "q-1", "workflow": "NewBusiness", **other}, None)


def test_a_run_is_cancelled(core: Core, execution: str) -> None:
    answer = cancel(reason="sent twice", by=ROLE)
    assert answer == {"uid": "q-1", "workflow": "NewBusiness", "attempt": 1, "execution": execution}
    document = core.document()
    assert (document["state"], document["ending"]) == ("Error", "cancelled")
    assert document["message"] == f"cancelled by {ROLE}: sent twice"
    assert document["activities"]["Rate"]["stages"]["parallel"]["plugins"]["Score"]["state"] == "Error"
    assert boto3.client("stepfunctions").describe_execution(executionArn=execution)["status"] == "ABORTED"
    [(signal, sent)] = core.signals
    assert (signal, sent["taskToken"], sent["error"]) == ("SendTaskFailure", TOKEN, "RunEnded")
    assert core.lines()[-1]["message"] == "run cancelled"
    assert core.lines()[-1]["by"] == ROLE
    assert "sent twice" not in core.log.getvalue()


def test_half_a_character_of_a_reason_is_replaced(core: Core, execution: str) -> None:
    cancel(reason="sent \ud83d twice")
    assert core.document()["message"] == "cancelled: sent ? twice"


def test_what_cannot_be_cancelled_is_told_and_changes_nothing(core: Core, execution: str) -> None:
    before = core.rows()
    assert cancel(uid="q-2")["refused"].startswith("there is no run 'q-2' of NewBusiness")
    assert core.rows() == before
    assert core.lines()[-1]["message"] == "nothing to cancel"


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"uid": None}, "uid must be a non-empty string"),
        ({"uid": "u" * 257}, "uid"),
        ({"workflow": "a/b"}, "workflow"),
        ({"workflow": None}, "workflow"),
        ({"reason": 7}, "reason must be text"),
        ({"by": "x" * 1025}, "by must be text of at most 1,024 characters"),
    ],
    ids=lambda value: json.dumps(value)[:30],
)
def test_what_is_no_wish_to_cancel_is_an_error(core: Core, other: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        cancel(**other)
