"""Reconciles the registry: on a schedule, when a person asks, and on CloudTrail's events of changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from orchestrator_runtime.aws.repair_log import LoggedRepairs
from orchestrator_runtime.core.findings import Findings
from orchestrator_runtime.core.happening import Reconciled
from orchestrator_runtime.core.trail_event import read_trail_event
from orchestrator_runtime.handlers.environment import journal, logger
from orchestrator_runtime.handlers.event_kind import SCHEDULE, kind_of
from orchestrator_runtime.handlers.registration_environment import reconcile_ports
from orchestrator_runtime.protocol.reconcile import ReconcilePorts, follow, reconcile

_CLOUDTRAIL: Final = "AWS API Call via CloudTrail"
_EVERYTHING: Final = "reconcile everything"


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Look, repair, and say what was found.

    Args:
        event: ``{}`` or a scheduled event of EventBridge: everything. ``{"repair": false}``: only look.
            ``{"activity": "Rate"}``: the stages of this activity. An event of CloudTrail: what it names.
        context: Lambda's.

    Returns:
        ``{repairs, problems, checked}``, see ``core.findings``.
    """
    findings = serve(event, reconcile_ports(LoggedRepairs(logger)))
    for problem in findings.problems:
        logger.warning("registration problem", extra=asdict(problem))
    journal().tell(
        Reconciled(
            checked=findings.checked,
            repairs=len(findings.repairs),
            problems=len(findings.problems),
            whole=kind_of(event, _EVERYTHING) == SCHEDULE
            and event.get("repair", True)
            and event.get("activity") is None,
        )
    )
    return findings.as_document()


def serve(event: Mapping[str, Any], ports: ReconcilePorts) -> Findings:
    """Do what the event asks.

    Raises:
        ValueError: The event asks for nothing that is known here.
        BeingUpdatedError: See ``protocol.reconcile.follow``. Lambda brings the event again after a minute.
    """
    kind = kind_of(event, _EVERYTHING)
    if kind == _CLOUDTRAIL:
        change = read_trail_event(event.get("detail"), ports.topic_arn_prefix)
        return Findings() if change is None else follow(change, ports)
    if kind != SCHEDULE:
        raise ValueError("events of this detail-type are not understood: send {} to reconcile everything")
    repair, activity = event.get("repair", True), event.get("activity")
    if not isinstance(repair, bool):
        raise ValueError(f"repair must be true or false, got {type(repair).__name__}")
    if not isinstance(activity, str | None):
        raise ValueError(f"activity must be the name of one, or null for all, got {type(activity).__name__}")
    return reconcile(ports, repair=repair, activity=activity)
