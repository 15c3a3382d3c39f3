"""The keys of the core's log lines that saved queries use."""

from __future__ import annotations

from enum import StrEnum

from orchestrator_runtime.contract import Metric


class Field(StrEnum):
    """A key of a line."""

    MESSAGE = "message"
    UID = "uid"
    WORKFLOW = "workflow"
    ATTEMPT = "attempt"
    ACTIVITY = "activity"
    STAGE = "stage"
    PLUGIN = "plugin"
    STATE = "state"
    ENDING = "ending"
    REASON = "reason"
    DETAIL = "detail"


def value_of(metric: Metric) -> str:
    """The field with a metric's value: the embedded format keeps values as lists, of one here."""
    return f"{metric.value}.0"
