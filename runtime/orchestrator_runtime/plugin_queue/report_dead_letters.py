"""Reports what died in a plugin's queue, so that the run learns of it before the plugin's deadline.

The dead-letter queue calls this function. A message that is reported has done its
work: it leaves the queue. If the plugin itself had reported an end before, the core
keeps that one. A message that cannot be read belongs to no run that could be told:
it stays in the queue, to be looked at, and comes again after each visibility timeout
until the queue's retention ends. Deleted, it would leave no trace of who writes to the
queue, or of a contract that has moved on; the run it may belong to ends by its deadline.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3

from orchestrator_runtime.contract import Env, State, results_group
from orchestrator_runtime.plugin_queue.message_document import MessageDocument, NotAMessageError, out_of_envelope

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

Send = Callable[[str, str], object]
"""Sends a text to the queue of a URL."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Report a batch of dead messages.

    Args:
        event: A batch of SQS messages, each body the message to a plugin, raw or in SNS's envelope.
        context: Lambda's.

    Returns:
        ``{"batchItemFailures": […]}``: the messages that stay in the queue.
    """
    plugin = os.environ[Env.PLUGIN_NAME]
    send = partial(_send, group=results_group(plugin))
    return report_dead_letters(event, plugin, os.environ.get(Env.MAX_RECEIVES), send)


def report_dead_letters(event: Mapping[str, Any], plugin: str, max_receives: str | None, send: Send) -> dict[str, Any]:
    """Report each dead message for a plugin.

    Args:
        event: A batch of SQS messages.
        plugin: The plugin whose queue they died in.
        max_receives: How often each was received before it died, if that is known.
        send: Sends a report to the results queue.

    Returns:
        ``{"batchItemFailures": […]}``: those that cannot be read, and those whose report could not be sent.
    """
    kept: list[str] = []
    for record in event["Records"]:
        message_id: str = record["messageId"]
        queue = record.get("eventSourceARN", "").rsplit(":", 1)[-1]
        try:
            message = MessageDocument.read(out_of_envelope(record["body"]))
            if plugin in message.plugins:
                send(message.report_to, json.dumps(dead_letter_report(message, plugin, queue, max_receives)))
                logger.info("reported message %s of %s", message_id, queue)
            else:
                logger.info("ignored message %s of %s: it does not release %s", message_id, queue, plugin)
        except NotAMessageError as problem:
            logger.error("kept message %s in %s, it is none of a stage: %s", message_id, queue, problem)
            kept.append(message_id)
        except Exception:
            logger.exception("message %s of %s could not be reported", message_id, queue)
            kept.append(message_id)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in kept]}


def dead_letter_report(message: MessageDocument, plugin: str, queue: str, max_receives: str | None) -> dict[str, Any]:
    """The report for a message that died."""
    receives = f" in {max_receives} {'receive' if max_receives == '1' else 'receives'}" if max_receives else ""
    return {
        **message.keys,
        "plugin": plugin,
        "state": State.ERROR.value,
        "message": f"not handled{receives}: the message is dead in queue {queue}; dispatched at {message.now}",
    }


@cache
def _client() -> SQSClient:
    return boto3.client("sqs")


def _send(queue_url: str, text: str, group: str) -> None:
    _client().send_message(QueueUrl=queue_url, MessageBody=text, MessageGroupId=group)
