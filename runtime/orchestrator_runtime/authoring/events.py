"""What calls a plugin's function: SNS, or a queue between it and SNS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from orchestrator_runtime.models import PluginMessage, problems_of
from orchestrator_runtime.plugin_queue.message_document import out_of_envelope, sns_texts

_COUNT: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """One record of an SQS event.

    Attributes:
        id: SQS's id of the message.
        text: The message of a stage, without SNS's envelope.
        receives: How often it was received, this time included.
        group: What may not overtake it: its message group in a FIFO queue; ``None`` in a standard queue.
        trace_header: The trace that it was sent in, if there is one.
    """

    id: str
    text: str
    receives: int
    group: str | None
    trace_header: str | None


def queued_messages(event: object) -> list[QueuedMessage]:
    """The records of an event of SQS; none if it is of something else.

    Raises:
        ValueError: A record is not as SQS makes them.
    """
    return [_queued(record) for record in _records(event) if record.get("eventSource") == "aws:sqs"]


def sns_messages(event: object) -> list[PluginMessage]:
    """The messages of an event of SNS.

    Raises:
        ValueError: It is no event of SNS, or one of its messages is not of a stage.
    """
    texts = sns_texts(event)
    if not texts:
        raise ValueError(
            "the event has no Records with Sns.Message, and none of a queue: a plugin's function is called by SNS, "
            "through a subscription to the topic of a stage, or by a queue that is subscribed to it"
        )
    return [read_message(text, "SNS message") for text in texts]


def read_message(text: str, what: str) -> PluginMessage:
    """Read a message of a stage.

    Args:
        text: Its JSON.
        what: What it is, as it shall stand in the sentence.

    Raises:
        ValueError: It is something else.
    """
    try:
        return PluginMessage.model_validate_json(text)
    except ValidationError as error:
        # Not chained, and told without the values: the message is payload, which stays out of logs.
        problems = "; ".join(problems_of(error))
        raise ValueError(f"the {what} is not one that a stage sends to its plugins: {problems}") from None


def _records(event: object) -> list[Mapping[str, Any]]:
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
        return []
    return records


def _queued(record: Mapping[str, Any]) -> QueuedMessage:
    message_id, body, attributes = record.get("messageId"), record.get("body"), record.get("attributes")
    if not isinstance(message_id, str) or not isinstance(body, str):
        raise ValueError(
            "a record of the queue has no messageId or no body: a plugin's function is called by Lambda's poller"
        )
    given: Mapping[str, Any] = attributes if isinstance(attributes, Mapping) else {}
    trace_header = given.get("AWSTraceHeader")
    receives, group = str(given.get("ApproximateReceiveCount")), given.get("MessageGroupId")
    # Standard queues may have groups as well, for fairness: there they order nothing.
    ordered = str(record.get("eventSourceARN", "")).endswith(".fifo")
    return QueuedMessage(
        id=message_id,
        text=out_of_envelope(body),
        receives=int(receives) if _COUNT.fullmatch(receives) else 1,
        group=group if ordered and isinstance(group, str) else None,
        trace_header=trace_header if isinstance(trace_header, str) else None,
    )
