"""A core with a key of its own that is open to the plugins of another account, and of an organization."""

from __future__ import annotations

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms

from orchestrator_constructs import Activity, OrchestratorCore, Workflow

app = App()
stack = Stack(app, "open-e2e")
core = OrchestratorCore(
    stack,
    "Core",
    system="open",
    stage="e2e",
    plugin_accounts=["111111111111"],
    organization_id="o-a1b2c3d4e5",
    encryption_key=kms.Key(stack, "Key", removal_policy=RemovalPolicy.DESTROY),
)
Workflow(stack, "Ask", core=core, activities=[Activity(stack, "Partners", core=core)])
app.synth()
