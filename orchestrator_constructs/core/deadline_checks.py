"""The schedule on which the core checks deadlines."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from orchestrator_constructs.core.schedule import define_schedule
from orchestrator_runtime.contract import CHECK_DEADLINES_EVERY_SECONDS
from orchestrator_runtime.deployment import Deployment


class DeadlineChecks(Construct):
    """Defines the rule that invokes ``check-deadlines`` each minute.

    It reads the activities that are due, enforces the deadlines of their plugins, and
    repeats what a lost invocation left undone. What it does not finish within its
    timeout, the next invocation does.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        check_deadlines: lambda_.Function,
    ) -> None:
        """Define the rule.

        Args:
            scope: The core.
            id: The construct's id in its scope.
            deployment: The deployment that the core belongs to.
            check_deadlines: The function to invoke.
        """
        super().__init__(scope, id)
        define_schedule(
            self,
            check_deadlines,
            description=f"Checks the deadlines of plugins of {deployment.prefix}",
            every=Duration.seconds(CHECK_DEADLINES_EVERY_SECONDS),
        )
