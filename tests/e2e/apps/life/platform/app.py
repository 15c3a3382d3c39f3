"""A platform whose stacks are updated and destroyed: a core with an activity, an activity apart, and a core that is
to leave nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs import Activity, OrchestratorCore, Plugin, QueuePlugin, RuntimeLayer, Workflow

FUNCTIONS = Path(__file__).parents[1] / "plugins" / "functions"


class PlatformStack(Stack):
    """A core, the activity Work, and the workflow Flow of it."""

    def __init__(
        self,
        scope: Construct,
        stage: str,
        *,
        work: bool = True,
        **props: Any,
    ) -> None:
        super().__init__(scope, f"life-{stage}")
        self.core = OrchestratorCore(self, "Core", system="life", stage=stage, **props)
        if work:
            self.work = Activity(self, "Work", core=self.core)
            Workflow(self, "Flow", core=self.core, activities=[self.work])


class GoneStack(PlatformStack):
    """The same, with a plugin of each kind that has functions of its own, and nothing of it kept."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "gone", removal_policy=RemovalPolicy.DESTROY)
        self._layer = RuntimeLayer(self, "PluginLayer")
        stage = self.work.parallel
        Plugin(self, "Once", stage=stage, function=self._function("Once"), idempotent=False)
        QueuePlugin(self, "Queued", stage=stage, function=self._function("Queued"))
        QueuePlugin(self, "Fifo", stage=stage, function=self._function("Fifo"), fifo=True)

    def _function(self, name: str) -> lambda_.Function:
        return lambda_.Function(
            self,
            f"{name}Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"]),
            handler="versioned.handler",
            layers=[self._layer],
            timeout=Duration.seconds(10),
            log_group=logs.LogGroup(self, f"{name}Logs", removal_policy=RemovalPolicy.DESTROY),
            environment={"VERSION": "0"},
        )


app = App()
platform = PlatformStack(
    app,
    "e2e",
    work=app.node.try_get_context("without") != "Work",
    # Of all settings the one that replaces the code, the layer and the configuration of every function.
    architecture=lambda_.Architecture.X86_64 if app.node.try_get_context("processor") == "x86" else None,
)
Activity(Stack(app, "life-spare"), app.node.try_get_context("spare") or "Spare", core=platform.core)
GoneStack(app)
app.synth()
