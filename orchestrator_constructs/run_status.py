"""How an execution ended, in the words of Step Functions."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class RunStatus(StrEnum):
    """How an execution of a workflow ended."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


FINISHED: Final = tuple(RunStatus)
"""All ways to end."""
