"""The ports of ``watch_runs``, made from the function's environment."""

from __future__ import annotations

from typing import Final

from botocore.config import Config

from orchestrator_runtime.aws.alerts import SnsAlerts
from orchestrator_runtime.aws.watch_journal import LoggedWatch
from orchestrator_runtime.aws.workflows import SsmWorkflows
from orchestrator_runtime.contract import Env
from orchestrator_runtime.deployment import Deployment
from orchestrator_runtime.handlers.environment import client, logger, registry, status_store, variable
from orchestrator_runtime.protocol.watch_runs import WatchPorts
from orchestrator_runtime.stores.active_runs import DynamoActiveRuns
from orchestrator_runtime.stores.announcements import DynamoAnnouncements
from orchestrator_runtime.stores.items import utc_now

_SNS_CONFIG: Final = Config(read_timeout=5, connect_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
"""An invocation has a minute for a hundred alerts. The next one publishes the rest."""


def watch_ports() -> WatchPorts:
    """Makes the ports."""
    return WatchPorts(
        active=DynamoActiveRuns(client("dynamodb"), variable(Env.STATUS_TABLE)),
        runs=status_store(),
        registry=registry(),
        workflows=SsmWorkflows(client("ssm"), variable(Env.WORKFLOWS_PATH)),
        announcements=DynamoAnnouncements(client("dynamodb"), variable(Env.CONTROL_TABLE)),
        alerts=SnsAlerts(client("sns", _SNS_CONFIG), variable(Env.ALERTS_TOPIC_ARN)),
        journal=LoggedWatch(logger),
        deployment=Deployment(variable(Env.SYSTEM), variable(Env.STAGE)),
        clock=utc_now,
    )
