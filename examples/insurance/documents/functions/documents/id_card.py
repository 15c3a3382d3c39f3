"""The card that a driver shows. Called for auto only."""

from __future__ import annotations

from datetime import date, timedelta

from orchestrator_runtime import PluginRun, plugin

from .document import Document
from .policy import Policy, read_policy


def last_day(effective: date) -> date:
    """The last day of a year's cover."""
    try:
        return effective.replace(year=effective.year + 1) - timedelta(days=1)
    except ValueError:  # February 29th
        return date(effective.year + 1, 2, 28)


def card(policy: Policy) -> Document:
    """Write the card.

    Raises:
        ValueError: The policy covers no vehicle.
    """
    if policy.vehicle is None:
        raise ValueError("an ID card is for a vehicle: was this plugin registered without its filter?")
    vehicle = policy.vehicle
    lines = [
        f"INSURANCE IDENTIFICATION CARD ({policy.address.state})",
        f"Policy   {policy.number}",
        f"Insured  {policy.applicant.name}",
        f"Vehicle  {vehicle.year} {vehicle.make} {vehicle.model}",
        f"Valid    {policy.effective} to {last_day(policy.effective)}",
    ]
    return {"title": f"ID card {policy.number}", "media_type": "text/plain", "content": "\n".join(lines)}


@plugin
def handler(run: PluginRun) -> Document:
    return card(read_policy(run.uid, run.metadata, run.outputs))
