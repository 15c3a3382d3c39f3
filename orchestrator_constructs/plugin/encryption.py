"""The key that encrypts what a plugin's construct defines."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from orchestrator_constructs.encryption import let_services_use
from orchestrator_constructs.interfaces import IOrchestratorCore


def checked_key(scope: Construct, core: IOrchestratorCore, given: kms.IKey | None) -> kms.IKey | None:
    """The key for what is defined in ``scope``: the one that was given, whose policy is completed, or the core's."""
    if given is None:
        return core.encryption_key_for(scope)
    let_services_use(given, scope, core.topic_arn_pattern(consumer=scope))
    return given
