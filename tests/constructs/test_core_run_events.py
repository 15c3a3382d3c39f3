"""The rules that invoke functions of the core: for runs that were ended from outside, and for deadlines."""

from __future__ import annotations

from typing import Any

from tests.constructs.synthesis import StackTemplate

DEAD = "<CoreDeadLettersSweeps0AC0BEB8>"


def rules(template: StackTemplate, construct: str = "CoreRunEvents") -> dict[str, Any]:
    return {
        key.removeprefix(construct)[:-8]: template.readable(rule["Properties"])
        for key, rule in template.resources("AWS::Events::Rule").items()
        if key.startswith(construct)
    }


def test_executions_that_did_not_succeed_are_matched(claims: StackTemplate) -> None:
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


def test_all_runs_are_checked_each_hour(claims: StackTemplate) -> None:
    assert rules(claims)["Schedule"]["ScheduleExpression"] == "rate(1 hour)"


def test_undelivered_events_are_kept(claims: StackTemplate) -> None:
    found = rules(claims)
    assert set(found) == {"Ended", "Schedule"}
    for rule in found.values():
        (target,) = rule["Targets"]
        assert (target["Arn"], target["DeadLetterConfig"]) == ("<claims-dev-sweep-runs>", {"Arn": DEAD})


def test_deadlines_are_checked_each_minute_without_retries(claims: StackTemplate) -> None:
    (rule,) = rules(claims, "CoreDeadlineChecks").values()
    assert rule["ScheduleExpression"] == "rate(1 minute)"
    (target,) = rule["Targets"]
    assert target["Arn"] == "<claims-dev-check-deadlines>"
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert "DeadLetterConfig" not in target
