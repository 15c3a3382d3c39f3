"""Queues as this library defines them: encrypted, and closed to anything but TLS."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge
from orchestrator_constructs.encryption import queue_encryption

LONGEST_RETENTION: Final = Duration.days(14)
LAMBDA_CONSUMES: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""The permissions that an event source mapping needs on a queue, in the name of a function's role."""
CONSUME: Final = (*LAMBDA_CONSUMES, "sqs:ChangeMessageVisibility")
"""What a consumer of another kind needs: it alone decides how long a message is hidden while it is at work."""


def dead_letter_queue(
    scope: Construct,
    id: str,  # noqa: A002
    removal_policy: RemovalPolicy,
    *,
    fifo: bool = False,
    visibility_timeout: Duration | None = None,
    key: kms.IKey | None,
) -> sqs.Queue:
    """Define a queue for what could not be handled; it keeps it as long as SQS can."""
    queue = sqs.Queue(
        scope,
        id,
        **queue_encryption(key),
        enforce_ssl=True,
        fifo=fifo or None,
        visibility_timeout=visibility_timeout,
        retention_period=LONGEST_RETENTION,
        removal_policy=removal_policy,
    )
    acknowledge(queue, "Serverless-SQSRedrivePolicy", "It is a dead letter queue.")
    return queue


def undelivered_queue(
    scope: Construct,
    id: str,  # noqa: A002
    topic_arn: str,
    *,
    visibility_timeout: Duration | None = None,
    key: kms.IKey | None,
) -> sqs.Queue:
    """Define a queue for what a topic could not deliver to one of its subscriptions."""
    queue = dead_letter_queue(scope, id, RemovalPolicy.DESTROY, visibility_timeout=visibility_timeout, key=key)
    let_topic_send(queue, topic_arn)
    acknowledge(queue, "AwsSolutions-SQS3", "It is the dead-letter queue of the plugin's subscription.")
    return queue


def let_topic_send(queue: sqs.Queue, topic_arn: str) -> None:
    """Let one topic, of whatever account, send to the queue."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("sns.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": topic_arn}},
        )
    )
