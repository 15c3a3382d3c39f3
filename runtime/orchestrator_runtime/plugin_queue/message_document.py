"""What calls a plugin, as a queue or a topic brings it, read with the standard library alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_runtime.contract import INITIALIZE

_TEXTS: Final = ("uid", "workflow", "activity", "stage", "now", "report_to")


class NotAMessageError(ValueError):
    """The text is not the message of a stage to its plugins."""


@dataclass(frozen=True, slots=True)
class MessageDocument:
    """The message, as far as it is needed around a queue; :class:`orchestrator_runtime.PluginMessage` is all of it.

    Attributes:
        keys: ``uid``, ``workflow``, ``activity``, ``stage`` and ``attempt``: what a report gives back.
        plugins: The names that it releases.
        now: When it was published, UTC.
        metadata: The run's data.
        report_to: URL of the results queue.
    """

    keys: Mapping[str, Any]
    plugins: frozenset[str]
    now: str
    metadata: Mapping[str, Any]
    report_to: str

    @classmethod
    def read(cls, text: str) -> MessageDocument:
        """Read the JSON text.

        Raises:
            NotAMessageError: It is something else. The sentence quotes no value.
        """
        try:
            document = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise NotAMessageError("it is no JSON object")
        for key in _TEXTS:
            if not isinstance(document.get(key), str):
                raise NotAMessageError(f"{key} must be a string")
        attempt = document.get("attempt")
        if not isinstance(attempt, int) or isinstance(attempt, bool):
            raise NotAMessageError("attempt must be a whole number")
        plugins = document.get("plugins")
        if not isinstance(plugins, list) or not all(isinstance(name, str) for name in plugins):
            raise NotAMessageError("plugins must be a list of names")
        metadata = document.get("metadata")
        if not isinstance(metadata, dict):
            raise NotAMessageError("metadata must be an object")
        keys = {key: document[key] for key in ("uid", "workflow", "activity", "stage", "attempt")}
        return cls(
            keys=keys,
            plugins=frozenset(plugins),
            now=document["now"],
            metadata=metadata,
            report_to=document["report_to"],
        )


def sns_texts(event: object) -> list[Any]:
    """The messages of an event of SNS, which are texts if SNS sent it; none if it is of something else."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    try:
        return [record["Sns"]["Message"] for record in records or ()]
    except (KeyError, TypeError):
        return []


def asks_to_initialize(event: object) -> bool:
    """Whether an event of SNS asks the plugin what it is, instead of calling it."""
    texts = sns_texts(event)
    try:
        question = json.loads(texts[0]) if len(texts) == 1 else None
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(question, dict) and question.get(INITIALIZE) is True


def out_of_envelope(body: str) -> str:
    """Take the message out of SNS's notification, where the subscription does not deliver it raw."""
    try:
        envelope = json.loads(body)
    except (TypeError, ValueError, RecursionError):
        return body
    if not isinstance(envelope, dict) or envelope.get("Type") != "Notification":
        return body
    message = envelope.get("Message")
    return message if isinstance(message, str) else body
