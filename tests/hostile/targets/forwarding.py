"""The function that feeds a FIFO queue: SNS brings what anybody published to the topic."""

from __future__ import annotations

from random import Random
from typing import Any

from orchestrator_runtime.plugin_queue.forward_to_fifo import fifo_messages
from tests.hostile.documents import plugin_message, sns_event
from tests.hostile.feeding import BrokenPromiseError
from tests.hostile.mutations import hostile_envelope, hostile_text
from tests.hostile.values import encode

_MOST_GROUP = 128


class ForwardToFifo:
    name = "forward_to_fifo"
    permanent = (ValueError,)

    def make(self, random: Random) -> Any:
        if random.random() < 0.3:
            event = hostile_envelope(random, sns_event, encode(plugin_message()))
        else:
            event = sns_event(hostile_text(random, plugin_message()))
        return None if event is None else (event, random.choice((None, "line", "premium", "holder", "", "__class__")))

    def feed(self, event: Any) -> bool:
        messages = [*fifo_messages(event[0], "Score", event[1] or None)]
        for message in messages:
            if not (0 < len(message.group) <= _MOST_GROUP and message.group.isascii() and message.group.isprintable()):
                raise BrokenPromiseError("a message group that SQS does not take")
        return bool(messages)

    def tables(self) -> object:
        return None
