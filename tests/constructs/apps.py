"""The picture of the documentation, as apps: two workflows that share activities, laid out in different ways."""

from __future__ import annotations

from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from orchestrator_constructs import Activity, IActivity, IOrchestratorCore, OrchestratorCore, Workflow
from orchestrator_runtime.contract import Handler

ACTIVITIES = ("Validate", "Rate", "GenerateDocuments", "CancelServices")
WORKFLOWS = {
    "NewBusiness": ("Validate", "Rate", "GenerateDocuments"),
    "Cancel": ("Validate", "Rate", "CancelServices"),
}


def define_core(scope: Construct) -> OrchestratorCore:
    return OrchestratorCore(scope, "Core", system="claims", stage="dev")


def define_activities(scope: Construct, core: IOrchestratorCore) -> dict[str, IActivity]:
    return {name: Activity(scope, name, core=core) for name in ACTIVITIES}


def define_workflows(scope: Construct, core: IOrchestratorCore, activities: dict[str, IActivity]) -> list[Workflow]:
    return [
        Workflow(scope, name, core=core, activities=[activities[step] for step in steps])
        for name, steps in WORKFLOWS.items()
    ]


def define_user(scope: Construct) -> iam.Role:
    """Someone who is granted something."""
    return iam.Role(scope, "User", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))


def one_stack(app: App) -> None:
    stack = Stack(app, "claims-dev")
    core = define_core(stack)
    workflows = define_workflows(stack, core, define_activities(stack, core))
    user = define_user(stack)
    core.grant_report(user)
    core.grant_read_status(user)
    workflows[0].grant_start(user)


def three_stacks(app: App) -> None:
    core = define_core(Stack(app, "claims-dev"))
    activities = define_activities(Stack(app, "Activities"), core)
    stack = Stack(app, "Workflows")
    workflows = define_workflows(stack, core, activities)
    user = define_user(Stack(app, "Users"))
    core.grant_report(user)
    core.grant_read_status(user)
    workflows[0].grant_start(user)


def every_prop(app: App) -> None:
    """What an operator of a large company sets: a network, a boundary, limits, other accounts."""
    stack = Stack(app, "claims-dev")
    core = OrchestratorCore(
        stack,
        "Core",
        system="claims",
        stage="dev",
        plugins_per_stage=500,
        plugin_functions=["arn:aws:lambda:eu-west-1:123456789012:function:score"],
        plugin_accounts=["111111111111"],
        organization_id="o-a1b2c3d4e5",
        vpc=ec2.Vpc.from_vpc_attributes(
            stack,
            "Vpc",
            vpc_id="vpc-12345678",
            availability_zones=["eu-west-1a"],
            private_subnet_ids=["subnet-12345678"],
        ),
        permissions_boundary=iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "Boundary"),
        reserved_concurrency={Handler.RECORD_RESULT: 20, Handler.RECONCILE: 1},
        encryption_key=kms.Key(stack, "Key", enable_key_rotation=True),
    )
    activities = define_activities(stack, core)
    beside = [activities["Rate"], activities["GenerateDocuments"]]
    workflow = Workflow(stack, "SideBySide", core=core, activities=[activities["Validate"], beside])
    workflow.on_finished(stack, "Finished")


def core_alone(app: App) -> None:
    define_core(Stack(app, "claims-dev"))


def activities_alone(app: App) -> None:
    stack = Stack(app, "Activities")
    define_activities(stack, OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev"))


def workflows_alone(app: App) -> None:
    stack = Stack(app, "Workflows")
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    activities = {name: Activity.from_system(stack, name, system="claims", stage="dev") for name in ACTIVITIES}
    define_workflows(stack, core, activities)


def users_alone(app: App) -> None:
    stack = Stack(app, "Users")
    core = OrchestratorCore.from_system(stack, "Core", system="claims", stage="dev")
    user = define_user(stack)
    core.grant_report(user)
    core.grant_read_status(user)
    Workflow.from_system(stack, "NewBusiness", system="claims", stage="dev").grant_start(user)
