"""Feeds a plugin's FIFO queue, which a standard topic cannot do itself.

The stage's topic calls this function. Messages of one group are handled in the order
in which they arrive here; a message that is delivered twice within five minutes
reaches the queue once. What fails is raised: Lambda repeats it twice, and then tells
the function's destination.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3

from orchestrator_runtime.contract import Env
from orchestrator_runtime.plugin_queue.message_document import (
    MessageDocument,
    NotAMessageError,
    asks_to_initialize,
    sns_texts,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)

# What SQS takes: letters, digits and the punctuation of ASCII, which are all its visible characters.
_GROUP: Final = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class FifoMessage:
    """One message for the FIFO queue.

    Attributes:
        body: The message of the stage, as it came.
        group: What orders it: messages of one group do not overtake each other.
        deduplication_id: The same for every delivery of the same call.
    """

    body: str
    group: str
    deduplication_id: str


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any] | None:  # noqa: ARG001 - Lambda's signature
    """Hand on what a topic delivered.

    Args:
        event: An event of SNS.
        context: Lambda's.

    Returns:
        Nothing; or what the plugin is, if the event asks for it: this function is what a plain
        subscription shows to registration.

    Raises:
        NotAMessageError: The event is not of a stage's topic.
    """
    plugin = os.environ[Env.PLUGIN_NAME]
    key = os.environ.get(Env.FIFO_KEY) or None
    if asks_to_initialize(event):
        return {"pluginName": plugin, "fifoKey": key} if key else {"pluginName": plugin}
    for message in fifo_messages(event, plugin, key):
        _client().send_message(
            QueueUrl=os.environ[Env.FIFO_QUEUE_URL],
            MessageBody=message.body,
            MessageGroupId=message.group,
            MessageDeduplicationId=message.deduplication_id,
        )
        logger.info("handed on with the deduplication id %s", message.deduplication_id)
    return None


def fifo_messages(event: Mapping[str, Any], plugin: str, key: str | None) -> Iterator[FifoMessage]:
    """Make the messages for the queue.

    Args:
        event: An event of SNS.
        plugin: The plugin whose queue it is; what does not release it is left out.
        key: The metadata key that orders; ``None``: the run's uid.

    Raises:
        NotAMessageError: The event is not of a stage's topic.
    """
    texts = sns_texts(event)
    if not texts:
        raise NotAMessageError("the event has no Records with Sns.Message: subscribe this function to a stage's topic")
    for text in texts:
        try:
            message = MessageDocument.read(text)
        except NotAMessageError as problem:
            raise NotAMessageError(f"the SNS message is none of a stage: {problem}") from None
        if plugin in message.plugins:
            yield FifoMessage(text, group_id(message, key), deduplication_id(message, plugin))
        else:
            logger.info("ignored: the message does not release %s", plugin)


def group_id(message: MessageDocument, key: str | None) -> str:
    """The message group: the value of a metadata key, or the run's uid where it has none.

    What SQS does not take as a group is replaced by its hash.
    """
    value = None if key is None else message.metadata.get(key)
    if value is None or value == "" or isinstance(value, list | dict):
        value = message.keys["uid"]
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _GROUP.fullmatch(text) else _hash(text)


def deduplication_id(message: MessageDocument, plugin: str) -> str:
    """The same for every delivery of the same call, and for no other call."""
    names = ("workflow", "uid", "activity", "stage", "attempt")
    return _hash(json.dumps([*(message.keys[name] for name in names), plugin]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


@cache
def _client() -> SQSClient:
    return boto3.client("sqs")
