"""Instalments that are not to be collected any more."""

from __future__ import annotations

from typing import TypedDict

from orchestrator_runtime import PluginRun, Skip, plugin

from .policy import Policy, read_policy


class Stopped(TypedDict):
    instalments: int
    amount: float


def open_instalments(policy: Policy) -> Stopped:
    """Sum up what falls due on or after the day on which the policy ends."""
    left = [one for one in policy.instalments if policy.cancelled_on is None or one.due >= policy.cancelled_on]
    return {"instalments": len(left), "amount": round(sum(one.amount for one in left), 2)}


@plugin
def handler(run: PluginRun) -> Stopped:
    stopped = open_instalments(read_policy(run.uid, run.metadata, run.outputs))
    if not stopped["instalments"]:
        raise Skip("everything is paid")
    return stopped
