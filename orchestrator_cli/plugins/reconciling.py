"""Has the core compare its registry with SNS, and reads what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from orchestrator_cli.core_functions import call_core, not_understood
from orchestrator_cli.gateway import Document, Gateway
from orchestrator_cli.one_line import one_line
from orchestrator_cli.plugins.registered import chosen_activities
from orchestrator_cli.published import core_output
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import CoreOutput, Deployment


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was repaired or has to be, or that is wrong.

    Attributes:
        what: For a repair ``added``, ``changed`` or ``removed``; otherwise the kind of problem: ``never-matches``.
        place: Stage and plugin as far as they are known: ``Rate/parallel Score``; else the subscription.
        detail: A sentence.
        subscription: The ARN of the subscription.
    """

    what: str
    place: str
    detail: str
    subscription: str

    @classmethod
    def of(cls, found: Mapping[str, Any], kind: str) -> Self:
        """Read one from the core's answer; the text is made fit for one line."""
        subscription = one_line(found.get("subscription_arn") or "")
        place = " ".join(one_line(part) for key in ("stage", "plugin") if (part := found.get(key)))
        return cls(one_line(found[kind]), place or subscription, one_line(found.get("detail") or ""), subscription)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What the core answered.

    Attributes:
        repairs: What was repaired, or would be.
        problems: What a person has to repair.
        checked: How many subscriptions were looked at.
        document: The answer itself, which ``--json`` prints.
    """

    repairs: tuple[Finding, ...]
    problems: tuple[Finding, ...]
    checked: int
    document: Document


def reconcile(gateway: Gateway, deployment: Deployment, *, activity: str | None, repair: bool) -> Reconciliation:
    """Have the registry compared with SNS, and wait until it is done: some seconds, minutes for a large system.

    Args:
        gateway: The account.
        deployment: The deployment.
        activity: The only activity to look at; ``None``: all.
        repair: Whether the registry is repaired; otherwise nothing is changed.

    Raises:
        UsageError: There is no such core or activity, or the core cannot reconcile.
        CliError: Reconciliation failed.
    """
    core_output(gateway, deployment, CoreOutput.REGISTRY_TABLE_NAME)
    if activity is not None:
        chosen_activities(gateway, deployment, activity)
    answer = call_core(gateway, deployment, Handler.RECONCILE, {"repair": repair, "activity": activity})
    try:
        return _read(answer)
    except (KeyError, TypeError, AttributeError) as error:
        raise not_understood(deployment, Handler.RECONCILE, answer) from error


def _read(document: Any) -> Reconciliation:  # noqa: ANN401 - whatever the function answered
    return Reconciliation(
        repairs=tuple(Finding.of(found, "action") for found in document["repairs"]),
        problems=tuple(Finding.of(found, "kind") for found in document["problems"]),
        checked=int(document["checked"]),
        document=document,
    )
