"""Serves the custom resource of the plugins' constructs: a plugin's registration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.core.custom_resource_request import DELETE, CustomResourceRequest
from orchestrator_runtime.core.registration_request import text_property
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE, RegistrationProperty
from orchestrator_runtime.handlers.custom_resource import serve_resource
from orchestrator_runtime.handlers.environment import logger
from orchestrator_runtime.handlers.registration_environment import register_ports
from orchestrator_runtime.protocol.register_plugin import RegisterPorts, register_plugin, unregister_plugin


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Serves a request of CloudFormation, and answers it.

    Args:
        event: CloudFormation's request for a custom resource.
        context: Lambda's.
    """
    serve_resource(
        event,
        handler=Handler.REGISTER_PLUGIN,
        resource_type=REGISTRATION_RESOURCE_TYPE,
        about=_about,
        physical_id=physical_id,
        serve=lambda request: serve(request, register_ports()),
    )


def serve(request: CustomResourceRequest, ports: RegisterPorts) -> None:
    """Register, change or remove a plugin."""
    if request.kind == DELETE:
        unregister_plugin(request.properties, ports, stack_id=request.stack_id)
        logger.info("plugin unregistered", extra=_about(request))
        return
    register_plugin(request.properties, ports, stack_id=request.stack_id)
    logger.info("plugin registered", extra=_about(request))


def physical_id(request: CustomResourceRequest) -> str:
    """Names the registration: one of a subscription to a stage. A new subscription makes a new one."""
    return text_property(request.properties, RegistrationProperty.SUBSCRIPTION_ARN) or "no-subscription"


def _about(request: CustomResourceRequest) -> Mapping[str, str]:
    named = {
        "activity": RegistrationProperty.ACTIVITY,
        "stage": RegistrationProperty.STAGE,
        "plugin": RegistrationProperty.NAME,
    }
    found = {key: text_property(request.properties, name) or "" for key, name in named.items()}
    return {**found, "stack_id": request.stack_id}
