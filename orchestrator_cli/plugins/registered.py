"""Reads the registry of a deployment, and puts it in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from orchestrator_cli.errors import UsageError
from orchestrator_cli.gateway import Document, Gateway
from orchestrator_cli.published import activity_names, core_output, those_there_are
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.deployment import CoreOutput, Deployment
from orchestrator_runtime.stores.items import iso

Registered: TypeAlias = Mapping[str, Mapping[Stage, Sequence[Registration]]]
"""By activity, then by stage, the registrations in the order of a sequential stage; every activity has all stages."""


def read_registered(gateway: Gateway, deployment: Deployment, activity: str | None = None) -> Registered:
    """Read the registry.

    Args:
        gateway: The account.
        deployment: The deployment.
        activity: The only activity to read. Default: all that are deployed.

    Raises:
        UsageError: There is no such core or no such activity.
    """
    table = core_output(gateway, deployment, CoreOutput.REGISTRY_TABLE_NAME)
    activities = chosen_activities(gateway, deployment, activity)
    registered: dict[str, dict[Stage, list[Registration]]] = {
        name: {stage: [] for stage in Stage} for name in activities
    }
    found = gateway.registrations(table, activities)
    for registration in sorted(found, key=lambda each: (each.order, each.name)):
        registered[registration.activity][registration.stage].append(registration)
    return registered


def chosen_activities(gateway: Gateway, deployment: Deployment, activity: str | None) -> list[str]:
    """The names of all deployed activities, or of the one that is asked for.

    Raises:
        UsageError: It is not deployed; the text lists those that are.
    """
    known = activity_names(gateway, deployment)
    if activity is None:
        return known
    if activity not in known:
        raise UsageError(f"no activity {activity!r} in {deployment.prefix}: {those_there_are(known)}")
    return [activity]


def registered_document(registered: Registered, deployment: Deployment) -> Document:
    """The registry as ``orchestrator plugins --json`` prints it.

    ::

        {"system": "claims", "stage": "dev", "activities": {"Rate": {"stages": {
            "pre": {"plugins": []},
            "parallel": {"plugins": [{"name": "Score", "kind": "function", "mandatory": true, "order": 90, …}]},
            "post": {"plugins": []}}}}}

    Plugins are in the order in which a sequential stage invokes them. Each has all keys; ``null`` stands for what does
    not exist or is not known. ``owner`` is the ARN of the stack that registered the plugin, ``null`` for a plain
    subscription. ``filter_policy`` is the one that decides whether a run invokes the plugin: the construct's, which the
    core evaluates, or that of a plain subscription, which SNS evaluates.
    """
    activities = {
        activity: {
            "stages": {stage: {"plugins": list(map(_plugin_document, found))} for stage, found in stages.items()}
        }
        for activity, stages in registered.items()
    }
    return {"system": deployment.system, "stage": deployment.stage, "activities": activities}


def _plugin_document(registration: Registration) -> dict[str, Any]:
    return {
        "name": registration.name,
        "kind": registration.kind,
        "mandatory": registration.mandatory,
        "order": registration.order,
        "always_run": registration.always_run,
        "timeout_seconds": registration.timeout_seconds,
        "start_within_seconds": registration.start_within_seconds,
        "reports_start": registration.reports_start,
        "filter_policy": registration.filter_policy,
        "filter_policy_scope": registration.filter_policy_scope,
        "protocol": registration.protocol,
        "endpoint": registration.endpoint,
        "subscription_arn": registration.subscription_arn,
        "owner": registration.owner or None,
        "sender_role_ids": list(registration.sender_role_ids),
        "description": registration.description,
        "problem": registration.problem,
        "seen_at": iso(registration.seen_at) if registration.seen_at else None,
    }
