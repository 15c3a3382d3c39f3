"""How an app gets hold of a core that another app deploys."""

from __future__ import annotations

from constructs import Construct

from orchestrator_constructs.core.imported import ImportedCore
from orchestrator_constructs.core.named import NamedCore
from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_constructs.validation import checked_deployment


class FoundElsewhere:
    """Finds a core by its SSM parameters, or names its resources by convention."""

    @classmethod
    def from_system(
        cls,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        system: str,
        stage: str,
    ) -> IOrchestratorCore:
        """Find a core that another app deploys to the same account and region, by what it publishes in SSM.

        A deployment that uses it fails at its start if there is no such core.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            system: The system's name, as the core was given it.
            stage: The deployment's stage, as the core was given it.

        Raises:
            ValueError: A name is not allowed.
        """
        return ImportedCore(scope, id, deployment=checked_deployment(system, stage))

    @classmethod
    def from_attributes(
        cls,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        system: str,
        stage: str,
        account: str,
        region: str | None = None,
        status_table_arn: str | None = None,
        encryption_key_arn: str | None = None,
    ) -> IOrchestratorCore:
        """Name a core in another account, whose SSM parameters are out of reach.

        ARNs of its resources are built by convention; nothing is looked up, so a mistake shows at run time. The core
        has to be open to this account: see ``plugin_accounts``.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            system: The system's name, as the core was given it.
            stage: The deployment's stage, as the core was given it.
            account: The core's account, 12 digits.
            region: The core's region. Default: that of the stack.
            status_table_arn: The core's status table, the one thing without a conventional name, if the status
                is to be read. Default: it is not.
            encryption_key_arn: The core's ``encryption_key``, if it has one: roles that report get
                ``kms:GenerateDataKey`` and ``kms:Decrypt`` on it. Default: the core has no key of its own.

        Raises:
            ValueError: A name or the account is not allowed.
        """
        return NamedCore(
            scope,
            id,
            deployment=checked_deployment(system, stage),
            account=account,
            region=region,
            status_table_arn=status_table_arn,
            encryption_key_arn=encryption_key_arn,
        )
