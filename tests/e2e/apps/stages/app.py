"""Activities with two plugins on every stage, all of them outside of Lambda, so that a test says what happens when."""

from __future__ import annotations

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from constructs import Construct

from orchestrator_constructs import Activity, OrchestratorCore, QueuePlugin, Workflow

PLUGINS = ("One", "Two")


class StagesStack(Stack):
    """A core of its own, two activities, and workflows that take them alone and side by side."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name="stages-e2e")
        core = OrchestratorCore(self, "Core", system="stages", stage="e2e", removal_policy=RemovalPolicy.DESTROY)
        here, there, brief = (Activity(self, name, core=core) for name in ("Here", "There", "Brief"))
        Workflow(self, "Alone", core=core, activities=[here])
        Workflow(self, "Beside", core=core, activities=[[here, there]])
        Workflow(self, "Short", core=core, activities=[brief])
        for activity in (here, there):
            for stage in (activity.pre, activity.parallel, activity.post):
                for number, name in enumerate(PLUGINS):
                    place = f"{activity.activity_name}{stage.position.capitalize()}{name}"
                    plugin = QueuePlugin(self, place, stage=stage, name=name, order=number)
                    CfnOutput(self, f"{place}Url", value=plugin.queue.queue_url)
        QueuePlugin(self, "Silent", stage=brief.parallel, timeout=Duration.seconds(1))


app = App()
StagesStack(app, "Stages")
app.synth()
