"""When the core looks for runs that were ended from outside: as Step Functions tells of them, and on a schedule."""

from __future__ import annotations

from typing import Any

from tests.constructs.synthesis import StackTemplate

DEAD = "<CoreDeadLettersSweeps0AC0BEB8>"


def rules(template: StackTemplate) -> dict[str, Any]:
    return {
        key.removeprefix("CoreRunEvents")[:-8]: template.readable(rule["Properties"])
        for key, rule in template.resources("AWS::Events::Rule").items()
        if key.startswith("CoreRunEvents")
    }


def test_executions_that_did_not_succeed_are_told_of(claims: StackTemplate) -> None:
    assert rules(claims)["Ended"]["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": [
                {"prefix": "arn:<Partition>:states:<Region>:<AccountId>:stateMachine:claims-dev-workflow-"}
            ],
            "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        },
    }


def test_every_hour_all_runs_are_looked_at(claims: StackTemplate) -> None:
    assert rules(claims)["Schedule"]["ScheduleExpression"] == "rate(1 hour)"


def test_an_event_that_reaches_nobody_is_kept(claims: StackTemplate) -> None:
    found = rules(claims)
    assert set(found) == {"Ended", "Schedule"}
    for rule in found.values():
        (target,) = rule["Targets"]
        assert (target["Arn"], target["DeadLetterConfig"]) == ("<claims-dev-sweep-runs>", {"Arn": DEAD})
