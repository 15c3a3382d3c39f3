"""The function that ends runs whose executions are over."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from orchestrator_runtime.contract import Env
from orchestrator_runtime.handlers import sweep_runs
from orchestrator_runtime.handlers.begin_run import lambda_handler as begin_run
from orchestrator_runtime.handlers.environment import sweep_ports
from orchestrator_runtime.handlers.open_activity import lambda_handler as open_activity
from orchestrator_runtime.protocol.sweep_runs import SETTLES_WITHIN, SweepPorts
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import begin, opening
from tests.unit.samples import a_registration

ROLE = "arn:aws:iam::123456789012:role/any"
SECRET = "premium-4711"
GIVEN = {"uid": "q-1", "metadata": {"secret": SECRET}}


@pytest.fixture
def execution(core: Core, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that waits for a plugin, in an execution as moto runs it: forever."""
    states = boto3.client("stepfunctions")
    machine = states.create_state_machine(name="claims-dev-workflow-NewBusiness", definition="{}", roleArn=ROLE)
    monkeypatch.setenv(Env.WORKFLOW_ARN_PREFIX, machine["stateMachineArn"].removesuffix("NewBusiness"))
    started = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(GIVEN))
    core.deploy(a_registration())
    begin_run(begin(GIVEN, started["executionArn"]), None)
    open_activity(opening(), None)
    return started["executionArn"]


def event(execution: str, **detail: Any) -> dict[str, Any]:
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"executionArn": execution, "status": "ABORTED", "input": json.dumps(GIVEN), **detail},
    }


def stop(execution: str) -> None:
    boto3.client("stepfunctions").stop_execution(executionArn=execution, error="Operator", cause="wrong policy")


def test_an_event_ends_its_run(core: Core, execution: str) -> None:
    answer = sweep_runs.lambda_handler(event(execution, error="Operator", stopDate=1_900_000_000_000), None)
    assert answer == {"ended": [{"uid": "q-1", "workflow": "NewBusiness", "attempt": 1}]}
    document = core.document()
    assert (document["state"], document["ending"]) == ("Error", "stopped")
    assert (document["message"], document["ended_at"]) == (
        "its execution was stopped: Operator",
        "2030-03-17T17:46:40.000Z",
    )
    assert [line["ending"] for line in core.lines() if line["message"] == "run ended"] == ["stopped"]
    assert SECRET not in core.log.getvalue()


def test_an_event_that_left_the_input_out_is_completed(core: Core, execution: str) -> None:
    stop(execution)
    answer = sweep_runs.lambda_handler(event(execution, input=None, inputDetails={"included": False}), None)
    assert [run["uid"] for run in answer["ended"]] == ["q-1"]


def test_an_event_of_an_execution_that_holds_no_run_is_nothing(core: Core, execution: str) -> None:
    before = core.rows()
    assert sweep_runs.lambda_handler(event(f"{execution}-2"), None) == {"ended": []}
    assert core.rows() == before


@pytest.mark.parametrize("given", [{}, {"detail-type": "Scheduled Event", "source": "aws.events"}], ids=str)
def test_the_young_are_not_swept(core: Core, execution: str, given: dict[str, Any]) -> None:
    stop(execution)
    assert sweep_runs.lambda_handler(given, None) == {"ended": []}
    assert core.document()["state"] == "In Progress"


def aged(ports: SweepPorts) -> SweepPorts:
    """The same world a little later."""
    clock = ports.end.clock
    return replace(ports, end=replace(ports.end, clock=lambda: clock() + SETTLES_WITHIN))


def test_a_sweep_ends_what_is_over_and_nothing_else(core: Core, execution: str) -> None:
    other = boto3.client("stepfunctions").start_execution(
        stateMachineArn=execution.replace(":execution:", ":stateMachine:").rpartition(":")[0],
        input=json.dumps({"uid": "q-2"}),
    )["executionArn"]
    begin_run(begin({"uid": "q-2"}, other), None)
    stop(execution)
    assert [run.uid for run in sweep_runs.serve({}, aged(sweep_ports()))] == ["q-1"]
    assert core.document()["ending"] == "stopped"
    assert core.document("q-2")["state"] == "In Progress"


@pytest.mark.parametrize(
    "given",
    [{"detail-type": "AWS API Call via CloudTrail"}, {"detail-type": "Step Functions Execution Status Change"}],
    ids=lambda given: given["detail-type"],
)
def test_what_is_no_such_event_is_an_error(core: Core, execution: str, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not understood|without detail"):
        sweep_runs.lambda_handler(given, None)
