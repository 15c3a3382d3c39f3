"""Serves the custom resources of the constructs: a plugin's registration, and the stages of a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator_runtime.aws.cloudformation import answer
from orchestrator_runtime.contract import MAX_TEXT
from orchestrator_runtime.core.registration_request import Properties, RegistrationRefusedError, text_property
from orchestrator_runtime.core.stages_request import StageKey, StagesRequest
from orchestrator_runtime.custom_resources import STAGES_RESOURCE_TYPE, RegistrationProperty
from orchestrator_runtime.foreign_text import shown
from orchestrator_runtime.handlers.environment import logger
from orchestrator_runtime.handlers.registration_environment import register_ports, stages_ports
from orchestrator_runtime.protocol.register_plugin import RegisterPorts, register_plugin, unregister_plugin
from orchestrator_runtime.protocol.register_stages import StagesPorts, register_stages


def lambda_handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Serves a request of CloudFormation, and answers it: CloudFormation waits for the answer.

    Args:
        event: CloudFormation's request for a custom resource.
        context: Lambda's.
    """
    before = event.get("PhysicalResourceId")
    if event.get("ResourceType") == STAGES_RESOURCE_TYPE:
        # Another id would make CloudFormation delete the former one.
        named = before or f"{event.get('StackId')}/{event.get('LogicalResourceId')}"
        _respond(
            event, "change of stages", {}, lambda: serve_stages(event, stages_ports()), succeeded=named, failed=named
        )
        return
    properties: Properties = event.get("ResourceProperties") or {}
    _respond(
        event,
        "registration",
        _about(properties),
        lambda: serve(event, properties, register_ports()),
        succeeded=before if before and _is_delete(event) else physical_id(properties),
        failed=before or physical_id(properties),
    )


def serve(event: Mapping[str, Any], properties: Properties, ports: RegisterPorts) -> None:
    """Register, change or remove a plugin."""
    stack_id = str(event.get("StackId") or "")
    if _is_delete(event):
        unregister_plugin(properties, ports, stack_id=stack_id)
        logger.info("plugin unregistered", extra=_about(properties))
        return
    register_plugin(properties, ports, stack_id=stack_id)
    logger.info("plugin registered", extra=_about(properties))


def serve_stages(event: Mapping[str, Any], ports: StagesPorts) -> None:
    """Register the stages of a stack, and delete those that it loses."""
    request = StagesRequest.read(event)
    losers = register_stages(request, ports)
    about = {"stages": _keys(request.stages), "removed": _keys(request.removed)}
    logger.info("stages registered", extra=about)
    if losers:
        plugins = [f"{each.key}/{each.name}" for each in losers]
        logger.warning("stages removed under their plugins", extra={"plugins": plugins})


def _keys(stages: Iterable[StageKey]) -> list[str]:
    return [f"{activity}/{stage}" for activity, stage in stages]


def physical_id(properties: Properties) -> str:
    """Names the registration: one of a subscription to a stage. A new subscription makes a new one."""
    return text_property(properties, RegistrationProperty.SUBSCRIPTION_ARN) or "no-subscription"


def _respond(
    event: Mapping[str, Any],
    what: str,
    about: Mapping[str, Any],
    serve: Callable[[], None],
    *,
    succeeded: str,
    failed: str,
) -> None:
    """Serves a request, and answers it with the id that the resource has after that."""
    try:
        serve()
    except RegistrationRefusedError as refusal:
        logger.warning(f"{what} refused", extra={**about, "detail": shown(str(refusal), MAX_TEXT)})
        answer(event, physical_id=failed, refusal=str(refusal))
    except Exception:  # noqa: BLE001 - CloudFormation waits for an answer, whatever went wrong
        logger.exception(f"{what} failed", extra=dict(about))
        reason = f"the {what} failed inside the orchestrator: see the log of its register-plugin function"
        answer(event, physical_id=failed, refusal=reason)
    else:
        answer(event, physical_id=succeeded)


def _is_delete(event: Mapping[str, Any]) -> bool:
    return event.get("RequestType") == "Delete"


def _about(properties: Properties) -> Mapping[str, str]:
    named = {
        "activity": RegistrationProperty.ACTIVITY,
        "stage": RegistrationProperty.STAGE,
        "plugin": RegistrationProperty.NAME,
    }
    return {key: text_property(properties, name) or "" for key, name in named.items()}
