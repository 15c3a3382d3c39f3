"""The workload W(A, P): a workflow of A activities, each with P plugins on its parallel stage and one before and after.

Context ``activities`` is A, ``plugins`` is P.
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs import Activity, OrchestratorCore, Plugin, RuntimeLayer, Workflow
from orchestrator_constructs.interfaces import IActivityStage

SYSTEM, STAGE = "bench", "marks"
FUNCTIONS = Path(__file__).parent / "functions"
PLUGINS_IN_A_STACK = 60
"""A stack has at most 500 resources."""


class PluginStack(Stack):
    """Plugins with nothing to do, each a function of its own. They share code, role and log group."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._code = lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"])
        self._layer = RuntimeLayer(self, "Layer")
        self._logs = logs.LogGroup(self, "Logs", removal_policy=RemovalPolicy.DESTROY)
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))

    def add(self, name: str, stage: IActivityStage) -> None:
        """Define a plugin of 128 MB."""
        function = lambda_.Function(
            self,
            f"{name}Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=self._code,
            handler="empty.handler",
            layers=[self._layer],
            memory_size=128,
            # Many that start at once on one machine take their time.
            timeout=Duration.minutes(10),
            role=self._role,
            log_group=self._logs,
        )
        Plugin(self, name, stage=stage, function=function)


app = App()
activities, plugins = (int(app.node.get_context(key)) for key in ("activities", "plugins"))
platform = Stack(app, f"{SYSTEM}-{STAGE}")
core = OrchestratorCore(platform, "Core", system=SYSTEM, stage=STAGE, removal_policy=RemovalPolicy.DESTROY)
names = [f"Activity{number}" for number in range(1, activities + 1)]
defined = [Activity(platform, name, core=core) for name in names]
Workflow(platform, "Work", core=core, activities=defined)
# An activity that no plugin subscribes to.
Workflow(platform, "Nothing", core=core, activities=[Activity(platform, "Empty", core=core)])

wanted: list[tuple[str, IActivityStage]] = []
for name, activity in zip(names, defined, strict=True):
    wanted += [(f"{name}Pre", activity.pre), (f"{name}Post", activity.post)]
    wanted += [(f"{name}Plugin{number:03}", activity.parallel) for number in range(1, plugins + 1)]
for start in range(0, len(wanted), PLUGINS_IN_A_STACK):
    stack = PluginStack(app, f"plugins-{start // PLUGINS_IN_A_STACK + 1}")
    for plugin_name, stage in wanted[start : start + PLUGINS_IN_A_STACK]:
        stack.add(plugin_name, stage)
app.synth()
