"""The rules that invoke the reconciliation: on a schedule, and on changes that CloudTrail logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.placement import Place
from orchestrator_runtime.deployment import Deployment

_RETRIES: Final = 2


class ReconciliationEvents(Construct):
    """Defines the rules that invoke ``reconcile``.

    A trail has to log management events for the rules on API calls to fire; where
    none does, or an event is lost, the schedule finds the change later.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        reconcile: lambda_.IFunction,
        dead_letters: sqs.Queue,
        every: Duration | None,
    ) -> None:
        """Define the rules.

        Args:
            scope: The core.
            id: The construct's id in its scope.
            deployment: The deployment that the core belongs to.
            reconcile: The function to invoke.
            dead_letters: The dead-letter queue of events that did not invoke it.
            every: Time between two scheduled reconciliations; none are scheduled without.
        """
        super().__init__(scope, id)
        target = targets.LambdaFunction(reconcile, dead_letter_queue=dead_letters, retry_attempts=_RETRIES)
        if every is not None:
            events.Rule(
                self,
                "Schedule",
                description=f"Reconciles the plugins of {deployment.prefix}",
                schedule=events.Schedule.rate(every),
                targets=[target],
            )
        # A subscription's ARN is that of its topic, and more.
        ours = [{"prefix": Place.of(self).arn("sns", f"{deployment.prefix}-")}]
        calls = {
            "Subscribed": _calls("sns", ["Subscribe", "ConfirmSubscription"], requestParameters={"topicArn": ours}),
            "SubscriptionChanged": _calls(
                "sns", ["SetSubscriptionAttributes", "Unsubscribe"], requestParameters={"subscriptionArn": ours}
            ),
            # The names carry the API's date, such as UpdateFunctionCode20150331v2.
            "FunctionChanged": _calls(
                "lambda",
                [
                    {"prefix": "UpdateFunctionCode"},
                    {"prefix": "UpdateFunctionConfiguration"},
                    {"prefix": "UpdateAlias"},
                    # Not DeleteFunctionConcurrency and the like.
                    {"prefix": "DeleteFunction20"},
                    "DeleteFunction",
                ],
            ),
        }
        for rule, pattern in calls.items():
            events.Rule(
                self,
                rule,
                description=f"Reconciles what changed among the plugins of {deployment.prefix}",
                event_pattern=pattern,
                targets=[target],
            )


def _calls(service: str, names: Sequence[str | dict[str, str]], **detail: Any) -> events.EventPattern:  # noqa: ANN401
    """Match successful calls of a service's API in the events of CloudTrail."""
    return events.EventPattern(
        source=[f"aws.{service}"],
        detail_type=["AWS API Call via CloudTrail"],
        detail={
            "eventSource": [f"{service}.amazonaws.com"],
            "eventName": list(names),
            # Calls that were refused changed nothing.
            "errorCode": [{"exists": False}],
            **detail,
        },
    )
