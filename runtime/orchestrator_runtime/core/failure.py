"""What went wrong, in the words of whoever said it first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_runtime.contract import ErrorName
from orchestrator_runtime.foreign_text import shown

MAX_ERROR: Final = 256
"""Characters of an error's name that a Fail state takes."""
MAX_CAUSE: Final = 16_384
"""Characters of a cause. Step Functions takes 32,768, and may count one beyond the first 65,536 of Unicode as two."""
_MOST_WRAPPINGS: Final = 5
"""A plugin's error in a stage's, in an activity's, in a workflow's; and one to spare."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as Step Functions tells of it: a name, and a text that may be JSON with another error inside."""

    error: str
    cause: str


class EndedOtherwiseError(Exception):
    """The run of an execution was ended by something else. Step Functions shows the name of the class."""


class RunCancelled(EndedOtherwiseError):  # noqa: N818 - the name that Step Functions shows
    """The run was cancelled."""


class RunEnded(EndedOtherwiseError):  # noqa: N818
    """The run was stopped, or timed out."""


def plain_failure(failure: Failure) -> Failure:
    """Unwrap an error to the one that a person wants to read.

    A function's failure arrives as the JSON of its exception; a child execution's, in a state machine of a team's
    own, as its whole description. The name and the cause are one line each.
    """
    error, cause = failure.error, failure.cause
    for _ in range(_MOST_WRAPPINGS):
        inner = _inner(cause)
        if inner is None:
            break
        error, cause = inner[0] or error, inner[1]
    # An ellipsis may follow.
    return Failure(shown(error, MAX_ERROR - 1), cause_of(cause))


def cause_of(message: str) -> str:
    """Makes the cause that Step Functions takes of a message: one line, whatever the plugin that said it put into it.

    Step Functions shows it in its console, and sends it in the event that an execution has ended.
    """
    return shown(message, MAX_CAUSE - 1)


def _inner(cause: str) -> tuple[str | None, str] | None:
    try:
        document: Any = json.loads(cause)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    for error_key, cause_key in (("Error", "Cause"), ("errorType", "errorMessage")):
        if isinstance(document.get(cause_key), str):
            error = document.get(error_key)
            return (error if isinstance(error, str) else None), document[cause_key]
    if isinstance(document.get("Status"), str):
        status = document["Status"]
        return ErrorName.RUN_ENDED, f"an activity's execution ended {status} without saying why"
    return None
