"""What the commands need of the world; tests bring their own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from orchestrator_cli.gateway import Gateway


def _aws_gateway(local: bool) -> Gateway:
    from orchestrator_cli.aws_gateway import aws_gateway  # noqa: PLC0415 - boto3 would make --help slow

    return aws_gateway(local=local)


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _confirm(question: str) -> bool:
    return typer.confirm(question, err=True)


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What the commands need of the world.

    Attributes:
        gateway: Makes the calls to AWS; told whether to call the local environment.
        pause: Waits for some seconds.
        now: The time.
        on_terminal: Whether somebody can be asked: standard input and standard error are a terminal.
        confirm: Asks a question on standard error; whether the answer is yes.
    """

    gateway: Callable[[bool], Gateway] = _aws_gateway
    pause: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_terminal: Callable[[], bool] = _on_terminal
    confirm: Callable[[str], bool] = _confirm


def world_of(context: typer.Context) -> Collaborators:
    """The collaborators that the command was invoked with."""
    world = context.obj
    if not isinstance(world, Collaborators):
        raise TypeError(f"the command's object must be Collaborators, got {world!r}")
    return world
