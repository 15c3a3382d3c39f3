"""A plugin of a team that has nothing but the wheel and the platform's two words: system and stage."""

from pathlib import Path

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_lambda as lambda_

from orchestrator_constructs import Activity, Plugin, RuntimeLayer

app = App()
stack = Stack(app, "Newcomer", stack_name="newcomer")
function = lambda_.Function(
    stack,
    "Function",
    runtime=lambda_.Runtime.PYTHON_3_13,
    architecture=lambda_.Architecture.ARM_64,
    code=lambda_.Code.from_asset(str(Path(__file__).parent / "functions")),
    handler="greeting.handler",
    layers=[RuntimeLayer(stack, "Layer")],
    timeout=Duration.seconds(30),
)
bare = Activity.from_system(
    stack, "Bare", system="faults", stage="e2e", name=app.node.try_get_context("activity") or "Bare"
)
Plugin(
    stack,
    "Greeting",
    stage=bare.parallel,
    function=function,
    filter_policy={"greet": ["yes"]},
)
app.synth()
