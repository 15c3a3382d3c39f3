"""The custom resources by which stacks register plugins and ask for stages: their types and properties.

Synth time writes them, ``register_plugin`` reads them. Only the standard library is imported, as in ``contract``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RegistrationProperty(StrEnum):
    """Properties of the custom resource that registers a plugin."""

    ACTIVITY = "Activity"
    STAGE = "Stage"
    NAME = "Name"
    SUBSCRIPTION_ARN = "SubscriptionArn"
    TOPIC_ARN = "TopicArn"
    ENDPOINT = "Endpoint"
    PROTOCOL = "Protocol"
    KIND = "Kind"
    MANDATORY = "Mandatory"
    ORDER = "Order"
    ALWAYS_RUN = "AlwaysRun"
    TIMEOUT_SECONDS = "TimeoutSeconds"
    START_WITHIN_SECONDS = "StartWithinSeconds"
    REPORTS_START = "ReportsStart"
    DESCRIPTION = "Description"
    FILTER_POLICY = "FilterPolicy"
    FILTER_POLICY_SCOPE = "FilterPolicyScope"
    SENDER_ROLE_IDS = "SenderRoleIds"
    """Ids of the roles that may report for the plugin, joined by commas."""
    OWNER = "Owner"


REGISTRATION_RESOURCE_TYPE: Final = "Custom::OrchestratorPlugin"
STAGES_RESOURCE_TYPE: Final = "Custom::OrchestratorStages"
"""The custom resource by which a stack asks whether it may lose a stage."""
STAGES_PROPERTY: Final = "Stages"
"""Its one property: ``{activity}/{stage}`` of each stage of the stack."""
