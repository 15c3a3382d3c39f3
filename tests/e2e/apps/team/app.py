"""A team's plugins of the activity Check, each with one way to behave, chosen by the run's metadata key `case`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs import Activity, Plugin, RuntimeLayer

FUNCTIONS = Path(__file__).parent / "functions"


class TeamStack(Stack):
    """Plugins that work, fail, and fall silent."""

    def __init__(self, scope: Construct, id: str, *, mended: bool) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name="team")
        self._mended = mended
        self._layer = RuntimeLayer(self, "Layer")
        check = Activity.from_system(self, "Check", system="faults", stage="e2e", name="Check")

        # Declared against their order, and two of the same order against their names.
        self._plugin("Third", check.pre, "works", order=20)
        self._plugin("Second", check.pre, "works", order=10)
        self._plugin("First", check.pre, "works", order=10)

        self._plugin("Works", check.parallel, "works")
        self._plugin("Always", check.parallel, "works", always_run=True)
        self._plugin("Breaks", check.parallel, "breaks", filter_policy={"case": ["break"]})
        self._plugin("Optional", check.parallel, "breaks", filter_policy={"case": ["optional"]}, mandatory=False)
        self._plugin(
            "Silent",
            check.parallel,
            "silent",
            filter_policy={"case": ["silent"]},
            start_within=Duration.seconds(5),
        )
        self._plugin("Last", check.post, "works")

    def _plugin(self, name: str, stage: Any, behaviour: str, **props: Any) -> None:
        function = lambda_.Function(
            self,
            f"{name}Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"]),
            handler=f"behaviours.{behaviour}",
            layers=[self._layer],
            timeout=Duration.seconds(30),
            environment={"MENDED": str(self._mended)},
            log_group=logs.LogGroup(self, f"{name}Logs", removal_policy=RemovalPolicy.DESTROY),
        )
        Plugin(self, name, stage=stage, function=function, **props)


app = App()
TeamStack(app, "Team", mended=app.node.try_get_context("mended") == "true")
app.synth()
