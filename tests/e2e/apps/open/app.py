"""A core that is open to the plugins of another account."""

from __future__ import annotations

from aws_cdk import App, Stack

from orchestrator_constructs import Activity, OrchestratorCore, Workflow

app = App()
stack = Stack(app, "open-e2e")
core = OrchestratorCore(stack, "Core", system="open", stage="e2e", plugin_accounts=["111111111111"])
Workflow(stack, "Ask", core=core, activities=[Activity(stack, "Partners", core=core)])
app.synth()
