"""The rules by which the core ends runs whose executions were ended from outside."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.run_status import RunStatus, executions_that_ended
from orchestrator_runtime.deployment import Deployment

_EVERY: Final = Duration.hours(1)
_LEFT_BEHIND: Final = (RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.ABORTED)
"""An execution that succeeded has ended its run."""


class RunEvents(Construct):
    """Defines the rules that invoke ``sweep-runs``.

    Step Functions sends an event for each execution that has ended, at best effort;
    the schedule finds those of lost events.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        workflow_arn_prefix: str,
        sweep_runs: lambda_.IFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        """Define the rules.

        Args:
            scope: The core.
            id: The construct's id in its scope.
            deployment: The deployment that the core belongs to.
            workflow_arn_prefix: What the ARNs of the workflows' state machines start with.
            sweep_runs: The function to invoke.
            dead_letters: The dead-letter queue of events that did not invoke it.
        """
        super().__init__(scope, id)
        target = targets.LambdaFunction(sweep_runs, dead_letter_queue=dead_letters)
        events.Rule(
            self,
            "Ended",
            description=f"Ends the runs of {deployment.prefix} whose executions were stopped, timed out or failed",
            event_pattern=executions_that_ended({"prefix": workflow_arn_prefix}, _LEFT_BEHIND),
            targets=[target],
        )
        events.Rule(
            self,
            "Schedule",
            description=f"Looks for runs of {deployment.prefix} whose executions are over",
            schedule=events.Schedule.rate(_EVERY),
            targets=[target],
        )
