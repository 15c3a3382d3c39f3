"""The function that counts runs in progress and announces overdue ones, each minute."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge_wildcard
from orchestrator_constructs.core.function import define_function
from orchestrator_constructs.core.parts import CoreParts
from orchestrator_constructs.core.schedule import define_schedule
from orchestrator_constructs.placement import Place
from orchestrator_runtime.contract import ACTIVE_RUNS, Env, Handler
from orchestrator_runtime.deployment import Deployment

_TIMEOUT: Final = Duration.minutes(1)
"""The next invocation does what this one does not."""


class RunWatch(Construct):
    """Defines ``watch-runs``, made as the core's functions are, with its role and its schedule."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        parts: CoreParts,
        topic_arn: str,
        every: Duration,
    ) -> None:
        """Define the function.

        Args:
            scope: The monitoring.
            id: The construct's id in its scope.
            deployment: The deployment that is watched.
            parts: The parts of its core.
            topic_arn: The topic that overdue runs are announced on.
            every: Time between two invocations.
        """
        super().__init__(scope, id)
        stores = parts.stores
        self._function = define_function(
            self,
            Handler.WATCH_RUNS,
            deployment=deployment,
            environment={
                Env.STATUS_TABLE: stores.status.table_name,
                Env.CONTROL_TABLE: stores.control.table_name,
                Env.REGISTRY_TABLE: stores.registry.table_name,
                Env.WORKFLOWS_PATH: deployment.workflows_path,
                Env.ALERTS_TOPIC_ARN: topic_arn,
                Env.SYSTEM: deployment.system,
                Env.STAGE: deployment.stage,
            },
            options=parts.options,
            timeout=_TIMEOUT,
        )
        status = stores.status.table_arn
        self._allow(["dynamodb:GetItem", "dynamodb:Query"], [status])
        self._allow(["dynamodb:Query"], [f"{status}/index/{ACTIVE_RUNS}", stores.registry.table_arn])
        items = ("PutItem", "DeleteItem", "Query")
        self._allow([f"dynamodb:{action}" for action in items], [stores.control.table_arn])
        path = Place.of(self).arn("ssm", f"parameter{deployment.workflows_path.rstrip('/')}")
        self._allow(["ssm:GetParametersByPath"], [path, f"{path}/*"])
        acknowledge_wildcard(
            self, f"{path}/*", "The workflows of a deployment are defined later, in other stacks and apps."
        )
        define_schedule(
            self,
            self._function,
            description=f"Counts the runs in progress of {deployment.prefix}, and announces overdue ones",
            every=every,
        )

    @property
    def function(self) -> lambda_.Function:
        """The function."""
        return self._function

    def _allow(self, actions: list[str], resources: list[str]) -> None:
        self._function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))
