"""What every activity can do, defined here or found, because it follows from its names."""

from __future__ import annotations

from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from orchestrator_constructs.interfaces import IActivityStage, IOrchestratorCore
from orchestrator_constructs.metrics import ExecutionMetrics
from orchestrator_constructs.placement import Place
from orchestrator_constructs.workflow.run_tasks import activity_task


class ActivityBase(ExecutionMetrics):
    """What follows from the stages and the ARN that each kind of activity finds in a way of its own."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        core: IOrchestratorCore,
        activity_name: str,
    ) -> None:
        super().__init__(scope, id)
        self._core = core
        self._activity_name = activity_name

    @property
    def core(self) -> IOrchestratorCore:
        """The core that the activity belongs to."""
        return self._core

    @property
    def activity_name(self) -> str:
        """The activity's name, unique in its core."""
        return self._activity_name

    @property
    def pre(self) -> IActivityStage:
        """The first stage, one plugin at a time."""
        raise NotImplementedError

    @property
    def parallel(self) -> IActivityStage:
        """The second stage, all plugins at once."""
        raise NotImplementedError

    @property
    def post(self) -> IActivityStage:
        """The last stage, one plugin at a time."""
        raise NotImplementedError

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The activity's state machine; workflows start it."""
        raise NotImplementedError

    def state_machine_arn(self, *, consumer: Construct) -> str:
        """Name the activity's state machine for the stack of ``consumer``."""
        raise NotImplementedError

    def task(self, scope: Construct, id: str) -> tasks.StepFunctionsStartExecution:  # noqa: A002
        """Define the state that takes a run through the activity, for a state machine of a team's own.

        It waits until the activity has ended, and fails as the activity does. Its input is the run's reference
        ``{uid, workflow, attempt}``, as ``core.begin_run_task`` hands it on, and so is its output. The state is
        in JSONata, and may stand in a state machine in JSONPath.

        Args:
            scope: The construct that the state belongs to.
            id: The state's name.
        """
        return activity_task(self, scope, id)

    def _machine_by_name(self) -> str:
        return Place.of(self).arn(
            "states", self._core.deployment.activity(self._activity_name), resource="stateMachine"
        )
