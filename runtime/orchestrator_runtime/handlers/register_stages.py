"""Serves the custom resource with the stages of a stack. Whoever deploys plugins has no right to invoke it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.core.custom_resource_request import CustomResourceRequest
from orchestrator_runtime.core.stages_request import StageKey, StagesRequest
from orchestrator_runtime.custom_resources import STAGES_RESOURCE_TYPE
from orchestrator_runtime.handlers.custom_resource import serve_resource
from orchestrator_runtime.handlers.environment import logger
from orchestrator_runtime.handlers.registration_environment import stages_ports
from orchestrator_runtime.protocol.register_stages import StagesPorts, register_stages


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Serves a request of CloudFormation, and answers it.

    Args:
        event: CloudFormation's request for a custom resource.
        context: Lambda's.
    """
    serve_resource(
        event,
        handler=Handler.REGISTER_STAGES,
        resource_type=STAGES_RESOURCE_TYPE,
        about=lambda request: {"stack_id": request.stack_id},
        physical_id=physical_id,
        serve=lambda request: serve(request, stages_ports()),
    )


def serve(request: CustomResourceRequest, ports: StagesPorts) -> None:
    """Register the stages of a stack, and delete those that it loses."""
    asked = StagesRequest.read(request)
    losers = register_stages(asked, ports)
    about = {"stages": _keys(asked.stages), "removed": _keys(asked.removed)}
    logger.info("stages registered", extra=about)
    if losers:
        plugins = [f"{each.key}/{each.name}" for each in losers]
        logger.warning("stages removed under their plugins", extra={"plugins": plugins})


def physical_id(request: CustomResourceRequest) -> str:
    """Names the resource as before: another id would make CloudFormation delete the former one."""
    return request.physical_id or f"{request.stack_id}/{request.logical_id}"


def _keys(stages: Iterable[StageKey]) -> list[str]:
    return [f"{activity}/{stage}" for activity, stage in stages]
