"""A platform whose runs are watched, and two plugins: one does as it is told, one works outside of Lambda."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs import (
    Activity,
    OrchestratorCore,
    Plugin,
    QueuePlugin,
    RuntimeLayer,
    Workflow,
    WorkflowMonitoring,
)

FUNCTIONS = Path(__file__).parent / "functions"


class WatchedStack(Stack):
    """All of it in one stack, as the smallest platform has it."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name="watched-e2e")
        layer = RuntimeLayer(self, "Layer")
        core = OrchestratorCore(
            self, "Core", system="watched", stage="e2e", layer=layer, removal_policy=RemovalPolicy.DESTROY
        )
        monitoring = WorkflowMonitoring(self, "Monitoring", core=core)
        check = Activity(self, "Check", core=core)
        wait = Activity(self, "Wait", core=core)
        Workflow(self, "Quick", core=core, activities=[check])
        Workflow(self, "Slow", core=core, activities=[wait], expected_duration=Duration.seconds(2))

        function = lambda_.Function(
            self,
            "BehavesFunction",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"]),
            handler="behaves.handler",
            layers=[layer],
            timeout=Duration.seconds(30),
            log_group=logs.LogGroup(self, "BehavesLogs", removal_policy=RemovalPolicy.DESTROY),
        )
        Plugin(self, "Behaves", stage=check.parallel, function=function)
        outside = QueuePlugin(self, "Outside", stage=wait.parallel, description="Works when a test wants it to")
        CfnOutput(self, "OutsideUrl", value=outside.queue.queue_url)

        # What an operator's mailbox is elsewhere.
        alerts = sqs.Queue(self, "Alerts", removal_policy=RemovalPolicy.DESTROY)
        monitoring.alerts_topic.add_subscription(subscriptions.SqsSubscription(alerts))
        CfnOutput(self, "AlertsUrl", value=alerts.queue_url)


app = App()
WatchedStack(app, "Watched")
app.synth()
