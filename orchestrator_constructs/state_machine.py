"""A state machine as this library defines them: logged, with a role of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs.acknowledgements import (
    acknowledge,
    acknowledge_inline_policy,
    acknowledge_log_encryption,
    acknowledge_wildcard,
)


def apply_boundary(scope: Construct, boundary: iam.IManagedPolicy | None) -> None:
    """Bound what roles below a construct may do, if they are bounded."""
    if boundary is not None:
        iam.PermissionsBoundary.of(scope).apply(boundary)


def define_state_machine(
    scope: Construct,
    *,
    name: str,
    definition: dict[str, Any],
    statements: Sequence[iam.PolicyStatement],
    log_retention: logs.RetentionDays,
    tracing: bool,
) -> sfn.StateMachine:
    """Define a state machine, its role and its log group as children of ``scope``.

    Args:
        scope: The activity or the workflow.
        name: The state machine's physical name.
        definition: Its states; may hold tokens.
        statements: What it may do, beside writing logs and traces.
        log_retention: How long its log of errors is kept.
        tracing: Whether its executions are traced.
    """
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal(
            "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
        ),
        description=f"What the state machine {name} may do",
    )
    for statement in statements:
        role.add_to_policy(statement)
    log_group = logs.LogGroup(
        scope,
        "Logs",
        # Below this prefix, AWS adds nothing to the account's policy for log delivery, which is soon full.
        log_group_name=f"/aws/vendedlogs/states/{name}",
        retention=log_retention,
        # It has a name, so a kept one would be in the way of the next deployment.
        removal_policy=RemovalPolicy.DESTROY,
    )
    machine = sfn.StateMachine(
        scope,
        "StateMachine",
        state_machine_name=name,
        definition_body=sfn.DefinitionBody.from_string(Stack.of(scope).to_json_string(definition)),
        role=role,
        logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ERROR, include_execution_data=False),
        tracing_enabled=tracing,
    )
    acknowledge_inline_policy(role)
    acknowledge_log_encryption(log_group)
    acknowledge_wildcard(role, "*", "Log delivery and X-Ray have no resources that a policy could name.")
    acknowledge(
        machine,
        "AwsSolutions-SF1",
        "Errors are logged. Everything else is in the execution's history and the status table, and a run's data "
        "does not belong into logs.",
    )
    if not tracing:
        for rule in ("AwsSolutions-SF2", "Serverless-StepFunctionStateMachineXray"):
            acknowledge(machine, rule, "The prop tracing turns it off.")
    return machine
