"""The state machine of a workflow, as Amazon States Language.

::

                           Step 2
                           ├ Rate  ┐
    Begin run ──► Validate ┴ Check ┴► GenerateDocuments ──► End run
        └────────────┴─────────┴──────────────┴────────────────┘
                               │ any error
                               ▼
                           Run failed ──► Run complete? ──┬─► Fail run
                                                          └─► Run complete

An activity is one task that waits for its token. When its timeout passes, it
enters itself again, with a new token.

The failure path ends as the run's row does: where the row is complete, although
the execution lost the answer of its last state, the execution succeeds.

The names of all states but activities contain a space, which no activity's does.
Pure data; nothing of the CDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orchestrator_constructs.asl import States, invoke, invoke_and_wait
from orchestrator_constructs.workflow.run_states import (
    ANSWER,
    FAILED,
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

_BEGIN: Final = "Begin run"
_END: Final = "End run"
_FAILED: Final = "Run failed"
_WHETHER_COMPLETE: Final = "Run complete?"
_COMPLETE: Final = "Run complete"
_FAIL: Final = "Fail run"

_CATCH_ALL: Final = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": _FAILED}


def workflow_definition(
    *,
    workflow: str,
    partition: str,
    begin_run_arn: str,
    open_activity_arn: str,
    end_run_arn: str,
    steps: Sequence[Sequence[str]],
    timeout_seconds: int,
    task_timeout_seconds: int,
) -> dict[str, Any]:
    """Describe the state machine that takes a run through its activities.

    Args:
        workflow: The workflow's name.
        partition: The AWS partition, as in the service integrations' ARNs.
        begin_run_arn: The function that writes the run's row.
        open_activity_arn: The function that receives the task token of an activity.
        end_run_arn: The function that writes how the run ended.
        steps: The names of the activities that run side by side, for each step, in order.
        timeout_seconds: The run's timeout.
        task_timeout_seconds: How long the state of an activity waits before it enters itself again.
    """
    names = [_name_of(step, number) for number, step in enumerate(steps, start=1)]
    states: States = {
        _BEGIN: {
            **invoke(partition, begin_run_arn, begin_payload(workflow, steps, timeout_seconds)),
            "Retry": RETRY_BEGIN,
            "Catch": [_CATCH_ALL],
            "Output": ANSWER,
            "Next": names[0],
        }
    }
    for name, step, following in zip(names, steps, [*names[1:], _END], strict=True):
        waits = {
            activity: {
                **invoke_and_wait(
                    partition, open_activity_arn, activity_payload(activity), timeout_seconds=task_timeout_seconds
                ),
                "Retry": RETRY_ACTIVITY,
                "Catch": [{"ErrorEquals": [TIMEOUT], "Output": SAME, "Next": activity}],
                "Output": SAME,
            }
            for activity in step
        }
        if len(waits) == 1:
            wait = waits[name]
            states[name] = {**wait, "Catch": [*wait["Catch"], _CATCH_ALL], "Next": following}
            continue
        states[name] = {
            "Type": "Parallel",
            "Comment": f"Side by side: {', '.join(step)}. If one fails, the others are stopped.",
            "Branches": [
                {"StartAt": activity, "States": {activity: {**wait, "End": True}}} for activity, wait in waits.items()
            ],
            "Catch": [_CATCH_ALL],
            "Output": SAME,
            "Next": following,
        }
    states[_END] = {
        **invoke(partition, end_run_arn, end_payload(workflow)),
        "Retry": RETRY_END,
        "Catch": [_CATCH_ALL],
        "Output": ANSWER,
        "End": True,
    }
    states[_FAILED] = {
        **invoke(partition, end_run_arn, failed_payload(workflow)),
        "Retry": RETRY_END,
        "Output": ANSWER,
        "Next": _WHETHER_COMPLETE,
    }
    states[_WHETHER_COMPLETE] = {
        "Type": "Choice",
        "Choices": [{"Condition": FAILED, "Next": _FAIL}],
        "Default": _COMPLETE,
    }
    states[_COMPLETE] = {"Type": "Succeed"}
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


def _name_of(step: Sequence[str], number: int) -> str:
    """A step of one activity is named for it; the names of several might be too long for Step Functions."""
    return step[0] if len(step) == 1 else f"Step {number}"
