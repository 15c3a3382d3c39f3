"""An alert: one message on the alert topic, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_MOST_IN_A_SUBJECT: Final = 99
"""Characters. SNS accepts fewer than 100, in ASCII."""
_CUT: Final = "..."


class AlertKind(StrEnum):
    """The kinds of alerts; also the message attribute ``kind``, by which subscribers can filter."""

    OVERDUE = "overdue"
    """A run takes longer than its workflow expects."""
    OVERDUE_ENDED = "overdue-ended"
    """A run that was announced as overdue has ended, or is no longer overdue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert about a run.

    Attributes:
        kind: The kind.
        workflow: The run's workflow.
        id: The same each time the alert is repeated: a subscriber can drop the repetition.
        subject: The subject of the mail, as SNS accepts it.
        text: The text of the mail.
        document: What every other subscriber receives, as JSON. It contains the id.
    """

    kind: AlertKind
    workflow: str
    id: str
    subject: str
    text: str
    document: Mapping[str, Any]


def subject_of(text: str) -> str:
    """Makes a subject that SNS accepts: printable ASCII, and not too long. It refuses to publish any other."""
    line = "".join(character if character.isascii() and character.isprintable() else "?" for character in text)
    return line if len(line) <= _MOST_IN_A_SUBJECT else line[: _MOST_IN_A_SUBJECT - len(_CUT)] + _CUT
