"""States for a state machine of a team's own: they begin a run, take it through an activity, and end it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import jsii
from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct, IValidation

from orchestrator_constructs.asl import INVOKE_TIMEOUT_SECONDS, Retry
from orchestrator_constructs.interfaces import IActivity
from orchestrator_constructs.validation import check_machine_name, check_name, whole_seconds
from orchestrator_constructs.workflow.expected_duration import publish_expected_duration
from orchestrator_constructs.workflow.run_states import (
    ANSWER,
    DEFAULT_RUN_DAYS,
    RETRY_ACTIVITY,
    RETRY_BEGIN,
    RETRY_END,
    SAME,
    TIMEOUT,
    activity_payload,
    begin_payload,
    end_payload,
    failed_payload,
)
from orchestrator_constructs.workflow.steps import checked_steps, step_names
from orchestrator_constructs.workflow.task_timeout import DAY
from orchestrator_runtime.contract import Handler
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
    state = _invoke(
        core,
        scope,
        id,
        handler=Handler.BEGIN_RUN,
        payload=begin_payload(workflow, step_names(steps), seconds),
        outputs=ANSWER,
        retries=RETRY_BEGIN,
    )
    publish_expected_duration(
        scope, f"{id}Expected", core.deployment, workflow, expected_duration, timeout_seconds=seconds
    )
    state.node.add_validation(_MachineIsNamed(state, workflow, machine))
    return state


def activity_task(
    core: _Core,
    scope: Construct,
    id: str,  # noqa: A002
    *,
    activity: str,
    reenter_after: Duration | None,
) -> tasks.LambdaInvoke:
    """Define the state that takes a run through an activity; see ``Activity.task``."""
    reenter_after = reenter_after or Duration.seconds(DAY)
    whole_seconds(f"reenter_after of task {id!r}", reenter_after)
    state = _invoke(
        core,
        scope,
        id,
        handler=Handler.OPEN_ACTIVITY,
        payload=activity_payload(activity),
        outputs=SAME,
        retries=RETRY_ACTIVITY,
        pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        timeout=reenter_after,
    )
    state.add_catch(state, errors=[TIMEOUT], outputs=SAME)
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
    return _invoke(
        core,
        scope,
        id,
        handler=Handler.END_RUN,
        payload=failed_payload(workflow) if failed else end_payload(workflow),
        outputs=ANSWER,
        retries=RETRY_END,
    )


def _invoke(
    core: _Core,
    scope: Construct,
    id: str,  # noqa: A002
    *,
    handler: Handler,
    payload: dict[str, Any],
    outputs: str,
    retries: Sequence[Retry],
    pattern: sfn.IntegrationPattern = sfn.IntegrationPattern.REQUEST_RESPONSE,
    timeout: Duration | None = None,
) -> tasks.LambdaInvoke:
    state = tasks.LambdaInvoke.jsonata(
        scope,
        id,
        lambda_function=lambda_.Function.from_function_arn(
            scope, f"{id}Function", core.function_arn(handler, consumer=scope)
        ),
        payload=sfn.TaskInput.from_object(payload),
        outputs=outputs,
        integration_pattern=pattern,
        task_timeout=sfn.Timeout.duration(timeout or Duration.seconds(INVOKE_TIMEOUT_SECONDS)),
        retry_on_service_exceptions=False,
    )
    for retry in retries:
        state.add_retry(
            errors=[str(error) for error in retry["ErrorEquals"]],
            max_attempts=retry["MaxAttempts"],
            interval=Duration.seconds(retry["IntervalSeconds"]) if "IntervalSeconds" in retry else None,
            backoff_rate=retry.get("BackoffRate"),
            jitter_strategy=sfn.JitterType[retry["JitterStrategy"]] if "JitterStrategy" in retry else None,
            max_delay=Duration.seconds(retry["MaxDelaySeconds"]) if "MaxDelaySeconds" in retry else None,
        )
    return state


@jsii.implements(IValidation)
class _MachineIsNamed:
    """Refuses an app whose state machine begins runs, and whose executions the core may not describe."""

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
            f"one that it belongs to, or the core may not describe the executions that hold its runs"
        ]
