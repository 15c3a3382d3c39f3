"""``orchestrator plugins …``: lists registered plugins, and compares them with the subscriptions of SNS."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from orchestrator_cli.account import Yes, announce_change
from orchestrator_cli.collaborators import world_of
from orchestrator_cli.options import Json, Local, Stage, System
from orchestrator_cli.printing import print_json, say
from orchestrator_cli.published import deployment_named

_FOUND_SOMETHING: Final = 1
_LIST: Final = "list"


class _ListsByDefault(TyperGroup):
    """Takes options that no command stands before as those of ``list``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's signature
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = [_LIST, *args]
        return super().parse_args(ctx, args)


plugins_app = typer.Typer(
    rich_markup_mode=None,
    cls=_ListsByDefault,
    help="List registered plugins, find problems with them, and repair the registry. Default command: list.",
)

Activity = Annotated[str | None, typer.Option(help="Only this activity.", metavar="NAME", show_default="all")]


@plugins_app.command(_LIST)
def list_command(
    *,
    context: typer.Context,
    system: System,
    stage: Stage,
    activity: Activity = None,
    as_json: Json = False,
    local: Local = False,
) -> None:
    """List the registered plugins by activity and stage, in the order of a sequential stage, with their filters."""
    from orchestrator_cli.plugins import listing, registered  # noqa: PLC0415 - for a fast --help
    from orchestrator_cli.runs import following  # noqa: PLC0415 - for a fast --help

    deployment = deployment_named(system, stage)
    found = registered.read_registered(world_of(context).gateway(local), deployment, activity)
    if as_json:
        print_json(registered.registered_document(found, deployment))
        return
    console = following.console_on()
    if not found:
        say(f"no activities in {deployment.prefix}: deploy one")
    elif console.is_terminal:
        console.print(listing.PluginTree(found, following.glyphs_for(console)))
    else:
        for line in listing.plugin_lines(found):
            console.print(line, markup=False, soft_wrap=True)


@plugins_app.command("reconcile")
def reconcile_command(
    *,
    context: typer.Context,
    system: System,
    stage: Stage,
    activity: Activity = None,
    as_json: Json = False,
    local: Local = False,
    yes: Yes = False,
) -> None:
    """Repair the registry from the subscriptions of SNS. Exits with 0 if that was done, whatever was found."""
    _reconcile(context, system, stage, activity, as_json=as_json, local=local, repair=True, yes=yes)


@plugins_app.command("doctor")
def doctor_command(
    *,
    context: typer.Context,
    system: System,
    stage: Stage,
    activity: Activity = None,
    as_json: Json = False,
    local: Local = False,
) -> None:
    """List problems and what to do, and change nothing. Exits with 1 if anything was found."""
    if _reconcile(context, system, stage, activity, as_json=as_json, local=local, repair=False):
        raise typer.Exit(_FOUND_SOMETHING)


def _reconcile(
    context: typer.Context,
    system: str,
    stage: str,
    activity: str | None,
    *,
    as_json: bool,
    local: bool,
    repair: bool,
    yes: bool = False,
) -> bool:
    """Prints what the core found. Returns whether it found anything."""
    from orchestrator_cli.plugins import reconciling  # noqa: PLC0415 - for a fast --help
    from orchestrator_cli.plugins.findings import describe_findings  # noqa: PLC0415
    from orchestrator_cli.runs import following  # noqa: PLC0415 - for a fast --help

    deployment = deployment_named(system, stage)
    world = world_of(context)
    gateway = world.gateway(local)
    if repair:
        announce_change(world, gateway, deployment, "repair the registry", yes=yes, local=local)
    waiting = following.console_on(sys.stderr)
    with waiting.status("comparing with SNS …") if waiting.is_terminal else contextlib.nullcontext():
        found = reconciling.reconcile(gateway, deployment, activity=activity, repair=repair)
    if as_json:
        print_json(found.document)
    else:
        console = following.console_on()
        for line in describe_findings(found, repaired=repair):
            console.print(line, soft_wrap=not console.is_terminal)
    return bool(found.repairs or found.problems)
