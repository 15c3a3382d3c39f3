"""What the core could not handle is kept, and somebody is told."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns

from orchestrator_constructs import OrchestratorCore
from orchestrator_runtime.contract import DeadLetters
from tests.constructs.synthesis import StackTemplate, synthesize

ALARM = "AWS::CloudWatch::Alarm"


def alarms(template: StackTemplate) -> dict[str, Any]:
    found = [template.readable(alarm["Properties"]) for alarm in template.resources(ALARM).values()]
    return {alarm["AlarmName"]: alarm for alarm in found}


def test_every_dead_letter_queue_has_an_alarm(claims: StackTemplate) -> None:
    assert set(alarms(claims)) == {f"claims-dev-dead-{kind}" for kind in DeadLetters}
    watched = {alarm["Dimensions"][0]["Value"] for alarm in alarms(claims).values()}
    dead = {key for key in claims.resources("AWS::SQS::Queue") if key.startswith("CoreDeadLetters")}
    assert watched == {f"<{key}.QueueName>" for key in dead}


@pytest.mark.parametrize("kind", DeadLetters)
def test_one_letter_is_enough_and_none_is_fine(claims: StackTemplate, kind: DeadLetters) -> None:
    alarm = alarms(claims)[f"claims-dev-dead-{kind}"]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == (
        "ApproximateNumberOfMessagesVisible",
        "Maximum",
        60,
    )
    assert (alarm["Threshold"], alarm["ComparisonOperator"], alarm["EvaluationPeriods"]) == (
        1,
        "GreaterThanOrEqualToThreshold",
        1,
    )
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("kind", "what_to_do"),
    [
        (DeadLetters.RESULTS, "orchestrator redrive"),
        (DeadLetters.SWEEPS, "orchestrator redrive"),
        (DeadLetters.RECONCILIATIONS, "orchestrator redrive"),
        (DeadLetters.REGISTRATIONS, "deploy the plugin again"),
    ],
)
def test_the_alarm_says_what_to_do(claims: StackTemplate, kind: DeadLetters, what_to_do: str) -> None:
    description = alarms(claims)[f"claims-dev-dead-{kind}"]["AlarmDescription"]
    assert what_to_do in description
    assert "--system claims --stage dev" in description


def test_an_alarm_can_be_given_an_action() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "C")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        topic = sns.Topic(stack, "Operators")
        for alarm in core.dead_letter_alarms:
            alarm.add_alarm_action(actions.SnsAction(topic))

    template = synthesize(define).stacks["C"]
    assert len(alarms(template)) == len(DeadLetters)
    assert all(len(alarm["AlarmActions"]) == 1 for alarm in alarms(template).values())
