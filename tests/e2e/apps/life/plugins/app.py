"""A team's plugins, in three versions: at first; with one changed and one removed; and with one that is refused.

Those without a function wait until the test takes their messages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs import Activity, IActivityStage, Plugin, QueuePlugin, RuntimeLayer

FUNCTIONS = Path(__file__).parent / "functions"


class PluginsStack(Stack):
    """Plugins of the activities Work and Spare, chosen by the run's metadata key `case`."""

    def __init__(self, scope: Construct, version: int) -> None:
        super().__init__(scope, "life-plugins")
        work, spare = (Activity.from_system(self, name, system="life", stage="e2e") for name in ("Work", "Spare"))
        refused = version > 2
        self._outside("Outside", work.parallel, ["outside", "elsewhere"] if refused else ["outside"])
        if version == 1:
            self._outside("Leaving", work.pre, ["leaving"], timeout=Duration.seconds(40))
        if refused:
            # Somebody else has that name.
            self._outside("Taken", work.post, ["taken"])
        self._outside("Gate", work.post, ["update"], order=10)
        Plugin(
            self,
            "Versioned",
            stage=work.post,
            function=self._function(version),
            filter_policy={"case": ["update"] if version == 1 else ["update", "outside"]},
            order=20 if version == 1 else 30,
            mandatory=version == 1,
            timeout=Duration.seconds(60 * version),
        )
        self._outside("OnSpare", spare.pre, ["spare"])

    def _outside(self, name: str, stage: IActivityStage, case: list[str], **props: Any) -> None:
        plugin = QueuePlugin(self, name, stage=stage, filter_policy={"case": case}, **props)
        CfnOutput(self, f"{name}Url", value=plugin.queue.queue_url)

    def _function(self, version: int) -> lambda_.Function:
        return lambda_.Function(
            self,
            "VersionedFunction",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"]),
            handler="versioned.handler",
            layers=[RuntimeLayer(self, "Layer")],
            timeout=Duration.seconds(10),
            log_group=logs.LogGroup(self, "VersionedLogs", removal_policy=RemovalPolicy.DESTROY),
            environment={"VERSION": str(version)},
        )


app = App()
PluginsStack(app, int(app.node.try_get_context("version") or 1))
app.synth()
