"""Everything that the library can define, in one app, and the apps of the example."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from examples.insurance.documents import app as documents
from examples.insurance.platform import app as platform
from examples.insurance.underwriting import app as underwriting
from orchestrator_constructs import Activity, OrchestratorCore, Plugin, QueuePlugin, Workflow, WorkflowMonitoring
from tests.constructs.plugin_stacks import bare_role, define_function
from tests.constructs.synthesis import NO_BUNDLING, recommended_flags

PATHS: Final[Mapping[str, Any]] = {"aws:cdk:enable-path-metadata": True}


def library(app: App) -> None:
    """A core with an activity and a workflow, monitored; a core in a network, each kind of plugin, and a user."""
    stack = Stack(app, "Platform")
    core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
    rate = Activity(stack, "Rate", core=core)
    workflow = Workflow(stack, "NewBusiness", core=core, activities=[rate])
    WorkflowMonitoring(stack, "Monitoring", core=core)
    network = Stack(app, "Network")
    OrchestratorCore(network, "Core", system="network", stage="dev", vpc=_network(network))
    _plugins(Stack(app, "Team"))
    user = bare_role(Stack(app, "Users"), "User", "ecs-tasks.amazonaws.com")
    core.grant_report(user)
    core.grant_read_status(user)
    core.grant_cancel(user)
    workflow.grant_start(user)


def example(module: Any) -> Callable[[App], object]:
    """An app of the example, with the context of its ``cdk.json``."""

    def define(app: App) -> None:
        context = json.loads((Path(module.__file__).parent / "cdk.json").read_text())["context"]
        for key, value in context.items():
            app.node.set_context(key, value)
        module.build(app)

    return define


_OF_AUTHORS: Final = re.compile(
    r"(Team|Underwriting|Documents)/\w+(Function(/LogGroup)?|Role(/DefaultPolicy)?|Logs)|Users/User/DefaultPolicy"
)


def is_of_an_author(path: str) -> bool:
    """Whether a resource was brought by who wrote a plugin, or uses the library, and not by the library."""
    return _OF_AUTHORS.fullmatch(path.removesuffix("/Resource")) is not None


APPS: Final[Mapping[str, Callable[[App], object]]] = {
    "the library": library,
    "examples/insurance/platform": example(platform),
    "examples/insurance/underwriting": example(underwriting),
    "examples/insurance/documents": example(documents),
}


def new_app() -> App:
    """An app without bundling, whose templates tell the path of each resource."""
    return App(context={**NO_BUNDLING, **recommended_flags(), **PATHS}, analytics_reporting=False)


def _network(scope: Construct) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        scope,
        "Vpc",
        vpc_id="vpc-12345678",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-12345678"],
    )


def _plugins(team: Stack) -> None:
    rate = Activity.from_system(team, "Rate", system="claims", stage="dev")

    def function(name: str) -> lambda_.Function:
        return define_function(team, name, role=bare_role(team, f"{name}Role"))

    Plugin(team, "Reports", stage=rate.parallel, function=function("Reports"))
    Plugin(team, "AsItIs", stage=rate.parallel, function=function("AsItIs"), reports_itself=False)
    Plugin(team, "Once", stage=rate.parallel, function=function("Once"), idempotent=False)
    QueuePlugin(team, "Queued", stage=rate.parallel, function=function("Queued"))
    QueuePlugin(team, "InOrder", stage=rate.parallel, function=function("InOrder"), fifo=True)
    outside: iam.IGrantable = bare_role(team, "OutsideRole", "ecs-tasks.amazonaws.com")
    QueuePlugin(team, "Outside", stage=rate.parallel).grant_consume(outside)
