"""Queues as this library defines them: encrypted, and closed to anything but TLS."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sqs as sqs
from constructs import Construct

LONGEST_RETENTION: Final = Duration.days(14)


def dead_letter_queue(scope: Construct, id: str, removal_policy: RemovalPolicy) -> sqs.Queue:  # noqa: A002
    """Define a queue for what could not be handled; it keeps it as long as SQS can."""
    return sqs.Queue(
        scope,
        id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=LONGEST_RETENTION,
        removal_policy=removal_policy,
    )
