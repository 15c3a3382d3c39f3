"""One log line for each repair."""

from __future__ import annotations

from dataclasses import asdict

from aws_lambda_powertools import Logger

from orchestrator_runtime.core.findings import Repair


class LoggedRepairs:
    """Implements ``subscription_ports.RepairLog`` with Powertools."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def repaired(self, repair: Repair) -> None:
        """See ``subscription_ports.RepairLog``."""
        self._logger.info("registration repaired", extra=asdict(repair))

    def failed(self, error: Exception, **about: str) -> None:
        """See ``subscription_ports.RepairLog``."""
        self._logger.error("subscription not reconciled", exc_info=error, extra={**about})
