"""A deployment by its name, and what it published of itself in SSM."""

from __future__ import annotations

from orchestrator_cli.errors import UsageError
from orchestrator_cli.gateway import Gateway
from orchestrator_cli.one_line import one_line
from orchestrator_runtime.deployment import CoreOutput, Deployment
from orchestrator_runtime.names import SYSTEM_NAME, problem_with_name


def deployment_named(system: str, stage: str) -> Deployment:
    """The deployment of that name.

    Raises:
        UsageError: A name is not allowed.
    """
    for kind, name in (("system", system), ("stage", stage)):
        if problem := problem_with_name(kind, name, SYSTEM_NAME):
            raise UsageError(problem)
    return Deployment(system=system, stage=stage)


def core_output(gateway: Gateway, deployment: Deployment, output: CoreOutput) -> str:
    """What the deployment's core published under this name.

    Raises:
        UsageError: There is no such core.
    """
    value = gateway.parameter(deployment.core_parameter(output))
    if value is None:
        raise UsageError(
            f"no core of system {deployment.system!r}, stage {deployment.stage!r} is deployed in this account and "
            "region: check --system and --stage, and the AWS profile"
        )
    return value


def workflow_names(gateway: Gateway, deployment: Deployment) -> list[str]:
    """The names of the deployed workflows, sorted; not of those whose state machine is a team's own."""
    found = gateway.parameter_names(deployment.workflows_path)
    names = {name.removeprefix(deployment.workflows_path).split("/")[0] for name in found}
    return sorted(name for name in names if deployment.workflow_parameter(name) in found)


def activity_names(gateway: Gateway, deployment: Deployment) -> list[str]:
    """The names of the deployed activities, sorted."""
    path = deployment.activities_path
    return sorted({found.removeprefix(path).split("/")[0] for found in gateway.parameter_names(path)})


def those_there_are(names: list[str]) -> str:
    """The end of a sentence that says a name is unknown."""
    return f"those that there are: {', '.join(map(one_line, names)) if names else 'none'}"
