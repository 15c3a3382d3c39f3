"""The state machine of a workflow, as Amazon States Language.

::

                           Step 2
                           ├ Rate  ┐
    Begin run ──► Validate ┴ Check ┴► GenerateDocuments ──► End run
        └────────────┴─────────┴──────────────┴────────────────┴──► Run failed ──► Fail run

The bookkeeping states have a space in their names, which no activity has.
Pure data; nothing of the CDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestrator_constructs.asl import REFERENCE, RETRY_START, States, invoke
from orchestrator_constructs.workflow.run_states import (
    ANSWER,
    RETRY_BEGIN,
    RETRY_END,
    SAME,
    begin_payload,
    end_payload,
    failed_payload,
)

_BEGIN: Final = "Begin run"
_END: Final = "End run"
_FAILED: Final = "Run failed"
_FAIL: Final = "Fail run"

_CATCH_ALL: Final = [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": _FAILED}]


def workflow_definition(
    *,
    workflow: str,
    partition: str,
    begin_run_arn: str,
    end_run_arn: str,
    steps: Sequence[Mapping[str, str]],
    timeout_seconds: int,
) -> dict[str, Any]:
    """Describe the state machine that takes a run through its activities.

    Args:
        workflow: The workflow's name.
        partition: The AWS partition, as in the service integrations' ARNs.
        begin_run_arn: The function that writes the run's first row.
        end_run_arn: The function that writes how the run ended.
        steps: For each step, in order, the ARNs of its activities' state machines by name.
        timeout_seconds: How long a run may take.
    """
    names = [_name_of(step, number) for number, step in enumerate(steps, start=1)]
    states: States = {
        _BEGIN: {
            **invoke(partition, begin_run_arn, begin_payload(workflow, steps, timeout_seconds)),
            "Retry": RETRY_BEGIN,
            "Catch": _CATCH_ALL,
            "Output": ANSWER,
            "Next": names[0],
        }
    }
    for name, step, following in zip(names, steps, [*names[1:], _END], strict=True):
        tasks = {activity: _run(partition, machine, timeout_seconds) for activity, machine in step.items()}
        if len(tasks) == 1:
            states[name] = {**tasks[name], "Catch": _CATCH_ALL, "Output": SAME, "Next": following}
            continue
        states[name] = {
            "Type": "Parallel",
            "Comment": f"Side by side: {', '.join(tasks)}. If one fails, the others are stopped.",
            "Branches": [
                {"StartAt": activity, "States": {activity: {**task, "Output": SAME, "End": True}}}
                for activity, task in tasks.items()
            ],
            "Catch": _CATCH_ALL,
            "Output": SAME,
            "Next": following,
        }
    states[_END] = {
        **invoke(partition, end_run_arn, end_payload(workflow)),
        "Retry": RETRY_END,
        "Catch": _CATCH_ALL,
        "Output": ANSWER,
        "End": True,
    }
    states[_FAILED] = {
        **invoke(partition, end_run_arn, failed_payload(workflow)),
        "Retry": RETRY_END,
        "Output": ANSWER,
        "Next": _FAIL,
    }
    states[_FAIL] = {
        "Type": "Fail",
        "Error": "{% $states.input.error %}",
        "Cause": "{% $states.input.cause %}",
    }
    return {
        "Comment": f"Workflow {workflow}: {', '.join(' beside '.join(step) for step in steps)}.",
        "QueryLanguage": "JSONata",
        "StartAt": _BEGIN,
        "TimeoutSeconds": timeout_seconds,
        "States": states,
    }


def _name_of(step: Mapping[str, str], number: int) -> str:
    """A step of one activity is named for it; one of several might be too long for Step Functions."""
    return next(iter(step)) if len(step) == 1 else f"Step {number}"


def _run(partition: str, machine_arn: str, timeout_seconds: int) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{partition}:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": machine_arn, "Input": REFERENCE},
        "TimeoutSeconds": timeout_seconds,
        "Retry": [RETRY_START],
    }
