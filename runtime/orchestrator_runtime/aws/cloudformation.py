"""Answering CloudFormation on behalf of a custom resource."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

_MAX_REASON_BYTES: Final = 1024
"""An answer may have 4,096 bytes in all."""
_TIMEOUT_SECONDS: Final = 10


def answer(event: Mapping[str, Any], *, physical_id: str, refusal: str | None = None) -> None:
    """Tell CloudFormation how a request ended; it waits until it is told.

    Args:
        event: The request.
        physical_id: Names the resource. Another than before makes CloudFormation delete the former.
        refusal: Why it failed, for the person who deploys; ``None`` if it succeeded.
    """
    body = {
        "Status": "SUCCESS" if refusal is None else "FAILED",
        "Reason": (refusal or "").encode(errors="replace")[:_MAX_REASON_BYTES].decode(errors="ignore"),
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310 - the URL is CloudFormation's own
        event["ResponseURL"],
        data=json.dumps(body, ensure_ascii=False).encode(),
        method="PUT",
        headers={"Content-Type": ""},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310
        pass
