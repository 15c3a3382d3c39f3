"""A workflow that another app deploys, found by what it publishes in SSM."""

from __future__ import annotations

from functools import cached_property

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs.placement import published_value
from orchestrator_constructs.workflow.base import WorkflowBase


class ImportedWorkflow(WorkflowBase):
    """Looks up the state machine in the stack that uses it."""

    @cached_property
    def state_machine(self) -> sfn.IStateMachine:
        """The workflow's state machine: an execution of it is an attempt at a run."""
        return sfn.StateMachine.from_state_machine_arn(self, "StateMachine", self.state_machine_arn(consumer=self))

    def state_machine_arn(self, *, consumer: Construct) -> str:
        """The ARN of the workflow's state machine for the stack of ``consumer``."""
        return published_value(self._deployment.workflow_parameter(self._name), consumer=consumer)
