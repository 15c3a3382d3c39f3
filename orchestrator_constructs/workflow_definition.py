"""The state machine of a workflow, as Amazon States Language.

::

    Begin run ──► Validate ──► Rate ──► GenerateDocuments ──► End run
        └────────────┴──────────┴──────────────┴────────────────┴──► Run failed ──► Fail run

The bookkeeping states have a space in their names, which no activity has.
Pure data; nothing of the CDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator_constructs.asl import REFERENCE, RETRY_CRASH, RETRY_LAMBDA_SERVICE, States, invoke

_BEGIN: Final = "Begin run"
_END: Final = "End run"
_FAILED: Final = "Run failed"
_FAIL: Final = "Fail run"

_CATCH_ALL: Final = [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": _FAILED}]
# The input may be anything, and what a failed first state was given is all that is known of the run.
_UID_IF_ANY: Final = "{% $exists($states.context.Execution.Input.uid) ? $states.context.Execution.Input.uid : null %}"


def workflow_definition(
    *,
    workflow: str,
    partition: str,
    begin_run_arn: str,
    end_run_arn: str,
    activities: Mapping[str, str],
    timeout_seconds: int,
) -> dict[str, Any]:
    """Describe the state machine that takes a run through its activities.

    Args:
        workflow: The workflow's name.
        partition: The AWS partition, as in the service integrations' ARNs.
        begin_run_arn: The function that writes the run's first row.
        end_run_arn: The function that writes how the run ended.
        activities: The ARNs of the activities' state machines by name, in order.
        timeout_seconds: How long a run may take.
    """
    names = list(activities)
    states: States = {
        _BEGIN: {
            **invoke(
                partition,
                begin_run_arn,
                {
                    "workflow": workflow,
                    "activities": [[name] for name in names],
                    "timeout_seconds": timeout_seconds,
                    "execution": "{% $states.context.Execution.Id %}",
                    "input": "{% $states.input %}",
                },
            ),
            "Catch": _CATCH_ALL,
            "Output": "{% $states.result.Payload %}",
            "Next": names[0],
        }
    }
    for name, following in zip(names, [*names[1:], _END], strict=True):
        states[name] = {
            "Type": "Task",
            "Resource": f"arn:{partition}:states:::states:startExecution.sync:2",
            "Arguments": {"StateMachineArn": activities[name], "Input": REFERENCE},
            "TimeoutSeconds": timeout_seconds,
            "Catch": _CATCH_ALL,
            "Output": "{% $states.input %}",
            "Next": following,
        }
    states[_END] = {
        **invoke(
            partition,
            end_run_arn,
            {
                "workflow": workflow,
                "uid": REFERENCE["uid"],
                "attempt": REFERENCE["attempt"],
                "execution": "{% $states.context.Execution.Id %}",
            },
        ),
        "Retry": [*RETRY_LAMBDA_SERVICE, RETRY_CRASH],
        "Catch": _CATCH_ALL,
        "Output": "{% $states.result.Payload %}",
        "End": True,
    }
    states[_FAILED] = {
        **invoke(
            partition,
            end_run_arn,
            {
                "workflow": workflow,
                "uid": _UID_IF_ANY,
                "execution": "{% $states.context.Execution.Id %}",
                "error": "{% $states.input %}",
            },
        ),
        "Retry": [*RETRY_LAMBDA_SERVICE, RETRY_CRASH],
        "Output": "{% $states.result.Payload %}",
        "Next": _FAIL,
    }
    states[_FAIL] = {
        "Type": "Fail",
        "Error": "{% $states.input.error %}",
        "Cause": "{% $states.input.cause %}",
    }
    return {
        "Comment": f"Workflow {workflow}: {', '.join(names)}.",
        "QueryLanguage": "JSONata",
        "StartAt": _BEGIN,
        "TimeoutSeconds": timeout_seconds,
        "States": states,
    }
