"""What the customer gets back: the part of the premium for the days that are not used."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from orchestrator_runtime import PluginRun, plugin

from .policy import Policy, read_policy

DAYS: Final = 365


class Refund(BaseModel):
    days_left: int
    amount: float


def refund(policy: Policy) -> Refund:
    """Refund a policy by the day.

    Raises:
        ValueError: It is not being cancelled, or not in a year in which it was in force.
    """
    if policy.cancelled_on is None:
        raise ValueError("the run does not say when the policy ends: give cancelled_on in its metadata")
    used = (policy.cancelled_on - policy.effective).days
    if not 0 <= used <= DAYS:
        raise ValueError(f"{policy.cancelled_on} is not in the year from {policy.effective}: nothing to cancel")
    return Refund(days_left=DAYS - used, amount=round(policy.premium.annual * (DAYS - used) / DAYS, 2))


@plugin
def handler(run: PluginRun) -> dict[str, Any]:
    return refund(read_policy(run.uid, run.metadata, run.outputs)).model_dump()
