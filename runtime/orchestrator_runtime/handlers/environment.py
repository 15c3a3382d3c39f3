"""What the constructs set in a function's environment, and the ports made from it.

Clients are created here and nowhere else, once for each execution environment. The ports of
the functions that register plugins have a module of their own, so that runs do not load them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.aws.step_functions import StepFunctionsExecutions, StepFunctionsSignals
from orchestrator_runtime.aws.topics import SnsPublisher
from orchestrator_runtime.aws.xray import tracer_of
from orchestrator_runtime.contract import OFF, Env
from orchestrator_runtime.json_text import log_line
from orchestrator_runtime.protocol.begin_run import BeginPorts
from orchestrator_runtime.protocol.cancel_run import CancelPorts
from orchestrator_runtime.protocol.check_deadlines import CheckPorts
from orchestrator_runtime.protocol.closing import ActivityPorts, EndPorts
from orchestrator_runtime.protocol.sweep_runs import SweepPorts
from orchestrator_runtime.stores.active_runs import DynamoActiveRuns
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.due_activities import DynamoDueActivities
from orchestrator_runtime.stores.items import utc_now
from orchestrator_runtime.stores.registry import DynamoRegistry
from orchestrator_runtime.stores.status import DynamoStatusStore
from orchestrator_runtime.trace_ports import Tracer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger: Final = Logger(location=None, json_serializer=log_line)

RETRIES: Final = Config(retries={"mode": "standard", "max_attempts": 6})
SLOWS_DOWN: Final = Config(retries={"mode": "adaptive", "max_attempts": 10})
"""For many calls in a row, of which AWS answers some tens in a second: a client that is throttled keeps to what it
got."""


class MissingEnvironmentError(Exception):
    """A function was deployed without a variable that it needs."""


def variable(name: Env) -> str:
    """Read a variable of the environment.

    Raises:
        MissingEnvironmentError: It is not set.
    """
    value = os.environ.get(name)
    if not value:
        raise MissingEnvironmentError(f"the variable {name} is not set: deploy OrchestratorCore, which sets it")
    return value


@cache
def client(service: str, config: Config = RETRIES) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
    """A client of AWS, the same one each time.

    Args:
        service: The service, as boto3 names it.
        config: How it is called; a constant of a module. Default: errors that pass are tried again.
    """
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def _dynamodb() -> DynamoDBClient:
    dynamodb: DynamoDBClient = client("dynamodb")
    return dynamodb


def status_store() -> DynamoStatusStore:
    """The status table."""
    return DynamoStatusStore(_dynamodb(), variable(Env.STATUS_TABLE))


def control_store() -> DynamoControlStore:
    """The control table."""
    return DynamoControlStore(_dynamodb(), variable(Env.CONTROL_TABLE))


def registry() -> DynamoRegistry:
    """The registry."""
    return DynamoRegistry(_dynamodb(), variable(Env.REGISTRY_TABLE))


@cache
def journal() -> LoggedJournal:
    """Where it is written what happened."""
    return LoggedJournal(logger, measure_plugins=os.environ.get(Env.PLUGIN_METRICS) != OFF)


def tracer() -> Tracer:
    """What the work of this function is traced by."""
    return tracer_of(os.environ)


def begin_ports() -> BeginPorts:
    """What ``begin_run`` needs of the world."""
    return BeginPorts(
        status=status_store(),
        journal=journal(),
        executions=StepFunctionsExecutions(client("stepfunctions")),
        retention=timedelta(days=int(variable(Env.RETENTION_DAYS))),
        clock=utc_now,
    )


def activity_ports() -> ActivityPorts:
    """What the work on an activity needs of the world."""
    return ActivityPorts(
        status=status_store(),
        control=control_store(),
        registry=registry(),
        publisher=SnsPublisher(client("sns"), variable(Env.TOPIC_ARN_PREFIX)),
        signals=StepFunctionsSignals(client("stepfunctions")),
        journal=journal(),
        report_to=variable(Env.RESULTS_QUEUE_URL),
        clock=utc_now,
    )


def end_ports() -> EndPorts:
    """What ``end_run`` needs of the world."""
    return EndPorts(
        status=status_store(),
        control=control_store(),
        signals=StepFunctionsSignals(client("stepfunctions")),
        journal=journal(),
        clock=utc_now,
    )


def check_ports(has_time: Callable[[], bool]) -> CheckPorts:
    """What ``check_deadlines`` needs of the world."""
    return CheckPorts(
        activity=activity_ports(),
        due=DynamoDueActivities(_dynamodb(), variable(Env.CONTROL_TABLE)),
        has_time=has_time,
    )


def cancel_ports() -> CancelPorts:
    """What ``cancel_run`` needs of the world."""
    return CancelPorts(end=end_ports(), executions=StepFunctionsExecutions(client("stepfunctions")))


def sweep_ports() -> SweepPorts:
    """What ``sweep_runs`` needs of the world."""
    return SweepPorts(
        end=end_ports(),
        active=DynamoActiveRuns(_dynamodb(), variable(Env.STATUS_TABLE)),
        executions=StepFunctionsExecutions(client("stepfunctions", SLOWS_DOWN)),
        workflow_arn_prefix=variable(Env.WORKFLOW_ARN_PREFIX),
    )
