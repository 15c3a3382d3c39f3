"""Where the core keeps things: three tables and the queue that plugins report to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.encryption import encrypt_table, queue_encryption
from orchestrator_constructs.queues import LONGEST_RETENTION
from orchestrator_runtime.contract import ACTIVE_RUNS, DUE_ACTIVITIES, REGISTRY_BY_FUNCTION, TableAttribute
from orchestrator_runtime.deployment import Deployment

FUNCTION_TIMEOUT: Final = Duration.seconds(30)
"""Of most functions of the core. The queue's visibility timeout is six times as long, as AWS advises."""
_VISIBILITY: Final = Duration.seconds(180)
_RECEIVES: Final = 50
"""Throttled batches count, too. A message that is not a report is deleted at once."""


@dataclass(frozen=True)
class CoreStores:
    """The tables and the queue of a core.

    Attributes:
        status: Runs, stages and plugins, for people and tools to read; streamed.
        control: Task tokens, pending plugins, dispatches and due times, for the core alone.
        registry: The plugins that are registered to each stage, and its settings.
        results: The reports of plugins.
    """

    status: dynamodb.TableV2
    control: dynamodb.TableV2
    registry: dynamodb.TableV2
    results: sqs.Queue


def define_stores(
    scope: Construct,
    *,
    deployment: Deployment,
    removal_policy: RemovalPolicy,
    dead_results: sqs.IQueue,
    key: kms.IKey | None,
) -> CoreStores:
    """Define the tables and the queue of a core as children of ``scope``; their ids are API."""
    return CoreStores(
        status=_table(
            scope,
            "Status",
            TableAttribute.UID,
            TableAttribute.PATH,
            removal_policy,
            key=key,
            expires=True,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=ACTIVE_RUNS,
                    partition_key=_string(TableAttribute.ACTIVE),
                    sort_key=_string(TableAttribute.ACTIVE_SINCE),
                    # Metadata would make each of the index's writes as large as the run's row.
                    projection_type=dynamodb.ProjectionType.INCLUDE,
                    non_key_attributes=["workflow", "attempt", "execution"],
                )
            ],
        ),
        control=_table(
            scope,
            "Control",
            TableAttribute.UID,
            TableAttribute.PATH,
            removal_policy,
            key=key,
            expires=True,
            indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=DUE_ACTIVITIES,
                    partition_key=_string(TableAttribute.DUE_SHARD),
                    sort_key=_string(TableAttribute.DUE_AT),
                    projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                )
            ],
        ),
        registry=_table(
            scope,
            "Registry",
            TableAttribute.ACTIVITY,
            TableAttribute.REGISTRATION,
            removal_policy,
            key=key,
            indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=REGISTRY_BY_FUNCTION, partition_key=_string(TableAttribute.FUNCTION)
                )
            ],
        ),
        results=sqs.Queue(
            scope,
            "Results",
            queue_name=deployment.results_queue,
            **queue_encryption(key),
            enforce_ssl=True,
            visibility_timeout=_VISIBILITY,
            retention_period=LONGEST_RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_results, max_receive_count=_RECEIVES),
        ),
    )


def _table(
    scope: Construct,
    id: str,  # noqa: A002
    partition_key: TableAttribute,
    sort_key: TableAttribute,
    removal_policy: RemovalPolicy,
    *,
    key: kms.IKey | None,
    expires: bool = False,
    stream: dynamodb.StreamViewType | None = None,
    indexes: list[dynamodb.GlobalSecondaryIndexPropsV2] | None = None,
) -> dynamodb.TableV2:
    table = dynamodb.TableV2(
        scope,
        id,
        partition_key=_string(partition_key),
        sort_key=_string(sort_key),
        billing=dynamodb.Billing.on_demand(),
        encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute=TableAttribute.EXPIRES_AT.value if expires else None,
        dynamo_stream=stream,
        global_secondary_indexes=indexes,
        removal_policy=removal_policy,
    )
    encrypt_table(table, key)
    return table


def _string(name: TableAttribute) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name.value, type=dynamodb.AttributeType.STRING)
