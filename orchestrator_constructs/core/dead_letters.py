"""The dead-letter queues of the core, and an alarm on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge
from orchestrator_constructs.queues import dead_letter_queue
from orchestrator_runtime.contract import DeadLetters
from orchestrator_runtime.deployment import Deployment

_LOOKS_EVERY: Final = Duration.minutes(1)
_REDRIVE: Final = "Find the cause in the function's log, then: orchestrator redrive"
_WHAT_TO_DO: Final[Mapping[DeadLetters, str]] = {
    DeadLetters.RESULTS: f"Reports of plugins could not be recorded. {_REDRIVE}",
    DeadLetters.SWEEPS: f"Runs that were ended from outside may still be shown as In Progress. {_REDRIVE}",
    DeadLetters.RECONCILIATIONS: f"The registry may differ from what is subscribed. {_REDRIVE}",
    DeadLetters.REGISTRATIONS: (
        "CloudFormation got no response to a registration, and its deployment failed. Find the cause in the function's "
        "log, deploy the plugin again, and purge the queue"
    ),
}


class CoreDeadLetters(Construct):
    """Defines the dead-letter queues of a core and their alarms."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        removal_policy: RemovalPolicy,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id)
        self._queues = {
            kind: dead_letter_queue(self, kind.value.capitalize(), removal_policy, key=key) for kind in DeadLetters
        }
        self._alarms = [
            queue.metric_approximate_number_of_messages_visible(
                period=_LOOKS_EVERY, statistic=cloudwatch.Stats.MAXIMUM
            ).create_alarm(
                self,
                f"{kind.value.capitalize()}Alarm",
                alarm_name=f"{deployment.prefix}-dead-{kind}",
                alarm_description=(
                    f"{_WHAT_TO_DO[kind]} (--system {deployment.system} --stage {deployment.stage}). "
                    "Dead letters are kept for 14 days."
                ),
                threshold=1,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            for kind, queue in self._queues.items()
        ]
        acknowledge(
            self,
            "NIST.800.53.R5-CloudWatchAlarmAction",
            "The operator adds an action to each of dead_letter_alarms.",
        )

    def of(self, kind: DeadLetters) -> sqs.Queue:
        """The queue of one kind."""
        return self._queues[kind]

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """One for each queue: it contains a message. They have no actions yet."""
        return list(self._alarms)
