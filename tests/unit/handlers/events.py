"""Events as the state machines, the queue and CloudFormation send them."""

from __future__ import annotations

import json
from typing import Any

from orchestrator_runtime.custom_resources import RegistrationProperty
from tests.unit.samples import EXECUTION

TOKEN = "AQCEAAAAKgAAAAMAAAAA" * 50


def begin(given: object, execution: str = EXECUTION, **other: Any) -> dict[str, Any]:
    return {
        "workflow": "NewBusiness",
        "activities": [["Validate"], ["Rate"], ["GenerateDocuments"]],
        "timeout_seconds": 2_592_000,
        "execution": execution,
        "input": given,
    } | other


def opening(attempt: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "attempt": attempt,
        "activity": "Rate",
        "token": TOKEN,
        "entered": "2026-11-24T09:30:00.123Z",
        "retry": 0,
    } | other


def end(execution: str = EXECUTION, uid: str | None = "q-1", **other: Any) -> dict[str, Any]:
    return {"workflow": "NewBusiness", "uid": uid, "attempt": 1, "execution": execution} | other


def report(plugin: str = "Score", state: str = "Complete", **other: Any) -> dict[str, Any]:
    return {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "activity": "Rate",
        "stage": "parallel",
        "attempt": 1,
        "plugin": plugin,
        "state": state,
    } | other


def batch(*bodies: object, sender: str = "AROASCORE:score") -> dict[str, Any]:
    """Messages ``m-0``, ``m-1`` …; a text is a body as it is."""
    return {
        "Records": [
            {
                "messageId": f"m-{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"SenderId": sender},
            }
            for number, body in enumerate(bodies)
        ]
    }


SUBSCRIPTION = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:1"
STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1"
OTHER_STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/other/2"


def registration(**other: str) -> dict[str, str]:
    return {
        RegistrationProperty.ACTIVITY: "Rate",
        RegistrationProperty.STAGE: "parallel",
        RegistrationProperty.NAME: "Score",
        RegistrationProperty.SUBSCRIPTION_ARN: SUBSCRIPTION,
        "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:claims-dev-register-plugin",
    } | other
