"""Plugins of the example's activity Validate that try out what a plugin may do, by the run's metadata key `try`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs import Activity, Plugin, QueuePlugin, RuntimeLayer

FUNCTIONS = Path(__file__).parent / "functions"


class PermissionsStack(Stack):
    """A plugin that asks for what is not its own, one that will be forbidden to report, and kinds with more rights."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name="permissions")
        self._layer = RuntimeLayer(self, "Layer")
        self._stage = Activity.from_system(self, "Validate", system="insurance", stage="demo", name="Validate").parallel
        self._on(Plugin, "Nosy", "nosy")
        self._on(Plugin, "Muted", "works", start_within=Duration.seconds(5))
        self._on(Plugin, "Once", "works_once", idempotent=False)
        self._on(QueuePlugin, "Queued", "works", fifo=True)

    def _on(self, kind: Any, name: str, handler: str, **props: Any) -> None:
        function = lambda_.Function(
            self,
            f"{name}Function",
            function_name=f"permissions-{name}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"]),
            handler=f"permissions.{handler}",
            layers=[self._layer],
            timeout=Duration.seconds(30),
            log_group=logs.LogGroup(self, f"{name}Logs", removal_policy=RemovalPolicy.DESTROY),
        )
        kind(self, name, stage=self._stage, function=function, filter_policy={"try": [name]}, **props)


app = App()
PermissionsStack(app, "Permissions")
app.synth()
