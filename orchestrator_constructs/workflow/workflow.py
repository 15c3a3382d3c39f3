"""A workflow: activities in an order; an application starts its runs."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from orchestrator_constructs.interfaces import IActivity, IOrchestratorCore, IWorkflow
from orchestrator_constructs.placement import arn_for
from orchestrator_constructs.published import Published
from orchestrator_constructs.stack_stages import StackStages
from orchestrator_constructs.state_machine import apply_boundary, define_state_machine
from orchestrator_constructs.validation import (
    check_machine_name,
    check_name,
    checked_deployment,
    claim_name,
    whole_seconds,
)
from orchestrator_constructs.workflow.base import WorkflowBase
from orchestrator_constructs.workflow.definition import workflow_definition
from orchestrator_constructs.workflow.expected_duration import publish_expected_duration
from orchestrator_constructs.workflow.imported import ImportedWorkflow
from orchestrator_constructs.workflow.run_states import DEFAULT_RUN_DAYS
from orchestrator_constructs.workflow.steps import checked_steps, step_names
from orchestrator_constructs.workflow.task_timeout import task_timeout_seconds
from orchestrator_runtime.contract import MAX_DEADLINE_SECONDS, Handler


class Workflow(WorkflowBase):
    """Defines a workflow: a run goes through its activities, one after the other or side by side.

    ::

        Begin run ──► Validate ──► Rate ──► GenerateDocuments ──► End run

        Workflow(…, activities=[validate, [rate, check], generate_documents])

    An application starts a run by plain ``StartExecution`` with the input
    ``{"uid": …, "metadata": {…}}``. The same ``uid`` again resumes it, without
    invoking plugins that were complete. Only the reference ``{uid, workflow,
    attempt}`` travels between the states; the data is in the status table.

    An activity is one state, which waits for a task token: a run of three
    activities takes five state transitions, however many plugins it has and
    however long they take, up to a day. Then the state enters itself again, which
    is one transition more for each day of waiting.

    Resources: a state machine ``{system}-{stage}-workflow-{name}`` with its role
    and its log of errors, an SSM parameter with its ARN, and one with the expected
    duration of its runs, if there is one.

    Failures: any error leads to a last state that writes how the run ended, and
    then fails the execution with the same error. The run's row is the truth: where
    it is complete already, and only the answer of ``End run`` was lost, the
    execution succeeds.

    Limits: an activity is at most once in a workflow; a run takes at most
    ``timeout``; the name of the state machine has at most 80 characters. If one of
    several activities side by side fails, Step Functions stops the others. Where
    many activities wait side by side for a year, their states enter themselves
    again less often than daily, so that the execution's history stays below 25,000
    events.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        core: IOrchestratorCore,
        activities: Sequence[IActivity | Sequence[IActivity]],
        name: str | None = None,
        timeout: Duration | None = None,
        expected_duration: Duration | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        tracing: bool | None = None,
        permissions_boundary: iam.IManagedPolicy | None = None,
    ) -> None:
        """Define the workflow.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            core: The core that it belongs to, defined or imported.
            activities: Its activities of the same core, in order, defined or imported. A list in the list
                holds activities that run side by side; the next step begins when all of them have ended.
            name: The workflow's name, unique in its core. Default: ``id``.
            timeout: How long a run may take, at most 365 days. Default: 30 days.
            expected_duration: How long a run is expected to take at most, less than the timeout;
                ``WorkflowMonitoring`` announces those that take longer. Default: none is announced.
            log_retention: How long the log of errors is kept. Default: one month.
            tracing: Trace runs with X-Ray. Default: the core's prop ``tracing`` if this app defines the core; else
                yes.
            permissions_boundary: The permissions boundary of the state machine's role. Default: the core's.

        Raises:
            ValueError: A name, a duration or the list of activities is not allowed, there are more activities than
                fit into an execution's history, or the app defines this workflow already.
        """
        deployment = core.deployment
        name = id if name is None else name
        super().__init__(scope, id, deployment=deployment, workflow_name=name)
        check_name("workflow", name)
        steps = checked_steps(name, deployment, activities)
        apply_boundary(self, permissions_boundary or core.permissions_boundary)
        machine_name = deployment.workflow(name)
        check_machine_name("workflow", machine_name)
        claim_name(self, machine_name, f"workflow {name!r}")
        timeout_seconds = whole_seconds(f"timeout of workflow {name!r}", timeout or Duration.days(DEFAULT_RUN_DAYS))
        stack = Stack.of(self)
        begin_run_arn = core.function_arn(Handler.BEGIN_RUN, consumer=self)
        end_run_arn = core.function_arn(Handler.END_RUN, consumer=self)
        for activity in (activity for step in steps for activity in step):
            activity.deploy_before(self)
        open_activity_arn = core.function_arn(Handler.OPEN_ACTIVITY, consumer=self)
        self._state_machine = define_state_machine(
            self,
            name=machine_name,
            definition=workflow_definition(
                workflow=name,
                partition=stack.partition,
                begin_run_arn=begin_run_arn,
                open_activity_arn=open_activity_arn,
                end_run_arn=end_run_arn,
                steps=step_names(steps),
                timeout_seconds=timeout_seconds,
                task_timeout_seconds=task_timeout_seconds(
                    name,
                    [len(step) for step in steps],
                    run_timeout_seconds=(
                        MAX_DEADLINE_SECONDS if Token.is_unresolved(timeout_seconds) else timeout_seconds
                    ),
                ),
            ),
            statements=[
                iam.PolicyStatement(
                    actions=["lambda:InvokeFunction"], resources=[begin_run_arn, open_activity_arn, end_run_arn]
                )
            ],
            log_retention=log_retention,
            tracing=core.tracing if tracing is None else tracing,
        )
        Published(self, "Published", exports=core.exports).parameter(
            "state-machine-arn", deployment.workflow_parameter(name), self._state_machine.state_machine_arn
        )
        publish_expected_duration(
            self, "Expected", deployment, name, expected_duration, timeout_seconds=timeout_seconds
        )
        if of_stack := StackStages.find(self, core):
            of_stack.deploy_after(self)

    @classmethod
    def from_system(
        cls,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        system: str,
        stage: str,
        name: str | None = None,
    ) -> IWorkflow:
        """Find a workflow that another app deploys, by its SSM parameter.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            system: The system's name, as the core was given it.
            stage: The deployment's stage, as the core was given it.
            name: The workflow's name. Default: ``id``.

        Raises:
            ValueError: A name is not allowed.
        """
        name = id if name is None else name
        check_name("workflow", name)
        return ImportedWorkflow(scope, id, deployment=checked_deployment(system, stage), workflow_name=name)

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The workflow's state machine: an execution of it is an attempt at a run."""
        return self._state_machine

    def state_machine_arn(self, *, consumer: Construct) -> str:
        """The ARN of the workflow's state machine for the stack of ``consumer``."""
        return arn_for(
            consumer,
            self._state_machine.state_machine_arn,
            producer=self,
            service="states",
            resource="stateMachine",
            name=self._deployment.workflow(self._name),
        )
