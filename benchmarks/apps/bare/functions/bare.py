"""One hop as bare as it can be: a topic's function sends on, and a queue's function answers the token."""

from __future__ import annotations

import os
from typing import Any

import boto3

_sqs = boto3.client("sqs")
_sfn = boto3.client("stepfunctions")


def relay(event: dict[str, Any], context: object) -> None:  # noqa: ARG001
    """Send what the topic brought to the queue."""
    for record in event["Records"]:
        _sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=record["Sns"]["Message"])


def answer(event: dict[str, Any], context: object) -> None:  # noqa: ARG001
    """Answer the token that each message is; a message of the fan-out is none."""
    for record in event["Records"]:
        if record["body"] != "fan-out":
            _sfn.send_task_success(taskToken=record["body"], output="{}")
