"""Whether a call's work is done each time that it is delivered, or only once: a port, and its simple sides.

:mod:`orchestrator_runtime.authoring.idempotency_table` is the side that remembers in DynamoDB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from orchestrator_runtime.authoring.outcome import Outcome
from orchestrator_runtime.contract import Env


class NoIdempotencyTableError(Exception):
    """A plugin that is not idempotent has no table to remember its calls in."""

    def __init__(self) -> None:
        super().__init__(
            "the plugin is defined with idempotent=False, but has no table that remembers its calls: set "
            f"idempotent=False on its Plugin construct too, or the function's environment variable "
            f"{Env.IDEMPOTENCY_TABLE} to the name of a table"
        )


class Once(Protocol):
    """Sees to it that the same work is not done twice."""

    def do(self, key: str, delivery: str, work: Callable[[], Outcome]) -> Outcome | None:
        """Do the work, unless it was done.

        What the work raises is raised, and not remembered: it may be done again.

        Args:
            key: The same for every delivery of the same call.
            delivery: Which delivery this is: the same when it is repeated, because its invocation failed or died.
            work: Does it, and says how it ended.

        Returns:
            How it ended, now or at an earlier delivery; ``None``: another delivery is at work.

        Raises:
            NoIdempotencyTableError: There is nothing to remember with.
            Retryable: The work was not begun: what remembers cannot be reached, or this delivery is repeated
                before it is certain that its last invocation is dead.
        """


class EveryTime:
    """Does the work each time: it is idempotent."""

    def do(self, key: str, delivery: str, work: Callable[[], Outcome]) -> Outcome:  # noqa: ARG002  (of the port)
        """Do the work."""
        return work()


class NoTable:
    """Refuses to do the work, because nothing would remember it."""

    def do(self, key: str, delivery: str, work: Callable[[], Outcome]) -> Outcome:  # noqa: ARG002  (of the port)
        """Refuse; see :class:`NoIdempotencyTableError`."""
        raise NoIdempotencyTableError
