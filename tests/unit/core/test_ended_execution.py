"""Executions that are over, as EventBridge tells of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator_runtime.core.ended_execution import (
    Execution,
    ExecutionStatus,
    MalformedEventError,
    read_status_event,
    state_machine_of,
    workflow_of,
)
from tests.unit.samples import EXECUTION

PREFIX = "arn:aws:states:eu-west-1:123456789012:stateMachine:claims-dev-workflow-"


def detail(**other: Any) -> dict[str, Any]:
    """What Step Functions documents of an execution that was stopped."""
    return {
        "executionArn": EXECUTION,
        "stateMachineArn": PREFIX + "NewBusiness",
        "name": "one",
        "status": "ABORTED",
        "startDate": 1551225271984,
        "stopDate": 1551225276000,
        "input": '{"uid": "q-1"}',
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "error": "Operator",
        "cause": "wrong policy",
        **other,
    }


def test_an_event_is_read_whole() -> None:
    assert read_status_event({"detail": detail()}) == Execution(
        arn=EXECUTION,
        status=ExecutionStatus.ABORTED,
        input='{"uid": "q-1"}',
        error="Operator",
        cause="wrong policy",
        stopped_at=datetime(2019, 2, 26, 23, 54, 36, tzinfo=UTC),
    )


@pytest.mark.parametrize("name", ["../New", "New/", "N" * 65, "N" * 4_096, "New\n", ""])
def test_what_can_be_no_workflow_is_none(name: str) -> None:
    """It would be a key that DynamoDB refuses, or one of something else."""
    assert workflow_of(f"{EXECUTION.rpartition(':')[0].removesuffix('NewBusiness')}{name}:one", PREFIX) is None
    assert workflow_of(EXECUTION, PREFIX) == "NewBusiness"


def test_an_event_may_say_little() -> None:
    event = {"detail": {"executionArn": EXECUTION, "status": "TIMED_OUT"}}
    assert read_status_event(event) == Execution(arn=EXECUTION, status=ExecutionStatus.TIMED_OUT)


@pytest.mark.parametrize("stop", [None, "2019", True, 1e300, float("nan"), float("inf"), -1e18, {}])
def test_a_time_that_is_none_is_left_out(stop: object) -> None:
    assert read_status_event({"detail": detail(stopDate=stop)}).stopped_at is None


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({}, "without detail"),
        ({"detail": "executionArn"}, "without detail"),
        ({"detail": {}}, "executionArn is not the ARN"),
        ({"detail": detail(executionArn=7)}, "executionArn is not the ARN"),
        ({"detail": detail(executionArn="arn:aws:states:eu-west-1:1:stateMachine:x")}, "executionArn is not the ARN"),
        ({"detail": detail(status="ENDED")}, "status is not the status"),
        ({"detail": detail(status=None)}, "status is not the status"),
        ({"detail": detail(status=["ABORTED"])}, "status is not the status"),
    ],
    ids=str,
)
def test_another_event_is_refused(event: dict[str, Any], problem: str) -> None:
    with pytest.raises(MalformedEventError, match=problem):
        read_status_event(event)


@pytest.mark.parametrize(
    ("given", "uid"),
    [
        ('{"uid": "q-1", "metadata": {}}', "q-1"),
        ('{"uid": ""}', None),
        ('{"uid": 1}', None),
        ("[1]", None),
        ("no json", None),
        ("[" * 100_000, None),
        ("", None),
        (None, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_run_is_that_of_the_input(given: str | None, uid: str | None) -> None:
    assert Execution(arn=EXECUTION, status=ExecutionStatus.FAILED, input=given).uid == uid


@pytest.mark.parametrize(
    ("execution", "says_why"),
    [
        ({"status": ExecutionStatus.FAILED, "error": "Broken"}, True),
        ({"status": ExecutionStatus.FAILED, "cause": "why"}, True),
        ({"status": ExecutionStatus.TIMED_OUT}, True),
        ({"status": ExecutionStatus.FAILED}, False),
        ({"status": ExecutionStatus.ABORTED, "error": "", "cause": ""}, False),
    ],
)
def test_an_execution_says_why_by_its_error_its_cause_or_having_timed_out(
    execution: dict[str, Any], says_why: bool
) -> None:
    assert Execution(arn=EXECUTION, **execution).says_why is says_why


def test_an_error_that_is_no_text_is_left_out() -> None:
    told = read_status_event({"detail": detail(error=7, cause=["why"], input={"uid": "q-1"})})
    assert (told.error, told.cause, told.input) == (None, None, None)


def test_the_workflow_is_named_by_its_state_machine() -> None:
    assert state_machine_of(EXECUTION) == PREFIX + "NewBusiness"
    assert workflow_of(EXECUTION, PREFIX) == "NewBusiness"
    assert workflow_of(EXECUTION.replace("claims", "other"), PREFIX) is None


@pytest.mark.parametrize(
    ("status", "over"),
    [
        ("RUNNING", False),
        ("PENDING_REDRIVE", False),
        ("SUCCEEDED", True),
        ("FAILED", True),
        ("TIMED_OUT", True),
        ("ABORTED", True),
    ],
)
def test_what_is_over(status: str, over: bool) -> None:
    assert ExecutionStatus(status).is_over is over
