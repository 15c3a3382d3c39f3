"""``orchestrator local …``: an AWS on this machine that stays up between commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from orchestrator_cli.errors import UsageError

local_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="An AWS on this machine: no Docker, no account, no credentials.",
)

_HINT = 'For other programs:  eval "$(orchestrator local env)"'
# They would win over what is exported, or ask for a profile in a file that is not read.
_UNSET = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


@local_app.command("up")
def up_command(
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="Refuse what roles and policies do not allow.")
    ] = False,
) -> None:
    """Start it in the background. The first start fetches the emulator from PyPI."""
    from orchestrator_cli.local import LocalEnvironment  # noqa: PLC0415 - for a fast --help
    from orchestrator_cli.local.running import find_running, remember, stop_running  # noqa: PLC0415

    if running := find_running():
        if running.enforces_iam != enforce_iam:
            other = "without" if enforce_iam else "with"
            raise UsageError(f"the local AWS is up already, {other} --enforce-iam: 'orchestrator local down' first")
        typer.echo(f"The local AWS is up already, at {running.endpoint_url}.\n{_HINT}")
        return
    stop_running()
    environment = LocalEnvironment(enforce_iam=enforce_iam)
    environment.start(detached=True)
    try:
        remember(environment.emulator)
    except BaseException:
        environment.stop()
        raise
    typer.echo(f"The local AWS is up, at {environment.endpoint_url}. Its log: {environment.emulator.log}\n{_HINT}")


@local_app.command("down")
def down_command() -> None:
    """Stop it, and forget everything in it."""
    from orchestrator_cli.local.running import stop_running  # noqa: PLC0415 - for a fast --help

    typer.echo("The local AWS is down." if stop_running() else "No local AWS was up.")


@local_app.command("deploy")
def deploy_command(
    app_folder: Annotated[Path, typer.Argument(help="The folder of a CDK app: the one with its cdk.json.")],
    context: Annotated[
        list[str] | None, typer.Option("--context", "-c", metavar="KEY=VALUE", help="Context for the app; repeatable.")
    ] = None,
    stack: Annotated[list[str] | None, typer.Option(help="A stack to deploy; repeatable.", show_default="all")] = None,
) -> None:
    """Deploy a CDK app to it, with the real CDK CLI."""
    from orchestrator_cli.local import LocalEnvironment  # noqa: PLC0415 - for a fast --help
    from orchestrator_cli.local.running import running_emulator  # noqa: PLC0415

    values = dict(_pair(given) for given in context or [])
    environment = LocalEnvironment(running=running_emulator())
    environment.deploy(app_folder, context=values, stacks=stack or ["--all"])
    typer.echo(f"Deployed {app_folder}. What the CDK CLI said is in {environment.logs}.")


@local_app.command("env")
def env_command() -> None:
    """Print what to export, for a shell to evaluate."""
    from orchestrator_cli.local.running import running_emulator  # noqa: PLC0415
    from orchestrator_cli.local.session import variables  # noqa: PLC0415 - for a fast --help

    for name, value in variables(running_emulator().endpoint_url).items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    typer.echo(f"unset {' '.join(_UNSET)}")


def _pair(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not (key and equals):
        raise UsageError(f"context {given!r} is not KEY=VALUE: write it as in -c system=claims")
    return key, value
