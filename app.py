#!/usr/bin/env python3
"""The deployable app: one stack with the core, activities and workflows, all from the CDK context.

For example::

    cdk deploy -c system=claims -c stage=dev -c activities='["Validate", "Rate"]' \
               -c workflows='{"NewBusiness": ["Validate", "Rate"]}' \
               -c expected_minutes='{"NewBusiness": 120}' -c alert_emails='["operators@example.com"]'

A list among a workflow's activities holds activities that run side by side. Runs are monitored; ``-c monitoring=false``
leaves that out.
"""

from __future__ import annotations

import sys

from aws_cdk import App, Duration, Stack

from orchestrator_constructs import Activity, OrchestratorCore, Workflow, WorkflowMonitoring
from orchestrator_constructs.context import AppContext


def define(app: App) -> Stack:
    """Define the stack that the app's context describes.

    Raises:
        ValueError: The context is malformed, or names something that is not allowed.
    """
    context = AppContext.read(app.node.try_get_context)
    stack = Stack(app, context.deployment.prefix)
    core = OrchestratorCore(stack, "Core", system=context.deployment.system, stage=context.deployment.stage)
    activities = {name: Activity(stack, f"Activity-{name}", core=core, name=name) for name in context.activities}
    for name, steps in context.workflows.items():
        side_by_side = [[activities[activity] for activity in step] for step in steps]
        minutes = context.expected_minutes.get(name)
        Workflow(
            stack,
            f"Workflow-{name}",
            core=core,
            name=name,
            activities=side_by_side,
            expected_duration=None if minutes is None else Duration.minutes(minutes),
        )
    if context.monitoring:
        WorkflowMonitoring(stack, "Monitoring", core=core, alert_emails=context.alert_emails)
    return stack


if __name__ == "__main__":
    app = App()
    try:
        define(app)
    except ValueError as error:
        sys.exit(f"orchestrator: {error}")
    app.synth()
