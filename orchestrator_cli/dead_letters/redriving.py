"""Brings dead letters to the functions that they were for, once more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator_cli.core_functions import FunctionFailedError, call_core, not_understood
from orchestrator_cli.errors import UsageError
from orchestrator_cli.gateway import DeadLetter, Document, Gateway
from orchestrator_cli.published import core_output
from orchestrator_runtime.contract import DeadLetters, Handler
from orchestrator_runtime.deployment import CoreOutput, Deployment

REDRIVEN_BY: Final = {
    DeadLetters.RESULTS: Handler.RECORD_RESULT,
    DeadLetters.SWEEPS: Handler.SWEEP_RUNS,
    DeadLetters.RECONCILIATIONS: Handler.RECONCILE,
}
"""What handles each kind. A registration cannot be handled late: its deployment has failed."""


@dataclass(slots=True)
class Redriven:
    """What became of the dead letters of one kind.

    Attributes:
        handled: How many were handled, and are gone.
        failed: Why others failed again, by id; they stay where they are.
        kept: How many are there that are not for this command; a count of SQS, which may lag behind.
    """

    handled: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    kept: int = 0

    def as_document(self) -> Document:
        """For ``--json``."""
        return {"handled": self.handled, "failed": self.failed, "kept": self.kept}


def redrive(gateway: Gateway, deployment: Deployment, kind: DeadLetters) -> Redriven:
    """Handle the dead letters of one kind again.

    A letter is deleted when it was handled. Of plugins' reports the sender is checked as it was the first time.

    Raises:
        UsageError: There is no such core, or it is too old.
    """
    core_output(gateway, deployment, CoreOutput.STATUS_TABLE_NAME)
    queue = gateway.parameter(deployment.dead_letters_parameter(kind))
    if queue is None:
        raise UsageError(
            f"the core {deployment.prefix} does not say where its dead letters are, so it is older than this command: "
            "deploy the core with the library's present version"
        )
    handler = REDRIVEN_BY.get(kind)
    if handler is None:
        return Redriven(kept=gateway.count_messages(queue))
    done = Redriven()
    left: list[DeadLetter] = []
    try:
        for letters in _batches(gateway, queue):
            left += letters
            failed = (_record if kind is DeadLetters.RESULTS else _repeat)(gateway, deployment, handler, letters)
            done.failed |= failed
            for letter in letters:
                if letter.id not in failed:
                    gateway.delete_message(queue, letter.receipt)
                    left.remove(letter)
                    done.handled += 1
    finally:
        for letter in left:
            gateway.release_message(queue, letter.receipt)
    return done


def _batches(gateway: Gateway, queue: str) -> Iterator[list[DeadLetter]]:
    """Receive letters until none comes, or none that has not been here before."""
    seen: set[str] = set()
    while letters := [letter for letter in gateway.receive_messages(queue) if letter.id not in seen]:
        seen |= {letter.id for letter in letters}
        yield letters


def _record(gateway: Gateway, deployment: Deployment, handler: Handler, letters: list[DeadLetter]) -> dict[str, str]:
    """Bring reports as the queue would have; who sent them is in them."""
    records = [
        {"messageId": letter.id, "body": letter.body, "attributes": {"SenderId": letter.sender}} for letter in letters
    ]
    try:
        answer = call_core(gateway, deployment, handler, {"Records": records})
    except FunctionFailedError as error:
        return {letter.id: str(error) for letter in letters}
    try:
        again = {str(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]}
    except (KeyError, TypeError) as error:
        raise not_understood(deployment, handler, answer) from error
    return {letter: f"it could not be recorded: the log of {deployment.function(handler)} says why" for letter in again}


def _repeat(gateway: Gateway, deployment: Deployment, handler: Handler, letters: list[DeadLetter]) -> dict[str, str]:
    """Repeat calls that failed for good."""
    failed: dict[str, str] = {}
    for letter in letters:
        try:
            event: Any = json.loads(letter.body)
            call_core(gateway, deployment, handler, event)
        except ValueError as error:
            failed[letter.id] = f"it is not JSON: {error}"
        except FunctionFailedError as error:
            failed[letter.id] = str(error)
    return failed
