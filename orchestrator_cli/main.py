"""The ``orchestrator`` command.

Commands import what they need when they run: ``--help`` has to answer at once.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from orchestrator_cli.collaborators import Collaborators
from orchestrator_cli.dead_letters.commands import redrive_command
from orchestrator_cli.errors import CliError
from orchestrator_cli.local.commands import local_app
from orchestrator_cli.plugins.commands import plugins_app
from orchestrator_cli.printing import say
from orchestrator_cli.runs.commands import (
    cancel_command,
    history_command,
    retry_command,
    run_command,
    status_command,
)


class _SentenceGroup(TyperGroup):
    """Shows the errors that are meant for the user as one sentence, and sets their exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's signature
        try:
            return super().invoke(ctx)
        except CliError as error:
            say(f"orchestrator: {error}", err=True)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    name="orchestrator",
    cls=_SentenceGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Help is wanted at once; drawn, it would take three times as long.
    rich_markup_mode=None,
    help="Start, watch and end runs of plugin-based workflows, on AWS and on this machine.",
)
app.add_typer(plugins_app, name="plugins")
app.add_typer(local_app, name="local")


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"orchestrator {_version()}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    context.obj = context.obj or Collaborators()


app.command("run")(run_command)
app.command("status")(status_command)
app.command("history")(history_command)
app.command("cancel")(cancel_command)
app.command("retry")(retry_command)
app.command("redrive")(redrive_command)


def _version() -> str:
    try:
        return version("orchestrator-constructs")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"


if __name__ == "__main__":
    app()
