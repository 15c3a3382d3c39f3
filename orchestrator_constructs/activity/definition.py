"""The state machine of an activity, as Amazon States Language.

::

    pre ──────────────► parallel ──────────────► post ──► (end)
     │ ▲ timeout         │ ▲                      │ ▲
     ▼ │                 ▼ │                      ▼ │
    pre waits on        parallel waits on        post waits on
     └► pre after 1 hour, pre after 1 day, …: the same task with a longer wait

Each stage is one task, written once for each rung of the ladder, because a
state's timeout is a constant. A timeout leads through a choice, which looks at
the stage's age, back into the task; every entry gets a token of its own.
Pure data; nothing of the CDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_constructs.activity.ladder import YEAR, Rung
from orchestrator_constructs.asl import REFERENCE, RETRY_CRASH, RETRY_LAMBDA_SERVICE, SIGNALLED, States
from orchestrator_runtime.contract import ReleaseRule, Stage

RULES = {
    Stage.PRE: ReleaseRule.ONE_AT_A_TIME,
    Stage.PARALLEL: ReleaseRule.ALL_AT_ONCE,
    Stage.POST: ReleaseRule.ONE_AT_A_TIME,
}

_SINCE_OPENED = "$millis() - $toMillis($states.input.opened)"
_REMEMBER_OPENING = (
    "{% $merge([$states.input, {'opened': $exists($states.input.opened) "
    "? $states.input.opened : $states.context.State.EnteredTime}]) %}"
)


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What a stage tells ``advance_stage`` about its plugins, in seconds."""

    timeout: int
    start_within: int
    fail_on_optional_error: bool


def activity_definition(
    *,
    activity: str,
    partition: str,
    advance_stage_arn: str,
    settings: Mapping[Stage, StageSettings],
    rungs: Sequence[Rung],
) -> dict[str, Any]:
    """Describe the state machine that takes a run through the three stages of an activity.

    Args:
        activity: The activity's name.
        partition: The AWS partition, as in the service integration's ARN.
        advance_stage_arn: The function that opens, wakes and closes stages.
        settings: What each stage says about its plugins.
        rungs: The waits of a stage, from the shortest.
    """
    states: States = {}
    order = list(Stage)
    for stage, following in zip(order, [*order[1:], None], strict=True):
        payload = {
            **REFERENCE,
            "activity": activity,
            "stage": stage.value,
            "rule": RULES[stage].value,
            "timeout_seconds": settings[stage].timeout,
            "start_within_seconds": settings[stage].start_within,
            "fail_on_optional_error": settings[stage].fail_on_optional_error,
            "token": "{% $states.context.Task.Token %}",
            "entered": "{% $states.context.State.EnteredTime %}",
            "retry": "{% $states.context.State.RetryCount %}",
        }
        for rung in rungs:
            states[f"{stage}{rung.label}"] = {
                "Type": "Task",
                "Resource": f"arn:{partition}:states:::lambda:invoke.waitForTaskToken",
                "Arguments": {"FunctionName": advance_stage_arn, "Payload": payload},
                "TimeoutSeconds": rung.every,
                "Retry": [SIGNALLED, *RETRY_LAMBDA_SERVICE, RETRY_CRASH],
                "Catch": [{"ErrorEquals": ["States.Timeout"], "Output": _REMEMBER_OPENING, "Next": _waits_on(stage)}],
                "Output": REFERENCE,
                **({"Next": following.value} if following else {"End": True}),
            }
        states[_waits_on(stage)] = {
            "Type": "Choice",
            "Choices": [
                {"Condition": f"{{% {_SINCE_OPENED} >= {rung.from_age * 1000} %}}", "Next": f"{stage}{rung.label}"}
                for rung in reversed(rungs[1:])
            ],
            "Default": f"{stage}{rungs[0].label}",
        }
    return {
        "Comment": f"Activity {activity}: a run's three stages, each waiting for its plugins.",
        "QueryLanguage": "JSONata",
        "StartAt": order[0].value,
        "TimeoutSeconds": YEAR,
        "States": states,
    }


def _waits_on(stage: Stage) -> str:
    return f"{stage} waits on"
