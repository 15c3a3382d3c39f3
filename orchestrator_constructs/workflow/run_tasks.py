"""States for a state machine of a team's own, by which a run begins, goes through an activity, and ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import jsii
from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct, IValidation

from orchestrator_constructs.asl import HANDLER_TIMEOUT_SECONDS, REFERENCE, RETRY_START
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.validation import check_machine_name, check_name, whole_seconds
from orchestrator_constructs.workflow.expected_duration import publish_expected_duration
from orchestrator_constructs.workflow.run_states import (
    ANSWER,
    DEFAULT_RUN_DAYS,
    RETRY_BEGIN,
    RETRY_END,
    SAME,
    begin_payload,
    end_payload,
    failed_payload,
)
from orchestrator_constructs.workflow.steps import checked_steps, step_names
from orchestrator_runtime.contract import MAX_EXECUTION_DAYS, Handler
from orchestrator_runtime.deployment import Deployment


class _Core(Protocol):
    @property
    def deployment(self) -> Deployment: ...

    def function_arn(self, handler: Handler, *, consumer: Construct) -> str: ...


def begin_run_task(
    core: _Core,
    scope: Construct,
    id: str,  # noqa: A002
    *,
    workflow: str,
    activities: Sequence[IActivity | Sequence[IActivity]],
    timeout: Duration | None,
    expected_duration: Duration | None,
) -> tasks.LambdaInvoke:
    """Define the state that begins a run; see ``OrchestratorCore.begin_run_task``."""
    check_name("workflow", workflow)
    machine = core.deployment.workflow(workflow)
    check_machine_name("workflow", machine)
    steps = checked_steps(workflow, core.deployment, activities)
    seconds = whole_seconds(f"timeout of workflow {workflow!r}", timeout or Duration.days(DEFAULT_RUN_DAYS))
    state = _call(
        core,
        scope,
        id,
        handler=Handler.BEGIN_RUN,
        payload=begin_payload(workflow, step_names(steps), seconds),
        retries=RETRY_BEGIN,
    )
    publish_expected_duration(
        scope, f"{id}Expected", core.deployment, workflow, expected_duration, timeout_seconds=seconds
    )
    state.node.add_validation(_MachineIsNamed(state, workflow, machine))
    return state


def end_run_task(
    core: _Core,
    scope: Construct,
    id: str,  # noqa: A002
    *,
    workflow: str,
    failed: bool,
) -> tasks.LambdaInvoke:
    """Define the state that ends a run; see ``OrchestratorCore.end_run_task``."""
    check_name("workflow", workflow)
    payload = failed_payload(workflow) if failed else end_payload(workflow)
    return _call(core, scope, id, handler=Handler.END_RUN, payload=payload, retries=RETRY_END)


def activity_task(
    activity: IActivity,
    scope: Construct,
    id: str,  # noqa: A002
) -> tasks.StepFunctionsStartExecution:
    """Define the state that takes a run through an activity; see ``Activity.task``."""
    arn = activity.state_machine_arn(consumer=scope)
    state = tasks.StepFunctionsStartExecution.jsonata(
        scope,
        id,
        state_machine=sfn.StateMachine.from_state_machine_arn(scope, f"{id}StateMachine", arn),
        input=sfn.TaskInput.from_object(REFERENCE),
        integration_pattern=sfn.IntegrationPattern.RUN_JOB,
        outputs=SAME,
        task_timeout=sfn.Timeout.duration(Duration.days(MAX_EXECUTION_DAYS)),
    )
    _add_retries(state, [RETRY_START])
    return state


def _call(
    core: _Core,
    scope: Construct,
    id: str,  # noqa: A002
    *,
    handler: Handler,
    payload: dict[str, Any],
    retries: Sequence[dict[str, Any]],
) -> tasks.LambdaInvoke:
    state = tasks.LambdaInvoke.jsonata(
        scope,
        id,
        lambda_function=lambda_.Function.from_function_arn(
            scope, f"{id}Function", core.function_arn(handler, consumer=scope)
        ),
        payload=sfn.TaskInput.from_object(payload),
        outputs=ANSWER,
        task_timeout=sfn.Timeout.duration(Duration.seconds(HANDLER_TIMEOUT_SECONDS)),
        retry_on_service_exceptions=False,
    )
    _add_retries(state, retries)
    return state


def _add_retries(state: sfn.TaskStateBase, retries: Sequence[dict[str, Any]]) -> None:
    for retry in retries:
        state.add_retry(
            errors=[str(error) for error in retry["ErrorEquals"]],
            interval=Duration.seconds(retry["IntervalSeconds"]),
            max_attempts=retry["MaxAttempts"],
            backoff_rate=retry["BackoffRate"],
            jitter_strategy=sfn.JitterType[retry["JitterStrategy"]],
            max_delay=Duration.seconds(retry["MaxDelaySeconds"]) if "MaxDelaySeconds" in retry else None,
        )


@jsii.implements(IValidation)
class _MachineIsNamed:
    """Refuses an app whose state machine could begin a run and could not be asked about it."""

    def __init__(self, state: Construct, workflow: str, machine: str) -> None:
        self._state = state
        self._workflow = workflow
        self._machine = machine

    def validate(self) -> list[str]:
        """Look for the state machine in the whole app."""
        for construct in self._state.node.root.node.find_all():
            if isinstance(construct, sfn.CfnStateMachine) and construct.state_machine_name == self._machine:
                return []
        return [
            f"{self._state.node.path!r} begins runs of workflow {self._workflow!r}, and no state machine of this app "
            f"is named {self._machine!r}: set state_machine_name=core.deployment.workflow({self._workflow!r}) on the "
            f"one that it belongs to, or the core may not ask whether a run's execution still runs"
        ]
