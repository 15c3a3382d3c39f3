"""Receives a request of CloudFormation, and refuses an event that somebody else sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator_runtime.core.custom_resource_request import (
    CustomResourceRequest,
    ForgedRequestError,
    Home,
    read_request,
)
from orchestrator_runtime.core.happening import RequestRefused
from orchestrator_runtime.ports import Journal
from orchestrator_runtime.registration_ports import Responses

_NOT_ACCEPTED: Final = (
    "S3 does not accept ResponseURL: its signature is not genuine, or the policy of a VPC endpoint forbids it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivePorts:
    """What receiving a request needs.

    Attributes:
        home: Where the function runs.
        responses: The bucket in which CloudFormation waits for answers.
        journal: Where refusals are logged and counted.
    """

    home: Home
    responses: Responses
    journal: Journal


def receive_request(event: object, ports: ReceivePorts) -> CustomResourceRequest | None:
    """Returns the request, or ``None`` if CloudFormation did not send it; then the event has no effect.

    No connection is opened before the response URL is known to be one of CloudFormation's bucket for the stack that
    the event names, and nothing is read or written before S3 accepts its signature.

    Raises:
        OSError: S3 cannot be reached, or does not answer; Lambda retries the event.
    """
    try:
        request = read_request(event, ports.home)
    except ForgedRequestError as error:
        ports.journal.tell(RequestRefused(str(error)))
        return None
    if request.address.signed and not ports.responses.accepts(request.address):
        ports.journal.tell(RequestRefused(_NOT_ACCEPTED, request.stack_id))
        return None
    return request
