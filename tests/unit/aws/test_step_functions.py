"""Signals to state machines, and whether an execution runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from orchestrator_runtime.aws.step_functions import StepFunctionsExecutions, StepFunctionsSignals
from orchestrator_runtime.core.ended_execution import Execution, ExecutionStatus
from tests.unit.moto_tables import REGION
from tests.unit.samples import EXECUTION, run_ref

CLIENT = boto3.client("stepfunctions", REGION, aws_access_key_id="testing", aws_secret_access_key="testing")
OUTPUT = run_ref().as_document()
ALIVE_OR_NOT = pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
MACHINE = EXECUTION.replace(":execution:", ":stateMachine:").rpartition(":")[0]
DESCRIBED = {
    "executionArn": EXECUTION,
    "stateMachineArn": EXECUTION.replace(":execution:", ":stateMachine:"),
    "startDate": 0,
}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    with Stubber(CLIENT) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def test_success_carries_the_output_as_json(stub: Stubber) -> None:
    stub.add_response("send_task_success", {}, {"taskToken": "t", "output": json.dumps(OUTPUT)})
    assert StepFunctionsSignals(CLIENT).succeed("t", OUTPUT) is True


def test_failure_carries_error_and_cause(stub: Stubber) -> None:
    stub.add_response("send_task_failure", {}, {"taskToken": "t", "error": "PluginFailed", "cause": "Score: ü"})
    assert StepFunctionsSignals(CLIENT).fail("t", "PluginFailed", "Score: ü") is True


@ALIVE_OR_NOT
def test_a_dead_token_is_an_answer(stub: Stubber, code: str) -> None:
    stub.add_client_error("send_task_success", code)
    stub.add_client_error("send_task_failure", code)
    assert StepFunctionsSignals(CLIENT).succeed("t", OUTPUT) is False
    assert StepFunctionsSignals(CLIENT).fail("t", "e", "c") is False


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InvalidOutput", "KmsThrottling"])
def test_any_other_error_is_one(stub: Stubber, code: str) -> None:
    stub.add_client_error("send_task_success", code)
    stub.add_client_error("send_task_failure", code)
    with pytest.raises(ClientError, match=code):
        StepFunctionsSignals(CLIENT).succeed("t", OUTPUT)
    with pytest.raises(ClientError, match=code):
        StepFunctionsSignals(CLIENT).fail("t", "e", "c")


@pytest.mark.parametrize(
    ("status", "runs"),
    [
        ("RUNNING", True),
        ("PENDING_REDRIVE", True),
        ("SUCCEEDED", False),
        ("FAILED", False),
        ("TIMED_OUT", False),
        ("ABORTED", False),
    ],
)
def test_whether_an_execution_runs(stub: Stubber, status: str, runs: bool) -> None:
    stub.add_response("describe_execution", DESCRIBED | {"status": status}, {"executionArn": EXECUTION})
    assert StepFunctionsExecutions(CLIENT).is_running(EXECUTION) is runs


def test_an_execution_that_is_forgotten_does_not_run(stub: Stubber) -> None:
    stub.add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert StepFunctionsExecutions(CLIENT).is_running(EXECUTION) is False


def test_not_knowing_whether_an_execution_runs_is_an_error(stub: Stubber) -> None:
    stub.add_client_error("describe_execution", "ThrottlingException")
    with pytest.raises(ClientError, match="ThrottlingException"):
        StepFunctionsExecutions(CLIENT).is_running(EXECUTION)


def test_an_execution_is_described(stub: Stubber) -> None:
    stopped_at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    told = {"status": "ABORTED", "input": "{}", "error": "Operator", "cause": "why", "stopDate": stopped_at}
    stub.add_response("describe_execution", DESCRIBED | told, {"executionArn": EXECUTION})
    assert StepFunctionsExecutions(CLIENT).find(EXECUTION) == Execution(
        arn=EXECUTION,
        status=ExecutionStatus.ABORTED,
        input="{}",
        error="Operator",
        cause="why",
        stopped_at=stopped_at,
    )


def test_an_execution_that_is_forgotten_is_none(stub: Stubber) -> None:
    stub.add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert StepFunctionsExecutions(CLIENT).find(EXECUTION) is None


def test_running_executions_are_listed_page_by_page(stub: Stubber) -> None:
    def page(name: str, **more: str) -> dict[str, Any]:
        found = {"executionArn": name, "stateMachineArn": MACHINE, "name": "n", "status": "RUNNING", "startDate": 0}
        return {"executions": [found], **more}

    asked = {"stateMachineArn": MACHINE, "statusFilter": "RUNNING"}
    stub.add_response("list_executions", page("one", nextToken="next"), asked)
    stub.add_response("list_executions", page("two"), {**asked, "nextToken": "next"})
    assert StepFunctionsExecutions(CLIENT).running(MACHINE) == {"one", "two"}


def test_a_state_machine_that_is_gone_runs_nothing(stub: Stubber) -> None:
    stub.add_client_error("list_executions", "StateMachineDoesNotExist")
    assert StepFunctionsExecutions(CLIENT).running(MACHINE) == set()


def test_not_knowing_what_runs_is_an_error(stub: Stubber) -> None:
    stub.add_client_error("list_executions", "ThrottlingException")
    with pytest.raises(ClientError, match="ThrottlingException"):
        StepFunctionsExecutions(CLIENT).running(MACHINE)


def test_an_execution_is_stopped_and_told_why(stub: Stubber) -> None:
    stub.add_response(
        "stop_execution", {"stopDate": 0}, {"executionArn": EXECUTION, "error": "RunCancelled", "cause": "why"}
    )
    StepFunctionsExecutions(CLIENT).stop(EXECUTION, "RunCancelled", "why")


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "ValidationException"])
def test_an_execution_that_is_over_need_not_be_stopped(stub: Stubber, code: str) -> None:
    stub.add_client_error("stop_execution", code)
    StepFunctionsExecutions(CLIENT).stop(EXECUTION, "RunCancelled", "why")


def test_an_execution_that_could_not_be_stopped_is_an_error(stub: Stubber) -> None:
    stub.add_client_error("stop_execution", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        StepFunctionsExecutions(CLIENT).stop(EXECUTION, "RunCancelled", "why")
