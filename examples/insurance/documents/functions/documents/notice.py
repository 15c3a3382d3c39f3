"""The notice of cancellation, with the refund that an earlier plugin of this activity computed."""

from __future__ import annotations

from typing import Final

from orchestrator_runtime import PluginRun, plugin

from .document import Document
from .policy import Policy, read_policy
from .refund import Refund

REFUND: Final = "CancelServices/pre/Refund"


def notice(policy: Policy, refund: Refund) -> Document:
    """Write the notice."""
    address = policy.address
    lines = [
        policy.applicant.name,
        address.street,
        f"{address.city}, {address.state} {address.zip}",
        "",
        f"Your {policy.line} policy {policy.number} ends on {policy.cancelled_on}.",
        f"We return ${refund.amount:,.2f} for {refund.days_left} days.",
    ]
    return {"title": f"Cancellation of {policy.number}", "media_type": "text/plain", "content": "\n".join(lines)}


@plugin
def handler(run: PluginRun) -> Document:
    refund = Refund.model_validate(run.outputs[REFUND])
    return notice(read_policy(run.uid, run.metadata, run.outputs), refund)
