"""Whether a run may begin, resume, or is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_runtime.core.records import Run
from orchestrator_runtime.foreign_text import shown

_MOST_KEYS_TOLD: Final = 20


class RunRefusedError(Exception):
    """The run may not begin, and nothing was written. Step Functions shows the class's name."""


class InvalidRunInput(RunRefusedError):  # noqa: N818 - the name under which people see it
    """The execution's input is not a run's input."""


class MetadataDiffers(RunRefusedError):  # noqa: N818
    """The run was started with other metadata."""


class MetadataTooLarge(RunRefusedError):  # noqa: N818
    """The metadata would not fit into the message to a plugin."""


class RunInProgress(RunRefusedError):  # noqa: N818
    """Another execution of the run has not ended."""


@dataclass(frozen=True, slots=True)
class AlreadyBegun:
    """The same execution asks again: it gets the attempt that it was given."""

    attempt: int


@dataclass(frozen=True, slots=True)
class AskWhetherRunning:
    """Another execution holds the run and has not said that it ended: ask Step Functions."""

    execution: str


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Begin a further attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not begin."""

    error: RunRefusedError


Verdict = AlreadyBegun | AskWhetherRunning | TakeOver | Refuse


def decide_begin(
    stored: Run,
    *,
    execution: str,
    metadata: Mapping[str, Any],
    metadata_override: bool,
    holder_is_running: bool | None = None,
) -> Verdict:
    """Decide on a start of a run that exists already.

    Args:
        stored: The run's row.
        execution: ARN of the execution that asks.
        metadata: The metadata that it brings.
        metadata_override: Whether that may replace what is stored.
        holder_is_running: Whether the execution in the row runs, once it was asked; ``None`` before.
    """
    if stored.execution == execution:
        return AlreadyBegun(stored.ref.attempt)
    if not stored.ended and holder_is_running is None:
        return AskWhetherRunning(stored.execution)
    if not stored.ended and holder_is_running:
        return Refuse(
            RunInProgress(
                f"run {stored.ref.uid!r} of {stored.ref.workflow} is in progress, attempt {stored.ref.attempt}, "
                f"in execution {stored.execution}: wait until it ends, or cancel it"
            )
        )
    if not metadata_override and (difference := metadata_difference(stored.metadata, metadata)):
        return Refuse(
            MetadataDiffers(
                f"run {stored.ref.uid!r} of {stored.ref.workflow} was started with other metadata ({difference}): "
                "start it with the same metadata, or set metadata_override to replace what is stored"
            )
        )
    return TakeOver(stored.ref.attempt + 1)


def metadata_difference(stored: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """Tell by key in what two metadata documents differ; ``None`` if they are equal.

    Values are left out on purpose: this sentence ends up in logs.
    """
    changes = [*_changes(stored, given, "")]
    if not changes:
        return None
    told = ", ".join(changes[:_MOST_KEYS_TOLD])
    more = len(changes) - _MOST_KEYS_TOLD
    return told + (f" and {more} more" if more > 0 else "")


def _changes(stored: Mapping[str, Any], given: Mapping[str, Any], path: str) -> list[str]:
    changes: list[str] = []
    for key in sorted(stored.keys() | given.keys()):
        name = f"{path}{key}"
        if key not in given:
            changes.append(f"{shown(name)} removed")
        elif key not in stored:
            changes.append(f"{shown(name)} added")
        elif isinstance(stored[key], dict) and isinstance(given[key], dict):
            changes += _changes(stored[key], given[key], f"{name}.")
        elif not _same(stored[key], given[key]):
            changes.append(f"{shown(name)} changed")
    return changes


def _same(stored: object, given: object) -> bool:
    """Whether two JSON values are the same; to Python, but to nobody else, true is 1."""
    if isinstance(stored, list) and isinstance(given, list):
        return len(stored) == len(given) and all(_same(*pair) for pair in zip(stored, given, strict=True))
    if isinstance(stored, dict) and isinstance(given, dict):
        return stored.keys() == given.keys() and all(_same(value, given[key]) for key, value in stored.items())
    return stored == given and isinstance(stored, bool) == isinstance(given, bool)
