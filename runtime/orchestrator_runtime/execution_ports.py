"""What the protocol needs to know of executions: which runs are in progress, and what Step Functions says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from orchestrator_runtime.core.ended_execution import Execution
from orchestrator_runtime.core.records import ActiveRun


class ActiveRuns(Protocol):
    """The index of the runs in progress; it may lag behind the runs' rows by a moment.

    A run whose end was written and not finished is in it, too.
    """

    def runs(self) -> Iterable[ActiveRun]:
        """Read all runs in progress, of every workflow."""
        ...


class Executions(Protocol):
    """Asks Step Functions about executions of workflows, and stops them."""

    def is_running(self, execution: str) -> bool:
        """Whether the execution runs; one that does not exist, or not any more, does not."""
        ...

    def find(self, execution: str) -> Execution | None:
        """Describe an execution, or ``None`` if there is none, or none any more."""
        ...

    def running(self, state_machine: str) -> Collection[str]:
        """List the ARNs of a state machine's executions that run; may lag behind by a moment."""
        ...

    def stop(self, execution: str, error: str, cause: str) -> None:
        """Stop an execution; one that is over stays as it is."""
        ...
