"""A team's plugin that works outside of Lambda, and so when a test wants it to."""

from __future__ import annotations

from aws_cdk import App, CfnOutput, Stack
from constructs import Construct

from orchestrator_constructs import Activity, QueuePlugin


class EndsStack(Stack):
    """One plugin on the parallel stage, and one that is called after it."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name="ends")
        wait = Activity.from_system(self, "Wait", system="faults", stage="e2e")
        for name, stage in (("Works", wait.parallel), ("Follows", wait.post)):
            plugin = QueuePlugin(self, name, stage=stage)
            CfnOutput(self, f"{name}Url", value=plugin.queue.queue_url)


app = App()
EndsStack(app, "Ends")
app.synth()
