"""The ports of the functions that keep the registry, made from their environment."""

from __future__ import annotations

import os
from time import sleep
from typing import Final

from botocore.config import Config

from orchestrator_runtime.aws.cloudformation import CloudFormationStacks
from orchestrator_runtime.aws.functions import LambdaFunctions
from orchestrator_runtime.aws.stage_topics import SsmStages
from orchestrator_runtime.aws.subscriptions import SnsSubscriptions
from orchestrator_runtime.aws.topics import SnsTopics
from orchestrator_runtime.contract import MAX_PLUGINS_PER_STAGE, Env
from orchestrator_runtime.handlers.environment import SLOWS_DOWN, client, registry, variable
from orchestrator_runtime.protocol.reconcile import ReconcilePorts
from orchestrator_runtime.protocol.register_plugin import RegisterPorts
from orchestrator_runtime.protocol.register_stages import StagesPorts
from orchestrator_runtime.stores.items import utc_now
from orchestrator_runtime.subscription_ports import RepairLog

_CALLS_ONCE: Final = Config(read_timeout=15, connect_timeout=5, retries={"total_max_attempts": 1})
"""A function has 15 seconds to say what it is, and is asked once."""
_GIVES_UP: Final = Config(read_timeout=5, connect_timeout=5, retries={"total_max_attempts": 2})
"""A network may lead nowhere, and CloudFormation has to be answered in time."""


def register_ports() -> RegisterPorts:
    """What ``register_plugin`` needs of the world."""
    return RegisterPorts(
        registry=registry(),
        topics=SnsTopics(client("sns"), variable(Env.TOPIC_ARN_PREFIX)),
        subscriptions=SnsSubscriptions(client("sns")),
        plugins_per_stage=_plugins_per_stage(),
        clock=utc_now,
        pause=lambda: sleep(1),
    )


def stages_ports() -> StagesPorts:
    """What ``register_stages`` needs of the world."""
    return StagesPorts(
        registry=registry(), stacks=CloudFormationStacks(client("cloudformation", _GIVES_UP)), clock=utc_now
    )


def reconcile_ports(log: RepairLog) -> ReconcilePorts:
    """What ``reconcile`` needs of the world."""
    return ReconcilePorts(
        registry=registry(),
        stages=SsmStages(client("ssm"), variable(Env.ACTIVITIES_PATH)),
        subscriptions=SnsSubscriptions(client("sns", SLOWS_DOWN)),
        functions=LambdaFunctions(client("lambda", SLOWS_DOWN), client("lambda", _CALLS_ONCE)),
        log=log,
        topic_arn_prefix=variable(Env.TOPIC_ARN_PREFIX),
        plugins_per_stage=_plugins_per_stage(),
        clock=utc_now,
    )


def _plugins_per_stage() -> int:
    return int(os.environ.get(Env.PLUGINS_PER_STAGE) or MAX_PLUGINS_PER_STAGE)
