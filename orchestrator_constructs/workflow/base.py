"""What every workflow can do, defined here or imported, because it follows from its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs.grants import allow_start, policy_scope
from orchestrator_constructs.metrics import ExecutionMetrics, MetricProps, RunMetrics, measured
from orchestrator_constructs.placement import Place
from orchestrator_constructs.run_status import FINISHED, RunStatus, executions_that_ended
from orchestrator_runtime.contract import Dimension, Metric
from orchestrator_runtime.deployment import Deployment


class WorkflowBase(RunMetrics, ExecutionMetrics):
    """What follows from the ARN that each kind of workflow finds in a way of its own."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        workflow_name: str,
    ) -> None:
        super().__init__(scope, id)
        self._deployment = deployment
        self._name = workflow_name

    @property
    def workflow_name(self) -> str:
        """The workflow's name, unique in its core."""
        return self._name

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The workflow's state machine: an execution of it is an attempt at a run."""
        raise NotImplementedError

    def state_machine_arn(self, *, consumer: Construct) -> str:
        """Name the workflow's state machine for the stack of ``consumer``."""
        raise NotImplementedError

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an application start and resume runs."""
        return allow_start(grantee, self.state_machine_arn(consumer=policy_scope(grantee, self)))

    def on_finished(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        target: events.IRuleTarget | None = None,
        statuses: Sequence[RunStatus] = FINISHED,
    ) -> events.Rule:
        """Define a rule on the EventBridge events of runs whose execution has ended.

        ::

            {
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {"stateMachineArn": ["…"], "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]}
            }

        The event has the execution's input, and in it the run's uid, as text in ``detail.input``, unless it is
        so large that Step Functions leaves it out. It comes at least once for every execution, also for one that
        was refused because its run goes on in another.

        Args:
            scope: The construct that the rule belongs to; the rule is deployed with its stack.
            id: The rule's id in its scope.
            target: The target of the rule. Default: none yet; add targets to the rule.
            statuses: The statuses that the rule matches. Default: all.

        Raises:
            ValueError: No status is given.
        """
        if not statuses:
            raise ValueError(
                f"statuses of rule {id!r} on workflow {self._name!r} is empty: name some of {', '.join(FINISHED)}, "
                f"or leave it out for all"
            )
        return events.Rule(
            scope,
            id,
            description=f"Runs of workflow {self._name} of {self._deployment.prefix} that have ended",
            event_pattern=executions_that_ended(
                self.state_machine_arn(consumer=scope), [RunStatus(status) for status in statuses]
            ),
            targets=None if target is None else [target],
        )

    def _measured(self, metric: Metric, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        return measured(self, metric, self._deployment, {Dimension.WORKFLOW: self._name}, **props)

    def _machine_by_name(self) -> str:
        return Place.of(self).arn("states", self._deployment.workflow(self._name), resource="stateMachine")
