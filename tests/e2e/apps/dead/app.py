"""A system of its own whose plugins are dead, each in one way, chosen by the run's metadata key `case`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs import (
    Activity,
    IActivityStage,
    OrchestratorCore,
    Plugin,
    QueuePlugin,
    RuntimeLayer,
    Workflow,
)

FUNCTIONS = Path(__file__).parent / "functions"
SOON = Duration.seconds(5)
LAMBDA_TIMEOUT = Duration.seconds(30)


class DeadStack(Stack):
    """Plugins that are well here; the test takes from some what they need."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name="dead-e2e")
        core = OrchestratorCore(self, "Core", system="dead", stage="e2e", removal_policy=RemovalPolicy.DESTROY)
        work = Activity(self, "Work", core=core)
        Workflow(self, "Dead", core=core, activities=[work])
        self._layer = RuntimeLayer(self, "Layer")
        self._of_a_function(work.parallel)
        self._behind_a_queue(work.parallel)

        # The one that takes its turn first holds the run until the other's subscription is gone.
        self._queue("Gate", work.pre, case="Unsubscribed", order=10)
        self._function("Unsubscribed", work.pre, "plain.silent", order=20, start_within=SOON)

    def _of_a_function(self, stage: IActivityStage) -> None:
        for name in ("Deleted", "NotAllowed", "Silent"):
            self._function(name, stage, "plain.silent", start_within=SOON)
        self._function("Optional", stage, "plain.silent", start_within=SOON, mandatory=False)
        self._function("Stalls", stage, "plain.stalls", timeout=SOON)
        self._function("Garbage", stage, "plain.garbage", start_within=SOON)
        self._function("Twice", stage, "plain.twice")
        self._function("Throws", stage, "decorated.throws")
        self._function("ThrowsAsItIs", stage, "plain.throws_as_it_is", reports_itself=False)
        self._function("Exits", stage, "decorated.exits")
        self._function("TimesOut", stage, "decorated.endless", lambda_timeout=Duration.seconds(2))
        self._function("OutOfMemory", stage, "plain.silent")  # Lambda's record of its end is replayed

    def _behind_a_queue(self, stage: IActivityStage) -> None:
        self._queue("Unread", stage, timeout=SOON)
        self._queue("Late", stage, timeout=SOON)
        throws = self._code("NotHandled", "plain.throws_as_it_is", SOON)
        self._queue("NotHandled", stage, throws, max_receives=1, visibility_timeout=SOON)

    def _function(
        self,
        name: str,
        stage: IActivityStage,
        behaviour: str,
        *,
        lambda_timeout: Duration = LAMBDA_TIMEOUT,
        **props: Any,
    ) -> None:
        function = self._code(name, behaviour, lambda_timeout)
        plugin = Plugin(self, name, stage=stage, function=function, filter_policy={"case": [name]}, **props)
        CfnOutput(self, f"{name}Name", value=function.function_name)
        CfnOutput(self, f"{name}Subscription", value=plugin.subscription_arn)
        CfnOutput(self, f"{name}Undelivered", value=plugin.dead_letter_queue.queue_url)

    def _queue(
        self,
        name: str,
        stage: IActivityStage,
        function: lambda_.IFunction | None = None,
        *,
        case: str | None = None,
        **props: Any,
    ) -> None:
        plugin = QueuePlugin(
            self, name, stage=stage, function=function, filter_policy={"case": [case or name]}, **props
        )
        CfnOutput(self, f"{name}Url", value=plugin.queue.queue_url)

    def _code(self, name: str, behaviour: str, timeout: Duration) -> lambda_.Function:
        return lambda_.Function(
            self,
            f"{name}Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"]),
            handler=behaviour,
            # The local AWS unpacks a layer for each process of a function.
            layers=[self._layer] if behaviour.startswith("decorated.") else [],
            timeout=timeout,
            log_group=logs.LogGroup(self, f"{name}Logs", removal_policy=RemovalPolicy.DESTROY),
        )


app = App()
DeadStack(app, "Dead")
app.synth()
