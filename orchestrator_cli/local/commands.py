"""``orchestrator local …``: an AWS on this machine that stays up between commands."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from orchestrator_cli.errors import UsageError
from orchestrator_cli.printing import say

local_app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="An AWS on this machine: no Docker, no account, no credentials.",
)

_HINT = 'For other programs:  eval "$(orchestrator local env)"'
# They would win over what is exported, or ask for a profile in a file that is not read.
_UNSET = frozenset({"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@local_app.command("up")
def up_command(
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="Refuse what roles and policies do not allow.")
    ] = False,
) -> None:
    """Start it in the background. The first start fetches the emulator from PyPI."""
    from orchestrator_cli.local import LocalEnvironment  # noqa: PLC0415 - for a fast --help
    from orchestrator_cli.local.running import (  # noqa: PLC0415
        exclusively,
        find_running,
        remember,
        stop_running,
    )

    with exclusively(_progress):
        if running := find_running():
            if running.enforces_iam != enforce_iam:
                other = "without" if enforce_iam else "with"
                raise UsageError(f"the local AWS is up already, {other} --enforce-iam: 'orchestrator local down' first")
            say(f"The local AWS is up already, at {running.endpoint_url}.\n{_HINT}")
            return
        stop_running(_progress)
        environment = LocalEnvironment(enforce_iam=enforce_iam)
        environment.start(detached=True)
        try:
            remember(environment.emulator)
        except BaseException:
            environment.stop()
            raise
    say(f"The local AWS is up, at {environment.endpoint_url}. Its log: {environment.emulator.log}\n{_HINT}")


@local_app.command("down")
def down_command() -> None:
    """Stop it, and forget everything in it."""
    from orchestrator_cli.local.running import exclusively, stop_running  # noqa: PLC0415 - for a fast --help

    with exclusively(_progress):
        stopped = stop_running(_progress)
    say("The local AWS is down." if stopped else "No local AWS was up.")


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
    say(f"Deployed {app_folder}. What the CDK CLI said is in {environment.logs}.")


@local_app.command("env")
def env_command() -> None:
    """Print what to export, for a shell to evaluate."""
    from orchestrator_cli.local.running import running_emulator  # noqa: PLC0415
    from orchestrator_cli.local.session import leads_elsewhere, no_proxy, variables  # noqa: PLC0415 - a fast --help

    emulator = running_emulator()
    exported = variables(emulator.endpoint_url, emulator.keys) | no_proxy(os.environ)
    # Only names that a shell takes for names: the output is evaluated.
    found = {name for name in os.environ if leads_elsewhere(name) and _NAME.fullmatch(name)}
    for name, value in exported.items():
        say(f"export {name}={shlex.quote(value)}")
    say(f"unset {' '.join(sorted((found | _UNSET) - exported.keys()))}")


def _progress(step: str) -> None:
    """Say what is being done, apart from what the command answers."""
    say(f"orchestrator: {step}", err=True)


def _pair(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not (key and equals):
        raise UsageError(f"context {given!r} is not KEY=VALUE: write it as in -c system=claims")
    return key, value
