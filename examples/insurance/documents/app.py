"""The documents team's app: plugins of GenerateDocuments and CancelServices.

It knows the platform by two words, system and stage, and imports nothing of its code, nor of underwriting's.
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


class DocumentsStack(Stack):
    """What customers get in writing."""

    def __init__(self, scope: Construct, id: str, *, system: str, stage: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name=f"documents-{stage}")
        self._layer = RuntimeLayer(self, "Layer")
        generate = Activity.from_system(self, "GenerateDocuments", system=system, stage=stage, name="GenerateDocuments")
        cancel = Activity.from_system(self, "CancelServices", system=system, stage=stage, name="CancelServices")

        Plugin(
            self,
            "PolicyDocument",
            stage=generate.parallel,
            function=self._function("policy_document", pause_seconds=0.8),
            description="Renders the policy page by page",
        )
        Plugin(
            self,
            "IdCard",
            stage=generate.parallel,
            function=self._function("id_card"),
            filter_policy={"line": ["auto"]},
        )
        Plugin(self, "WelcomeLetter", stage=generate.post, function=self._function("welcome_letter"))

        Plugin(self, "Refund", stage=cancel.pre, function=self._function("refund"))
        Plugin(self, "Notice", stage=cancel.parallel, function=self._function("notice"))
        Plugin(self, "Billing", stage=cancel.parallel, function=self._function("billing"))

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
            handler=f"documents.{module}.handler",
            layers=[self._layer],
            role=role,
            memory_size=256,
            timeout=Duration.seconds(60),
            log_group=log_group,
            environment={"PAUSE_SECONDS": str(pause_seconds)} if pause_seconds else None,
        )


def build(app: App) -> DocumentsStack:
    """Add the stack to an app with its context."""
    return DocumentsStack(app, "Documents", system=app.node.get_context("system"), stage=app.node.get_context("stage"))


if __name__ == "__main__":
    application = App()
    build(application)
    application.synth()
