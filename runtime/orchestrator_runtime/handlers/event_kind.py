"""What a function that works on a schedule is called with: EventBridge's events, or a person's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SCHEDULE: Final = "Scheduled Event"


def kind_of(event: Mapping[str, Any], otherwise: str) -> object:
    """The kind of an event; one without a kind is a person's, and counts as the schedule's.

    Args:
        event: The event.
        otherwise: What ``{}`` makes the function do, for whoever sent something else.

    Raises:
        ValueError: It is no object.
    """
    if not isinstance(event, Mapping):
        raise ValueError(f"the event must be an object, got {type(event).__name__}: send {{}} to {otherwise}")
    return event.get("detail-type", SCHEDULE)
