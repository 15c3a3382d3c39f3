"""Serves the custom resource of the plugin constructs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from orchestrator_runtime.aws.cloudformation import answer
from orchestrator_runtime.contract import RegistrationProperty
from orchestrator_runtime.core.registration_request import Properties, RegistrationRefusedError, text_property
from orchestrator_runtime.handlers.registration_environment import register_ports
from orchestrator_runtime.protocol.register_plugin import RegisterPorts, register_plugin, unregister_plugin

logger = Logger()


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Register, change or remove a plugin, and tell CloudFormation, which waits until it is told.

    Args:
        event: CloudFormation's request for a custom resource.
        context: Lambda's.
    """
    properties: Properties = event.get("ResourceProperties") or {}
    before = event.get("PhysicalResourceId")
    try:
        serve(event, properties, register_ports())
    except RegistrationRefusedError as refusal:
        logger.warning("registration refused", extra={**_about(properties), "detail": str(refusal)})
        answer(event, physical_id=before or physical_id(properties), refusal=str(refusal))
    except Exception:
        logger.exception("registration failed", extra=_about(properties))
        reason = "the registration failed inside the orchestrator: see the log of its register-plugin function"
        answer(event, physical_id=before or physical_id(properties), refusal=reason)
    else:
        answer(event, physical_id=before if before and _is_delete(event) else physical_id(properties))


def serve(event: Mapping[str, Any], properties: Properties, ports: RegisterPorts) -> None:
    """Do what CloudFormation asks."""
    stack_id = str(event.get("StackId") or "")
    if _is_delete(event):
        unregister_plugin(properties, ports, stack_id=stack_id)
        logger.info("plugin unregistered", extra=_about(properties))
        return
    register_plugin(properties, ports, stack_id=stack_id)
    logger.info("plugin registered", extra=_about(properties))


def physical_id(properties: Properties) -> str:
    """Names the registration: one of a subscription to a stage. A new subscription makes a new one."""
    return text_property(properties, RegistrationProperty.SUBSCRIPTION_ARN) or "no-subscription"


def _is_delete(event: Mapping[str, Any]) -> bool:
    return event.get("RequestType") == "Delete"


def _about(properties: Properties) -> Mapping[str, str]:
    named = {
        "activity": RegistrationProperty.ACTIVITY,
        "stage": RegistrationProperty.STAGE,
        "plugin": RegistrationProperty.NAME,
    }
    return {key: text_property(properties, name) or "" for key, name in named.items()}
