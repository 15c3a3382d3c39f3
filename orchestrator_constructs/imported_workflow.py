"""A workflow that another app deploys, found by what it publishes in SSM."""

from __future__ import annotations

from functools import cached_property

from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs.grants import allow_start, policy_scope
from orchestrator_constructs.placement import published_value
from orchestrator_runtime.deployment import Deployment


class ImportedWorkflow(Construct):
    """Looks up the state machine in the stack that asks."""

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

    @cached_property
    def state_machine(self) -> sfn.IStateMachine:
        """The workflow's state machine: an execution of it is an attempt at a run."""
        return sfn.StateMachine.from_state_machine_arn(self, "StateMachine", self.state_machine_arn(consumer=self))

    def state_machine_arn(self, *, consumer: Construct) -> str:
        """Look up the workflow's state machine for the stack of ``consumer``."""
        return published_value(self._deployment.workflow_parameter(self._name), consumer=consumer)

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an application start and resume runs."""
        return allow_start(grantee, self.state_machine_arn(consumer=policy_scope(grantee, self)))
