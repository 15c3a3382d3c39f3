"""Serves a custom resource: receives CloudFormation's request, has it served, and sends the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import boto3

from orchestrator_runtime.aws.cloudformation import HttpResponses, answer_body
from orchestrator_runtime.contract import MAX_TEXT, Handler
from orchestrator_runtime.core.custom_resource_request import DELETE, CustomResourceRequest, Home
from orchestrator_runtime.core.registration_request import RegistrationRefusedError
from orchestrator_runtime.foreign_text import shown
from orchestrator_runtime.handlers.environment import journal, logger
from orchestrator_runtime.protocol.receive_request import ReceivePorts, receive_request


def serve_resource(
    event: object,
    *,
    handler: Handler,
    resource_type: str,
    about: Callable[[CustomResourceRequest], Mapping[str, str]],
    physical_id: Callable[[CustomResourceRequest], str],
    serve: Callable[[CustomResourceRequest], None],
) -> None:
    """Serves an event, and answers it: CloudFormation waits for the answer.

    Args:
        event: What the function was invoked with.
        handler: The function.
        resource_type: The type of the custom resource that the function serves.
        about: What a log line says of a request.
        physical_id: Names the resource that a request is to lead to.
        serve: Does what a request asks.
    """
    ports = ReceivePorts(home=home(), responses=HttpResponses(), journal=journal())
    request = receive_request(event, ports)
    if request is None:
        return
    wanted = physical_id(request)
    before, keys = request.physical_id, about(request)
    succeeded = before if before and request.kind == DELETE else wanted
    refusal: str | None = None
    try:
        _serve(request, resource_type, handler, serve)
    except RegistrationRefusedError as refused:
        refusal = str(refused)
        logger.warning(f"{handler} refused", extra={**keys, "detail": shown(refusal, MAX_TEXT)})
    except Exception:  # noqa: BLE001 - CloudFormation waits for an answer, whatever goes wrong
        logger.exception(f"{handler} failed", extra=dict(keys))
        refusal = f"the request failed inside the orchestrator: see the log of its {handler} function"
    named = succeeded if refusal is None else before or wanted
    ports.responses.send(request.address, answer_body(request, physical_id=named, refusal=refusal))


def _serve(
    request: CustomResourceRequest,
    resource_type: str,
    handler: Handler,
    serve: Callable[[CustomResourceRequest], None],
) -> None:
    if request.resource_type == resource_type:
        serve(request)
    elif request.kind != DELETE:
        # Refused, it never was: its deletion, by which CloudFormation takes it back, has nothing to delete.
        raise RegistrationRefusedError(
            f"{handler} serves resources of type {resource_type}, got {request.resource_type[:64]!r}: let the "
            "constructs of the library define them"
        )


def home() -> Home:
    """Where this function runs.

    Lambda sets the region. The address of a local AWS is set by the local AWS alone.
    """
    region = os.environ["AWS_REGION"]
    partition = boto3.Session().get_partition_for_region(region)
    return Home(partition, region, os.environ.get("AWS_ENDPOINT_URL") or None)
