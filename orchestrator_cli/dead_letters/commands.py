"""``orchestrator redrive``: what the core could not handle, once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator_cli.account import Yes, announce_change
from orchestrator_cli.collaborators import world_of
from orchestrator_cli.one_line import one_line
from orchestrator_cli.options import Json, Local, Stage, System
from orchestrator_cli.printing import print_json, say
from orchestrator_cli.published import deployment_named
from orchestrator_runtime.contract import DeadLetters

if TYPE_CHECKING:
    from orchestrator_cli.dead_letters.redriving import Redriven

_SOME_FAILED: Final = 1


def redrive_command(
    context: typer.Context,
    kind: Annotated[DeadLetters | None, typer.Argument(help="Only these dead letters.", show_default="all")] = None,
    *,
    system: System,
    stage: Stage,
    as_json: Json = False,
    local: Local = False,
    yes: Yes = False,
) -> None:
    """Handle again what the core could not handle. Exits with 1 if some of it failed again."""
    from orchestrator_cli.dead_letters.redriving import redrive  # noqa: PLC0415 - for a fast --help

    deployment = deployment_named(system, stage)
    world = world_of(context)
    gateway = world.gateway(local)
    what = f"handle dead letters again ({kind or 'all'})"
    announce_change(world, gateway, deployment, what, yes=yes, local=local)
    done: dict[DeadLetters, Redriven] = {}
    for one in [kind] if kind else DeadLetters:
        done[one] = redrive(gateway, deployment, one)
        if not as_json:
            for line in _lines(one, done[one]):
                say(line)
    if as_json:
        print_json({one.value: redriven.as_document() for one, redriven in done.items()})
    if any(redriven.failed for redriven in done.values()):
        raise typer.Exit(_SOME_FAILED)


def _lines(kind: DeadLetters, done: Redriven) -> list[str]:
    if done.kept:
        return [f"{kind}: {done.kept} kept: deploy those plugins again, CloudFormation waits no more for an answer"]
    told = [f"{done.handled} handled"] if done.handled else []
    told += [f"{len(done.failed)} failed again"] if done.failed else []
    return [
        f"{kind}: {', '.join(told) or 'none'}",
        *(f"  {one_line(letter)}: {one_line(why)}" for letter, why in done.failed.items()),
    ]
