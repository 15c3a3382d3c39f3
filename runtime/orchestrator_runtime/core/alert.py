"""What is published on the alerts' topic: one message, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_MOST_IN_A_SUBJECT: Final = 99
"""Characters: SNS takes fewer than a hundred, of ASCII."""
_CUT: Final = "..."


class AlertKind(StrEnum):
    """What an alert says; the message attribute ``kind``, by which subscribers of the alerts' topic can filter."""

    OVERDUE = "overdue"
    """A run takes longer than its workflow expects."""
    OVERDUE_ENDED = "overdue-ended"
    """A run of which that was said has ended, or is not overdue any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert.

    Attributes:
        kind: What it says.
        workflow: Of which workflow's run.
        id: The same whenever the same is said: a receiver that has it can drop the message.
        subject: One line, as SNS takes it.
        text: For people: what mail shows.
        document: For machines: what every other subscriber gets, as JSON. It holds the id, too.
    """

    kind: AlertKind
    workflow: str
    id: str
    subject: str
    text: str
    document: Mapping[str, Any]


def subject_of(text: str) -> str:
    """Make a line a subject that SNS takes: ASCII, and not too long."""
    line = "".join(character if character.isascii() else "?" for character in text)
    return line if len(line) <= _MOST_IN_A_SUBJECT else line[: _MOST_IN_A_SUBJECT - len(_CUT)] + _CUT
