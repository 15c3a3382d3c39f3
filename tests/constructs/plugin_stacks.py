"""Stacks of a team that deploys plugins, and what tests read out of their templates."""

from __future__ import annotations

import json
from typing import Any

import cfnlint.api
from aws_cdk import App, CfnElement, Duration, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from cdk_nag import AwsSolutionsChecks
from constructs import Construct, IConstruct

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.interfaces import IActivity
from tests.constructs.synthesis import NO_BUNDLING


def team_stack(app: App | None = None, name: str = "Team") -> Stack:
    return Stack(app or App(context=dict(NO_BUNDLING)), name)


def imported_activity(scope: Construct, *, id: str = "Rate", stage: str = "dev") -> IActivity:  # noqa: A002
    return Activity.from_system(scope, id, system="claims", stage=stage, name="Rate")


def define_function(
    scope: Construct,
    name: str = "Score",
    *,
    role: iam.IRole | None = None,
    timeout: Duration | None = None,
    **more: Any,
) -> lambda_.Function:
    return lambda_.Function(
        scope,
        f"{name}Function",
        code=lambda_.Code.from_inline("def handler(event, context): ..."),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        role=role,
        timeout=timeout,
        **more,
    )


def bare_role(scope: Construct, name: str = "Role", service: str = "lambda.amazonaws.com") -> iam.Role:
    """A role with no managed policy: what it is granted is all that it may do."""
    return iam.Role(scope, name, assumed_by=iam.ServicePrincipal(service))


def only(template: Template, resource_type: str, **having: Any) -> tuple[str, dict[str, Any]]:
    """The logical id and the definition of the one resource of a type with these properties."""
    ((found, definition),) = [
        (key, value)
        for key, value in template.find_resources(resource_type).items()
        if all(value["Properties"].get(name) == expected for name, expected in having.items())
    ]
    return found, dict(definition)


def results_queue(template: Template) -> str:
    """The parameter that names the results queue of the core ``claims-dev``."""
    ((parameter, _),) = template.find_parameters("*", {"Default": "/claims/dev/core/results-queue-arn"}).items()
    return str(parameter)


def logical_id(construct: IConstruct) -> str:
    element = construct.node.default_child
    assert isinstance(element, CfnElement)
    return str(Stack.of(construct).get_logical_id(element))


def allowed_to(template: Template, role: str) -> dict[str, set[str]]:
    """What a role may do, by its logical id: actions by the logical id, or the parameter, of the resource."""
    allowed: dict[str, set[str]] = {}
    for policy in template.find_resources("AWS::IAM::Policy").values():
        if {"Ref": role} not in policy["Properties"]["Roles"]:
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            actions = statement["Action"]
            target = referred(statement["Resource"])
            allowed.setdefault(target, set()).update(actions if isinstance(actions, list) else [actions])
    return allowed


def referred(reference: Any) -> str:
    """The logical id, or the parameter, that a reference in a template points to."""
    match reference:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return name
    raise AssertionError(f"no reference: {reference!r}")


def nag(app: App) -> None:
    """Synthesize under cdk-nag; a finding that no one acknowledged fails it."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()


def lint(stack: Stack) -> list[str]:
    """What cfn-lint finds in a stack's template."""
    template = json.dumps(Template.from_stack(stack).to_json())
    # W3005: CDK states dependencies that references imply.
    return [str(one) for one in cfnlint.api.lint(template, regions=["eu-west-1"]) if one.rule.id != "W3005"]
