"""Another team's workflows of activities that exist: side by side, and in a state machine of its own."""

from __future__ import annotations

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs import Activity, OrchestratorCore, QueuePlugin, Workflow


class ComposedStack(Stack):
    """Finds core and activities by system and stage."""

    def __init__(self, scope: Construct, id: str) -> None:  # noqa: A002
        super().__init__(scope, id, stack_name="composed")
        core = OrchestratorCore.from_system(self, "Core", system="faults", stage="e2e")
        here, there, check = (
            Activity.from_system(self, name, system="faults", stage="e2e") for name in ("Here", "There", "Check")
        )
        for activity in (here, there):
            # Nobody reads its queue, so that a run with this case waits in it.
            meets = QueuePlugin(
                self,
                f"Meets{activity.activity_name}",
                stage=activity.parallel,
                name="Meets",
                filter_policy={"case": ["meet"]},
            )
            CfnOutput(self, f"{activity.activity_name}Url", value=meets.queue.queue_url)
        beside = Workflow(self, "Beside", core=core, activities=[[here, there], check])
        finished = sqs.Queue(self, "Finished")
        beside.on_finished(self, "OnFinished", target=targets.SqsQueue(finished))
        CfnOutput(self, "FinishedUrl", value=finished.queue_url)

        failed = core.end_run_task(self, "Own failed", workflow="Own", failed=True).next(sfn.Fail(self, "Own fail"))
        begin = core.begin_run_task(self, "Own begin", workflow="Own", activities=[check])
        work = check.task(self, "Own check")
        end = core.end_run_task(self, "Own end", workflow="Own")
        for state in (begin, work, end):
            state.add_catch(failed)
        sfn.StateMachine(
            self,
            "Own",
            state_machine_name=core.deployment.workflow("Own"),
            definition_body=sfn.DefinitionBody.from_chainable(
                sfn.Pass(self, "Own thing to do before").next(begin).next(work).next(end)
            ),
        )


app = App()
ComposedStack(app, "Composed")
app.synth()
