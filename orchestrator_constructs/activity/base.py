"""What every activity can do, defined here or imported, because it follows from its names."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from orchestrator_constructs.interfaces import IActivityStage, IOrchestratorCore
from orchestrator_constructs.workflow.run_tasks import activity_task


class ActivityBase(Construct):
    """What follows from the name and the stages, which each kind of activity finds in a way of its own."""

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

    def deploy_before(self, consumer: Construct) -> None:
        """Have the stack of ``consumer`` deployed after the activity, if this app defines it in another stack."""
        raise NotImplementedError

    def task(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        reenter_after: Duration | None = None,
    ) -> tasks.LambdaInvoke:
        """Define the state that takes a run through the activity, for a state machine of a team's own.

        It invokes the core's function ``open-activity`` with a task token, waits until the activity has ended, and
        fails as the activity does: ``PluginFailed`` if a mandatory plugin did. Its input is the run's reference
        ``{uid, workflow, attempt}``, the output of ``core.begin_run_task``, and so is its output. The state is in
        JSONata, and may stand in a state machine in JSONPath. The role of the state machine gets
        ``lambda:InvokeFunction`` on ``open-activity``.

        When its timeout passes, the state enters itself again with a new token: it catches ``States.Timeout``, and
        its ``Catch`` comes before those that you add. Each entry is one state transition.

        For other tools, the state in Amazon States Language; the function's ARN is the SSM parameter
        ``/{system}/{stage}/core/open-activity-arn``, and its name ``{system}-{stage}-open-activity``::

            "Rate": {
              "Type": "Task",
              "QueryLanguage": "JSONata",
              "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
              "Arguments": {
                "FunctionName": "arn:aws:lambda:…:function:claims-dev-open-activity",
                "Payload": {
                  "uid": "{% $states.input.uid %}",
                  "workflow": "{% $states.input.workflow %}",
                  "attempt": "{% $states.input.attempt %}",
                  "activity": "Rate",
                  "token": "{% $states.context.Task.Token %}",
                  "entered": "{% $states.context.State.EnteredTime %}",
                  "retry": "{% $states.context.State.RetryCount %}"
                }
              },
              "TimeoutSeconds": 86400,
              "Retry": [
                {
                  "ErrorEquals": [
                    "PluginFailed", "RunSuperseded", "RunEnded", "InvalidRunInput", "UnknownActivity"
                  ],
                  "MaxAttempts": 0
                },
                {
                  "ErrorEquals": [
                    "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
                    "Lambda.TooManyRequestsException", "Lambda.ClientExecutionTimeoutException"
                  ],
                  "IntervalSeconds": 2, "MaxAttempts": 30, "BackoffRate": 2, "MaxDelaySeconds": 60,
                  "JitterStrategy": "FULL"
                },
                {
                  "ErrorEquals": ["States.TaskFailed"],
                  "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 3, "JitterStrategy": "FULL"
                }
              ],
              "Catch": [
                {"ErrorEquals": ["States.Timeout"], "Output": "{% $states.input %}", "Next": "Rate"},
                {"ErrorEquals": ["States.ALL"], "Next": "Failed"}
              ],
              "Output": "{% $states.input %}",
              "Next": "End"
            }

        The role of that state machine needs one statement::

            {
              "Effect": "Allow",
              "Action": "lambda:InvokeFunction",
              "Resource": "arn:aws:lambda:…:function:claims-dev-open-activity"
            }

        Never retry ``States.Timeout`` or ``States.ALL`` in this state: the retry may reuse the token that timed out.

        Args:
            scope: The construct that the state belongs to.
            id: The state's name.
            reenter_after: How long the state waits before it enters itself again. Each entry adds about six events to
                the execution's history, which has at most 25,000: use more than a day only where more than seven
                activities wait side by side for a year. Default: one day.

        Raises:
            ValueError: The duration is not allowed.
        """
        self.deploy_before(scope)
        return activity_task(self._core, scope, id, activity=self._activity_name, reenter_after=reenter_after)
