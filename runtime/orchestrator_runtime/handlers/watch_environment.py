"""The ports of the function that watches runs, made from its environment."""

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

_GIVES_UP: Final = Config(read_timeout=5, connect_timeout=5, retries={"mode": "standard", "max_attempts": 2})
"""A pass has a minute for a hundred alerts; what was not published in time, the next one publishes."""


def watch_ports() -> WatchPorts:
    """What ``watch_runs`` needs of the world."""
    return WatchPorts(
        active=DynamoActiveRuns(client("dynamodb"), variable(Env.STATUS_TABLE)),
        runs=status_store(),
        registry=registry(),
        workflows=SsmWorkflows(client("ssm"), variable(Env.WORKFLOWS_PATH)),
        announcements=DynamoAnnouncements(client("dynamodb"), variable(Env.CONTROL_TABLE)),
        alerts=SnsAlerts(client("sns", _GIVES_UP), variable(Env.ALERTS_TOPIC_ARN)),
        journal=LoggedWatch(logger),
        deployment=Deployment(variable(Env.SYSTEM), variable(Env.STAGE)),
        clock=utc_now,
    )
