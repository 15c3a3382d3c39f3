"""The custom resources by which stacks register plugins and stages: their types and properties.

Synth time writes them, ``register_plugin`` and ``register_stages`` read them. Only the standard library is imported, as
in ``contract``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RegistrationProperty(StrEnum):
    """Properties of the custom resource that registers a plugin.

    Owner and endpoint are no properties: the owner is the stack that CloudFormation names, and the endpoint is read
    from SNS.
    """

    ACTIVITY = "Activity"
    STAGE = "Stage"
    NAME = "Name"
    SUBSCRIPTION_ARN = "SubscriptionArn"
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


REGISTRATION_RESOURCE_TYPE: Final = "Custom::OrchestratorPlugin"
STAGES_RESOURCE_TYPE: Final = "Custom::OrchestratorStages"
"""The custom resource by which a stack publishes the settings of its stages, and asks whether it may lose one."""
STAGES_PROPERTY: Final = "Stages"
"""Its one property: an object for each stage of the stack."""


class StageProperty(StrEnum):
    """Properties of one stage in that list."""

    STAGE = "Stage"
    """``{activity}/{stage}``."""
    TIMEOUT_SECONDS = "TimeoutSeconds"
    START_WITHIN_SECONDS = "StartWithinSeconds"
    FAIL_ON_OPTIONAL_ERROR = "FailOnOptionalError"
    MAX_OUTPUT_BYTES = "MaxOutputBytes"
