"""What security checks would say of a deployment without traces, and what the code says of that."""

from __future__ import annotations

from aws_cdk import Stack

from orchestrator_constructs import Activity, OrchestratorCore, Workflow
from tests.security.checks import findings, reasons_held_back
from tests.security.estate import new_app


def test_each_finding_in_a_deployment_that_is_not_traced_has_a_reason() -> None:
    app = new_app()
    with reasons_held_back() as reasons:
        stack = Stack(app, "Platform")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev", tracing=False)
        Workflow(stack, "NewBusiness", core=core, activities=[Activity(stack, "Rate", core=core)])
        app.synth()
    found = [finding for pack in findings(app).values() for finding in pack]
    assert {"AwsSolutions-SF2", "Serverless-LambdaTracing"} <= {finding.rule for finding in found}
    assert [finding for finding in found if not any(reason.covers(finding) for reason in reasons)] == []
