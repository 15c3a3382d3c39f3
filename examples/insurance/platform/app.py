"""The platform team's app: the core, the activities, and the workflows that chain them.

It knows of no plugin. Deployed once, it stays as it is when teams add theirs.
"""

from __future__ import annotations

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs import Activity, OrchestratorCore, Workflow, WorkflowMonitoring


class PlatformStack(Stack):
    """NewBusiness and Cancel share Validate and Rate."""

    def __init__(self, scope: Construct, id: str, *, system: str, stage: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name=f"{system}-{stage}")
        core = OrchestratorCore(
            self,
            "Core",
            system=system,
            stage=stage,
            # A demo leaves nothing behind. Keep the defaults, which keep data, for anything else.
            removal_policy=RemovalPolicy.DESTROY,
            retention=Duration.days(7),
            log_retention=logs.RetentionDays.ONE_WEEK,
        )
        validate = Activity(self, "Validate", core=core)
        rate = Activity(self, "Rate", core=core)
        generate_documents = Activity(self, "GenerateDocuments", core=core)
        cancel_services = Activity(self, "CancelServices", core=core)
        Workflow(
            self,
            "NewBusiness",
            core=core,
            activities=[validate, rate, generate_documents],
            expected_duration=Duration.hours(2),
        )
        Workflow(
            self,
            "Cancel",
            core=core,
            activities=[validate, rate, cancel_services],
            expected_duration=Duration.hours(1),
        )
        # Subscribe yourself: alert_emails=["…"].
        WorkflowMonitoring(self, "Monitoring", core=core)


def build(app: App) -> PlatformStack:
    """Add the stack to an app with its context."""
    return PlatformStack(app, "Platform", system=app.node.get_context("system"), stage=app.node.get_context("stage"))


if __name__ == "__main__":
    application = App()
    build(application)
    application.synth()
