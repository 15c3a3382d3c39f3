"""Schedules of functions that do the same again and again, so that a failed invocation is not repeated."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge

_MAX_EVENT_AGE: Final = Duration.minutes(1)
_NEXT: Final = "The next invocation does what a failed one did not; its errors have an alarm."


def define_schedule(scope: Construct, function: lambda_.Function, *, description: str, every: Duration) -> events.Rule:
    """Define the rule ``Schedule`` below ``scope``, which invokes a function at a fixed rate.

    Args:
        scope: The construct that the rule belongs to.
        function: The function. Its failed asynchronous invocations are not retried.
        description: The description of the rule.
        every: Time between two invocations.
    """
    rule = events.Rule(
        scope,
        "Schedule",
        description=description,
        schedule=events.Schedule.rate(every),
        targets=[targets.LambdaFunction(function, retry_attempts=0, max_event_age=_MAX_EVENT_AGE)],
    )
    function.configure_async_invoke(retry_attempts=0, max_event_age=_MAX_EVENT_AGE)
    acknowledge(rule, "Serverless-EventBusDLQ", _NEXT)
    acknowledge(function, "Serverless-LambdaAsyncFailureDestination", _NEXT)
    return rule
