"""When the core reconciles: on a schedule, and as CloudTrail tells of what changed."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration, Stack

from orchestrator_constructs import OrchestratorCore
from tests.constructs.synthesis import StackTemplate, synthesize

RULE = "AWS::Events::Rule"
DEAD = "CoreDeadLettersReconciliations264D2C56"
OURS = [{"prefix": "arn:<Partition>:sns:<Region>:<AccountId>:claims-dev-"}]


def rules(template: StackTemplate) -> dict[str, Any]:
    return {
        key.removeprefix("CoreReconciliation")[:-8]: template.readable(rule["Properties"])
        for key, rule in template.resources(RULE).items()
        if key.startswith("CoreReconciliation")
    }


def test_every_hour(claims: StackTemplate) -> None:
    assert rules(claims)["Schedule"]["ScheduleExpression"] == "rate(1 hour)"


def schedules(reconcile_every: Duration | None) -> list[str]:
    def define(app: App) -> None:
        OrchestratorCore(Stack(app, "C"), "Core", system="claims", stage="dev", reconcile_every=reconcile_every)

    found = rules(synthesize(define).stacks["C"])
    return [rule["ScheduleExpression"] for rule in found.values() if "ScheduleExpression" in rule]


@pytest.mark.parametrize(
    ("every", "expected"),
    [(Duration.minutes(5), ["rate(5 minutes)"]), (Duration.days(1), ["rate(1 day)"]), (None, [])],
)
def test_as_often_as_it_is_told(every: Duration | None, expected: list[str]) -> None:
    assert schedules(every) == expected


@pytest.mark.parametrize(
    ("rule", "service", "names", "parameters"),
    [
        ("Subscribed", "sns", ["Subscribe", "ConfirmSubscription"], {"topicArn": OURS}),
        ("SubscriptionChanged", "sns", ["SetSubscriptionAttributes", "Unsubscribe"], {"subscriptionArn": OURS}),
        (
            "FunctionChanged",
            "lambda",
            [
                {"prefix": "UpdateFunctionCode"},
                {"prefix": "UpdateFunctionConfiguration"},
                {"prefix": "UpdateAlias"},
                {"prefix": "DeleteFunction20"},
                "DeleteFunction",
            ],
            None,
        ),
    ],
)
def test_calls_that_change_plugins(
    claims: StackTemplate, rule: str, service: str, names: list[Any], parameters: dict[str, Any] | None
) -> None:
    assert rules(claims)[rule]["EventPattern"] == {
        "source": [f"aws.{service}"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": [f"{service}.amazonaws.com"],
            "eventName": names,
            "errorCode": [{"exists": False}],
            **({"requestParameters": parameters} if parameters else {}),
        },
    }


def test_every_rule_starts_reconcile_and_gives_up_soon_and_loses_nothing(claims: StackTemplate) -> None:
    found = rules(claims)
    assert set(found) == {"Schedule", "Subscribed", "SubscriptionChanged", "FunctionChanged"}
    for rule in found.values():
        assert rule["State"] == "ENABLED"
        (target,) = rule["Targets"]
        assert target["Arn"] == "<claims-dev-reconcile>"
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 2}
        assert target["DeadLetterConfig"] == {"Arn": f"<{DEAD}>"}


def test_rules_may_call_the_function_and_leave_dead_letters(claims: StackTemplate) -> None:
    arns = {f"<{key}>" for key in claims.resources(RULE) if key.startswith("CoreReconciliation")}
    callers = {
        claims.readable(permission["Properties"]["SourceArn"])
        for permission in claims.resources("AWS::Lambda::Permission").values()
        if permission["Properties"]["Principal"] == "events.amazonaws.com"
        and claims.readable(permission["Properties"]["FunctionName"]) == "<claims-dev-reconcile>"
    }
    assert callers == arns
    (policy,) = [
        resource["Properties"]["PolicyDocument"]["Statement"]
        for resource in claims.resources("AWS::SQS::QueuePolicy").values()
        if resource["Properties"]["Queues"] == [{"Ref": DEAD}]
    ]
    senders = {
        claims.readable(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        for statement in policy
        if statement["Effect"] == "Allow"
    }
    assert senders == arns
