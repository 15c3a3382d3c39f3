"""Says which account a command changes, and asks on a terminal, before anything is changed."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator_cli.collaborators import Collaborators
from orchestrator_cli.errors import UsageError
from orchestrator_cli.gateway import Gateway
from orchestrator_cli.one_line import one_line
from orchestrator_cli.printing import say
from orchestrator_runtime.deployment import Deployment

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def announce_change(
    world: Collaborators, gateway: Gateway, deployment: Deployment, what: str, *, yes: bool, local: bool
) -> None:
    """Name account, region and deployment on standard error and, on a terminal, have the change confirmed.

    With ``--local`` nothing is said or asked: there is one account.

    Args:
        world: Knows whether there is a terminal, and asks.
        gateway: The account.
        deployment: The deployment.
        what: What is about to be done, as in "start run 'q-1' of NewBusiness".
        yes: Whether it is confirmed already.
        local: Whether the local environment is meant.

    Raises:
        UsageError: It was not confirmed; nothing was changed.
        CliError: AWS does not say which account it is.
    """
    if local:
        return
    caller = gateway.caller()
    say(
        one_line(
            f"orchestrator: about to {what}: account {caller.account}, region {caller.region}, "
            f"deployment {deployment.prefix}, as {caller.arn}"
        ),
        err=True,
    )
    if not yes and world.on_terminal() and not world.confirm("Continue?"):
        raise UsageError("nothing was changed: the change was not confirmed")
