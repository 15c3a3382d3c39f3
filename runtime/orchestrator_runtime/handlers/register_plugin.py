"""Serves the custom resource of the ``Plugin`` construct."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from orchestrator_runtime.aws.cloudformation import answer
from orchestrator_runtime.contract import RegistrationProperty
from orchestrator_runtime.handlers.environment import registry
from orchestrator_runtime.ports import Registry
from orchestrator_runtime.protocol.register_plugin import (
    Properties,
    RegistrationRefusedError,
    register_plugin,
    unregister_plugin,
)

logger = Logger()


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Register, change or remove a plugin, and tell CloudFormation.

    Args:
        event: CloudFormation's request for a custom resource.
        context: Lambda's.
    """
    properties: Properties = event["ResourceProperties"]
    try:
        serve(event["RequestType"], properties, registry())
    except RegistrationRefusedError as refusal:
        logger.warning("registration refused", extra={"detail": str(refusal)})
        answer(event, physical_id=event.get("PhysicalResourceId") or physical_id(properties), refusal=str(refusal))
    except Exception:
        logger.exception("registration failed")
        reason = "the registration failed inside the orchestrator: see the log of its register-plugin function"
        answer(event, physical_id=event.get("PhysicalResourceId") or physical_id(properties), refusal=reason)
    else:
        done_id = event["PhysicalResourceId"] if event["RequestType"] == "Delete" else physical_id(properties)
        answer(event, physical_id=done_id)


def serve(request_type: str, properties: Properties, registry: Registry) -> None:
    """Do what CloudFormation asks."""
    if request_type == "Delete":
        unregister_plugin(properties, registry)
        logger.info("plugin unregistered", extra=_about(properties))
        return
    register_plugin(properties, registry)
    logger.info("plugin registered", extra=_about(properties))


def physical_id(properties: Properties) -> str:
    """Names the registration: one of a subscription to a stage. A new subscription makes a new one."""
    return properties.get(RegistrationProperty.SUBSCRIPTION_ARN) or "no-subscription"


def _about(properties: Properties) -> Mapping[str, str]:
    named = {
        "activity": RegistrationProperty.ACTIVITY,
        "stage": RegistrationProperty.STAGE,
        "plugin": RegistrationProperty.NAME,
    }
    return {key: properties.get(name, "") for key, name in named.items()}
