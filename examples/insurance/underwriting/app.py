"""The underwriting team's app: plugins of Validate and Rate.

It knows the platform by two words, system and stage, and imports nothing of its code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs import Activity, Plugin, RuntimeLayer

FUNCTIONS: Final = Path(__file__).parent / "functions"


class UnderwritingStack(Stack):
    """Who is insured, and for how much."""

    def __init__(self, scope: Construct, id: str, *, system: str, stage: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name=f"underwriting-{stage}")
        self._layer = RuntimeLayer(self, "Layer")
        validate = Activity.from_system(self, "Validate", system=system, stage=stage, name="Validate")
        rate = Activity.from_system(self, "Rate", system=system, stage=stage, name="Rate")

        # One after the other, by order.
        Plugin(self, "Completeness", stage=validate.pre, function=self._function("completeness"), order=10)
        Plugin(self, "Address", stage=validate.pre, function=self._function("address"), order=20)

        # All at once. A filter on the run's metadata decides which plugins are invoked, and waited for.
        Plugin(
            self,
            "Licence",
            stage=validate.parallel,
            function=self._function("licence"),
            filter_policy={"line": ["auto"]},
        )
        Plugin(
            self,
            "AutoRisk",
            stage=rate.parallel,
            function=self._function("auto_risk"),
            filter_policy={"line": ["auto"]},
        )
        Plugin(
            self,
            "HomeRisk",
            stage=rate.parallel,
            function=self._function("home_risk"),
            filter_policy={"line": ["home"]},
        )
        Plugin(
            self,
            "NoFault",
            stage=rate.parallel,
            function=self._function("no_fault"),
            filter_policy={"line": ["auto"], "state": ["FL", "MI", "NJ", "NY", "PA"]},
        )
        Plugin(
            self,
            "HighValue",
            stage=rate.parallel,
            function=self._function("high_value"),
            filter_policy={"premium": [{"numeric": [">=", 5000]}]},
        )
        Plugin(
            self,
            "Catastrophe",
            stage=rate.parallel,
            function=self._function("catastrophe", pause_seconds=0.4),
            filter_policy={"line": ["home"], "state": ["FL", "LA", "SC", "TX"]},
            timeout=Duration.minutes(5),
            description="Simulates years of hurricanes",
        )
        Plugin(
            self,
            "MarketComparison",
            stage=rate.parallel,
            function=self._function("market_comparison"),
            filter_policy={"workflow": ["NewBusiness"]},
            mandatory=False,
            description="Nice to have; fails while its market rates are out of date",
        )

        Plugin(self, "Premium", stage=rate.post, function=self._function("premium"))

    def _function(self, module: str, *, pause_seconds: float = 0) -> lambda_.Function:
        """Define the function of one plugin. It may write its log; Plugin adds the right to report, and its name."""
        name = "".join(part.capitalize() for part in module.split("_"))
        log_group = logs.LogGroup(
            self, f"{name}Logs", retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY
        )
        role = iam.Role(self, f"{name}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        return lambda_.Function(
            self,
            f"{name}Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"]),
            handler=f"underwriting.{module}.handler",
            layers=[self._layer],
            role=role,
            memory_size=256,
            timeout=Duration.seconds(60),
            log_group=log_group,
            environment={"PAUSE_SECONDS": str(pause_seconds)} if pause_seconds else None,
        )


def build(app: App) -> UnderwritingStack:
    """Add the stack to an app with its context."""
    return UnderwritingStack(
        app, "Underwriting", system=app.node.get_context("system"), stage=app.node.get_context("stage")
    )


if __name__ == "__main__":
    application = App()
    build(application)
    application.synth()
