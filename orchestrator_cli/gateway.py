"""What the command needs of AWS: a few calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from orchestrator_runtime.core.history import HistoryEntry
    from orchestrator_runtime.core.registration import Registration

Document = dict[str, Any]
"""A JSON object: a run's status, or whatever else ``--json`` prints."""


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of a workflow's state machine.

    Attributes:
        status: ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``.
        error: The error's name, if it failed.
        cause: The error's text, if it failed.
    """

    status: str
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function that was invoked came back with.

    Attributes:
        document: What it returned, decoded; or what Lambda tells of its error.
        failed: Whether that is an error.
    """

    document: Any
    failed: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message of a dead letter queue.

    Attributes:
        id: SQS's id of the message.
        body: The message.
        sender: Who sent it at first, as SQS says.
        receipt: What it takes to delete it.
    """

    id: str
    body: str
    sender: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who gives the command, and where it acts.

    Attributes:
        arn: The ARN of the user or of the role's session.
        account: The account id.
        region: The region.
    """

    arn: str
    account: str
    region: str


class Gateway(Protocol):
    """The AWS account, as far as the command uses it."""

    def parameter(self, name: str) -> str | None:
        """The value of an SSM parameter, or ``None`` if there is none."""
        ...

    def parameter_names(self, path: str) -> list[str]:
        """The names of all SSM parameters below a path."""
        ...

    def start_execution(self, state_machine: str, *, name: str, document: str) -> str:
        """Start an execution and return its ARN."""
        ...

    def execution(self, arn: str) -> Execution:
        """How an execution stands."""
        ...

    def run_document(self, table: str, *, uid: str, workflow: str) -> Document | None:
        """A run's status from the status table, or ``None`` if there is no such run."""
        ...

    def history(self, table: str, *, uid: str, workflow: str) -> list[HistoryEntry] | None:
        """What was done with a run, from the status table, or ``None`` if there is no such run."""
        ...

    def registrations(self, table: str, activities: Sequence[str]) -> list[Registration]:
        """Everything that is registered to the stages of these activities."""
        ...

    def invoke(self, function: str, document: Document) -> Answer | None:
        """Invoke a function once and wait for its answer, up to 15 minutes; ``None`` if there is no such function."""
        ...

    def caller(self) -> Caller:
        """Who gives the command, in which account and region."""
        ...

    def receive_messages(self, queue_url: str) -> list[DeadLetter]:
        """Receive up to ten messages; nobody else sees them for some minutes."""
        ...

    def delete_message(self, queue_url: str, receipt: str) -> None:
        """Delete a message that was received."""
        ...

    def release_message(self, queue_url: str, receipt: str) -> None:
        """Let others see a message again that was received."""
        ...

    def count_messages(self, queue_url: str) -> int:
        """Count the messages of a queue; SQS counts approximately."""
        ...
