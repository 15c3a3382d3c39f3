from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_cli.gateway import Execution
from tests.cli.fakes import IN_CLAIMS, OPERATOR, FakeGateway, announced, document, invoke

EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-NewBusiness:first"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:claims-dev-workflow-NewBusiness"
FAILED = document("Error", execution=EXECUTION, message="no table")


def retry(gateway: FakeGateway, *options: str) -> Any:
    return invoke(gateway, "retry", "NewBusiness", "Q-1", *options, *IN_CLAIMS)


def test_a_run_is_started_again_with_what_it_has() -> None:
    gateway = FakeGateway(rows=[FAILED, document(attempt=2)])
    result = retry(gateway)
    assert (result.exit_code, result.stderr) == (0, announced("resume run 'Q-1' of NewBusiness"))
    assert result.stdout == "NewBusiness Q-1 attempt 2: arn:run-1\n"
    [started] = gateway.started
    assert started["machine"] == MACHINE
    assert started["input"] == {
        "uid": "Q-1",
        "metadata": {"line": "auto"},
        "metadata_override": False,
        "by": OPERATOR,
    }


@pytest.mark.parametrize(("state", "code"), [("Complete", 0), ("Error", 1)])
def test_watch_exits_by_how_the_run_ended(state: str, code: int) -> None:
    gateway = FakeGateway(rows=[FAILED, document(), document(state)])
    result = retry(gateway, "--watch", "--json")
    assert result.exit_code == code
    assert json.loads(result.stdout)["state"] == state


def test_a_run_that_is_complete_is_left_alone() -> None:
    gateway = FakeGateway(rows=[document("Complete", execution=EXECUTION)])
    result = retry(gateway)
    assert (result.exit_code, gateway.started) == (1, [])
    refused = "orchestrator: run 'Q-1' of NewBusiness is Complete: there is nothing to retry\n"
    assert result.stderr == announced("resume run 'Q-1' of NewBusiness") + refused


def test_a_run_that_there_is_not_is_told() -> None:
    gateway = FakeGateway(rows=[None])
    result = retry(gateway)
    assert (result.exit_code, gateway.started) == (1, [])
    assert "no run 'Q-1' of NewBusiness in claims-dev: never started, or expired" in result.stderr


def test_a_run_in_progress_is_refused_by_its_start() -> None:
    going_on = document(execution=EXECUTION)
    refused = Execution("FAILED", "RunInProgress", "run 'Q-1' is in progress")
    gateway = FakeGateway(rows=[going_on], executions=[refused])
    result = retry(gateway)
    assert result.exit_code == 1
    assert "run 'Q-1' of NewBusiness was refused: run 'Q-1' is in progress" in result.stderr
