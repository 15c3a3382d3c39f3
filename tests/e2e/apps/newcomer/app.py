"""A plugin of each kind, of a team that has nothing but the wheel and the platform's two words: system and stage."""

from pathlib import Path
from typing import Any

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_lambda as lambda_

from orchestrator_constructs import Activity, Plugin, QueuePlugin, RuntimeLayer

HERE = Path(__file__).parent

app = App()
stack = Stack(app, "Newcomer", stack_name="newcomer")
layer = RuntimeLayer(stack, "Layer")
bare = Activity.from_system(
    stack, "Bare", system="faults", stage="e2e", name=app.node.try_get_context("activity") or "Bare"
)


def decorated(name: str) -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        code=lambda_.Code.from_asset(str(HERE / "functions")),
        handler="greeting.handler",
        layers=[layer],
        timeout=Duration.seconds(30),
    )


def in_node(name: str, file: str) -> lambda_.Function:
    return lambda_.Function(
        stack,
        name,
        runtime=lambda_.Runtime.NODEJS_22_X,
        code=lambda_.Code.from_inline((HERE / "functions" / file).read_text()),
        handler="index.handler",
        timeout=Duration.seconds(30),
    )


greet = app.node.try_get_context("greet") or "yes"
common: dict[str, Any] = {"stage": bare.parallel, "filter_policy": {"greet": [greet]}}
Plugin(stack, "Greeting", function=decorated("Function"), **common)
Plugin(stack, "Once", function=decorated("OnceFunction"), idempotent=False, **common)
Plugin(stack, "Node", function=in_node("NodeFunction", "reports.js"), **common)
Plugin(stack, "AsItIs", function=in_node("AsItIsFunction", "as_it_is.js"), reports_itself=False, **common)
QueuePlugin(stack, "Queued", function=decorated("QueuedFunction"), max_concurrency=2, **common)
QueuePlugin(stack, "Ordered", function=decorated("OrderedFunction"), fifo=True, fifo_key="name", **common)
app.synth()
