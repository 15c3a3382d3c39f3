"""Every kind of plugin on every stage of the activity Kinds, and ways to fail on its parallel stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs import Activity, IActivityStage, Plugin, QueuePlugin, RuntimeLayer

HERE = Path(__file__).parent
FRAUD_CHECK = HERE.parents[3] / "examples" / "other-tools" / "fraud-check"


class KindsStack(Stack):
    """All kinds of plugins, in the order in which the sequential stages call them."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name="kinds")
        self._layer = RuntimeLayer(self, "Layer")
        kinds = Activity.from_system(self, "Kinds", system="faults", stage="e2e")
        well: dict[str, Any] = {"filter_policy": {"case": [{"anything-but": ["late"]}]}}
        decorated = self._python("decorated")
        asynchronous = self._python("asynchronous")
        skips = self._python("skips")
        as_it_is = self._python("as_it_is")
        node = self._function("Node", lambda_.Runtime.NODEJS_22_X, FRAUD_CHECK, "index.handler")
        queued = self._python("decorated", "Queued")
        fifo = self._python("decorated", "Fifo")
        for number, stage in enumerate((kinds.pre, kinds.parallel, kinds.post)):
            self._on(Plugin, stage, "Decorated", order=10, function=decorated, **well)
            self._on(Plugin, stage, "Asynchronous", order=20, function=asynchronous)
            self._on(Plugin, stage, "Skips", order=25, function=skips)
            self._on(Plugin, stage, "Node", order=30, function=node)
            self._on(Plugin, stage, "AsItIs", order=40, function=as_it_is, reports_itself=False)
            self._on(QueuePlugin, stage, "Queued", order=50, function=queued)
            self._on(QueuePlugin, stage, "Fifo", order=60, function=fifo, fifo=True, fifo_key="policy")
            outside = self._on(
                QueuePlugin,
                stage,
                "Outside",
                order=70,
                # The message's body has the whole document; a filter of that scope sees what is nested in it.
                filter_policy={"metadata": {"case": [{"exists": True}]}},
                filter_policy_scope="MessageBody",
            )
            CfnOutput(self, f"Outside{number}", value=outside.queue.queue_url)
        self._ill(kinds.parallel)

    def _ill(self, stage: IActivityStage) -> None:
        effects = sqs.Queue(self, "Effects")
        CfnOutput(self, "EffectsUrl", value=effects.queue_url)
        once = self._python("once", environment={"EFFECTS": effects.queue_url})
        effects.grant_send_messages(once)
        Plugin(self, "Once", stage=stage, function=once, filter_policy={"case": ["once"]}, idempotent=False)
        Plugin(self, "Killed", stage=stage, function=self._python("killed"), filter_policy={"case": ["killed"]})
        Plugin(self, "Recovers", stage=stage, function=self._python("recovers"), filter_policy={"case": ["recovers"]})
        gives_up = self._python("gives_up")
        Plugin(self, "GivesUp", stage=stage, function=gives_up, filter_policy={"case": ["gives up"]})
        for name, function, fifo in (
            ("QueuedBreaks", "breaks_behind_a_queue", False),
            ("FifoBreaks", "breaks_behind_a_queue", True),
            ("QueuedGivesUp", "gives_up", False),
        ):
            QueuePlugin(
                self,
                name,
                stage=stage,
                function=self._python(function, name),
                filter_policy={"case": ["queue"]},
                mandatory=False,
                max_receives=2,
                visibility_timeout=Duration.seconds(10),
                fifo=fifo,
            )

    def _on(self, kind: Any, stage: IActivityStage, name: str, **props: Any) -> Any:
        return kind(self, f"{name}-{stage.position}", name=name, stage=stage, **props)

    def _python(self, function: str, name: str | None = None, **props: Any) -> lambda_.Function:
        name = name or "".join(part.capitalize() for part in function.split("_"))
        code = HERE / "functions"
        return self._function(
            name, lambda_.Runtime.PYTHON_3_13, code, f"kinds.{function}", layers=[self._layer], **props
        )

    def _function(
        self, name: str, runtime: lambda_.Runtime, code: Path, handler: str, **props: Any
    ) -> lambda_.Function:
        return lambda_.Function(
            self,
            f"{name}Function",
            runtime=runtime,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(code), exclude=["**/__pycache__"]),
            handler=handler,
            timeout=Duration.seconds(10),
            log_group=logs.LogGroup(self, f"{name}Logs", removal_policy=RemovalPolicy.DESTROY),
            **props,
        )


app = App()
KindsStack(app, "Kinds")
app.synth()
