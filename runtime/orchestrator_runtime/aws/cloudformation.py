"""Answering CloudFormation on behalf of a custom resource, and asking it about the stack."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.foreign_text import shown

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_MAX_REASON_BYTES: Final = 1024
"""An answer may have 4,096 bytes in all."""
_TIMEOUT_SECONDS: Final = 10


def answer_body(event: Mapping[str, Any], *, physical_id: str, refusal: str | None = None) -> bytes:
    """What CloudFormation is told, see ``answer``."""
    return json.dumps(
        {
            "Status": "SUCCESS" if refusal is None else "FAILED",
            "Reason": _reason(refusal or ""),
            "PhysicalResourceId": physical_id,
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
        },
        ensure_ascii=False,
    ).encode()


def _reason(refusal: str) -> str:
    """The sentence as it fits, in one line: it quotes properties, which may hold anything."""
    return shown(refusal, _MAX_REASON_BYTES).encode()[:_MAX_REASON_BYTES].decode(errors="ignore")


def answer(event: Mapping[str, Any], *, physical_id: str, refusal: str | None = None) -> None:
    """Tell CloudFormation how a request ended; it waits until it is told.

    Args:
        event: The request.
        physical_id: Names the resource. Another than before makes CloudFormation delete the former.
        refusal: Why it failed, for the person who deploys; ``None`` if it succeeded.
    """
    request = urllib.request.Request(  # noqa: S310 - the URL is CloudFormation's own
        event["ResponseURL"],
        data=answer_body(event, physical_id=physical_id, refusal=refusal),
        method="PUT",
        headers={"Content-Type": ""},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310
        pass


class CloudFormationStacks:
    """Implements ``registration_ports.Stacks``."""

    def __init__(self, client: CloudFormationClient) -> None:
        self._client = client

    def status(self, stack_id: str) -> str:
        """See ``registration_ports.Stacks``."""
        [stack] = self._client.describe_stacks(StackName=stack_id)["Stacks"]
        return stack["StackStatus"]
