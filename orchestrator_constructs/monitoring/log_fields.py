"""What the lines of the core's logs tell, as the query pack asks for them."""

from __future__ import annotations

from enum import StrEnum

from orchestrator_runtime.contract import Metric


class Field(StrEnum):
    """The keys of a line."""

    LEVEL = "level"
    MESSAGE = "message"
    SERVICE = "service"
    UID = "uid"
    WORKFLOW = "workflow"
    ATTEMPT = "attempt"
    ACTIVITY = "activity"
    STAGE = "stage"
    PLUGIN = "plugin"
    PLUGINS = "plugins"
    STATE = "state"
    ENDING = "ending"
    REASON = "reason"
    DETAIL = "detail"
    OPEN = "open"


def value_of(metric: Metric) -> str:
    """The field with a metric's value: the embedded format keeps values as lists, of one here."""
    return f"{metric.value}.0"
