"""What every core can do, defined here or imported, because it follows from its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from orchestrator_constructs.grants import allow_invoke, allow_report, policy_scope
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.metrics import MetricProps, RunMetrics, measured
from orchestrator_constructs.other_accounts import NOBODY_ELSE, OtherAccounts
from orchestrator_constructs.placement import Place
from orchestrator_constructs.workflow import run_tasks
from orchestrator_runtime.contract import Handler, Metric, Stage
from orchestrator_runtime.deployment import Deployment


class CoreBase(RunMetrics, Construct):
    """What follows from the names and ARNs, which each kind of core finds in a way of its own."""

    def __init__(self, scope: Construct, id: str, *, deployment: Deployment) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._deployment = deployment

    @property
    def deployment(self) -> Deployment:
        """System and stage, and all names that derive from them."""
        return self._deployment

    @property
    def exports(self) -> bool:
        """The default of the prop ``exports`` of activities."""
        return True

    @property
    def tracing(self) -> bool:
        """The default of the prop ``tracing`` of activities and workflows."""
        return True

    @property
    def other_accounts(self) -> OtherAccounts:
        """The accounts that may subscribe plugins, unless an activity names others."""
        return NOBODY_ELSE

    @property
    def permissions_boundary(self) -> iam.IManagedPolicy | None:
        """The default of the prop ``permissions_boundary`` of workflows."""
        return None

    def encryption_key_for(self, consumer: Construct) -> kms.IKey | None:  # noqa: ARG002 - as its like
        """The core's key, for what is defined in ``consumer``; ``None`` if there is none, or it is not known here."""
        return None

    @property
    def reporting_key_arn(self) -> str | None:
        """The key that a role needs rights on to report, because it is in another account than the core."""
        return None

    def function_arn(self, handler: Handler, *, consumer: Construct) -> str:
        """The ARN of a function of the core for the stack of ``consumer``."""
        raise NotImplementedError

    def results_queue_arn(self, *, consumer: Construct) -> str:
        """The ARN of the results queue for the stack of ``consumer``."""
        raise NotImplementedError

    def topic_arn_pattern(self, *, consumer: Construct) -> str:  # noqa: ARG002 - as its like
        """The ARN, ending in ``*``, of all topics of the core, for a policy in the stack of ``consumer``."""
        return self._place.arn("sns", f"{self._deployment.prefix}-*")

    def topic_arn(self, activity_name: str, position: Stage, *, consumer: Construct) -> str:  # noqa: ARG002
        """The ARN of the topic of a stage of an activity that this app does not define."""
        return self._place.arn("sns", self._deployment.topic(activity_name, position))

    @property
    def _place(self) -> Place:
        """Where the core is deployed."""
        return Place.of(self)

    def grant_report(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a plugin report: send to the results queue, nothing else. The queue's key needs no further grant."""
        queue_arn = self.results_queue_arn(consumer=policy_scope(grantee, self))
        return allow_report(grantee, queue_arn, key_arn=self.reporting_key_arn)

    def grant_cancel(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a tool cancel runs."""
        function_arn = self.function_arn(Handler.CANCEL_RUN, consumer=policy_scope(grantee, self))
        return allow_invoke(grantee, function_arn)

    def metric_refused_reports(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count reports that were refused: of strangers, of plugins not registered, of attempts that are over.

        Default: the sum of five minutes.
        """
        return self._measured(Metric.REFUSED_REPORTS, **props)

    def metric_registration_problems(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many problems the last whole reconciliation found and could not repair.

        Default: the most of five minutes.
        """
        return self._measured(Metric.REGISTRATION_PROBLEMS, **props)

    def metric_refused_requests(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count events for ``register-plugin`` and ``register-stages`` that CloudFormation did not send.

        Default: the sum of five minutes.
        """
        return self._measured(Metric.REFUSED_REQUESTS, **props)

    def _measured(self, metric: Metric, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        return measured(self, metric, self._deployment, {}, **props)

    def begin_run_task(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        workflow: str,
        activities: Sequence[IActivity | Sequence[IActivity]],
        timeout: Duration | None = None,
        expected_duration: Duration | None = None,
    ) -> tasks.LambdaInvoke:
        """Define the state that begins a run, for a state machine of a team's own.

        ::

            begin = core.begin_run_task(self, "Begin", workflow="Quote", activities=[rate])
            end = core.end_run_task(self, "End", workflow="Quote")
            failed = core.end_run_task(self, "Failed", workflow="Quote", failed=True)
            rating = rate.task(self, "Rate")
            for state in (begin, rating, end):
                state.add_catch(failed)
            failed.next(
                sfn.Choice.jsonata(self, "Run complete?")
                .when(
                    sfn.Condition.jsonata("{% $exists($states.input.error) %}"),
                    sfn.Fail.jsonata(
                        self, "Fail", error="{% $states.input.error %}", cause="{% $states.input.cause %}"
                    ),
                )
                .otherwise(sfn.Succeed.jsonata(self, "Complete"))
            )
            run = begin.next(rating).next(end)
            sfn.StateMachine(
                self,
                "Machine",
                state_machine_name=core.deployment.workflow("Quote"),
                definition_body=sfn.DefinitionBody.from_chainable(run),
            )

        Its input is the run's, ``{uid, metadata, metadata_override?}``; its output is the reference
        ``{uid, workflow, attempt}``, which is all that the states after it need. The state is in JSONata, and
        may stand in a state machine in JSONPath. Give it and the states after it a ``Catch`` that leads to
        ``end_run_task(…, failed=True)``, and the state machine a timeout, so that every run ends.

        The name of the state machine has to be ``core.deployment.workflow(workflow)``: by this name the core may
        describe its executions, and answer the task tokens of its activities. Synthesis fails if no state machine
        of the app has it.

        Args:
            scope: The construct that the state belongs to.
            id: The state's name.
            workflow: The workflow's name, unique in the core.
            activities: The activities that the run goes through, as for ``Workflow``: the status shows them, and the
                room for outputs is divided among them. List those that run side by side in a list of their own.
            timeout: How long a run may take, at most 365 days. Default: 30 days.
            expected_duration: How long a run is expected to take at most; ``WorkflowMonitoring`` announces those
                that take longer. Less than the timeout. Default: none is announced.

        Raises:
            ValueError: The name, a duration or the list of activities is not allowed.
        """
        return run_tasks.begin_run_task(
            self,
            scope,
            id,
            workflow=workflow,
            activities=activities,
            timeout=timeout,
            expected_duration=expected_duration,
        )

    def end_run_task(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        workflow: str,
        failed: bool = False,
    ) -> tasks.LambdaInvoke:
        """Define the state that writes how a run ended, for a state machine of a team's own.

        Every path through the state machine has to lead through one of them. Where no state failed, its input is
        the run's reference, and so is its output. It fails with ``RunCancelled`` or ``RunEnded`` if something else
        ended the run before. With ``failed``, it is the target of every ``Catch``: its input is the error output
        (do not set a result path), and the run is that of the execution's input. Its output is ``{error, cause}``
        for a ``Fail`` state or, if the run is complete and only the answer of the last state was lost, the run's
        ``{uid, workflow}``, as the example of ``begin_run_task`` shows.

        Args:
            scope: The construct that the state belongs to.
            id: The state's name.
            workflow: The workflow's name, as in ``begin_run_task``.
            failed: Whether a state has failed. Default: no state has.

        Raises:
            ValueError: The name is not allowed.
        """
        return run_tasks.end_run_task(self, scope, id, workflow=workflow, failed=failed)
