"""The ``orchestrator`` command.

Commands import what they need when they run: ``--help`` has to answer at once.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from orchestrator_cli.collaborators import Collaborators, world_of
from orchestrator_cli.errors import CliError
from orchestrator_cli.local.commands import local_app
from orchestrator_cli.options import Json, Local, Stage, System, print_json
from orchestrator_cli.plugins.commands import plugins_app

_LOOK_EVERY: Final = 1.0
_LOOK_LOCALLY_EVERY: Final = 0.25
_FAILED: Final = 1


class _SentenceGroup(TyperGroup):
    """Shows the errors that are meant for the user as one sentence, and sets their exit code."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's signature
        try:
            return super().invoke(ctx)
        except CliError as error:
            typer.echo(f"orchestrator: {error}", err=True)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    name="orchestrator",
    cls=_SentenceGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Start and watch runs of plugin-based workflows, on AWS and on this machine.",
)
app.add_typer(plugins_app, name="plugins")
app.add_typer(local_app, name="local")

Uid = Annotated[str, typer.Argument(help="The run's uid.", show_default=False)]
WorkflowName = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The workflow's name.", show_default=False)]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"orchestrator {_version()}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    context.obj = context.obj or Collaborators()


@app.command("run")
def run_command(
    context: typer.Context,
    workflow: WorkflowName,
    *,
    uid: Annotated[str, typer.Option(help="Names the run; the same uid again resumes it.", show_default=False)],
    system: System,
    stage: Stage,
    metadata: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A JSON object; - reads it from standard input.", show_default="none"),
    ] = None,
    metadata_override: Annotated[
        bool, typer.Option("--metadata-override", help="Replace the metadata of an earlier attempt.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run to its end; exit 1 unless Complete.")] = False,
    as_json: Json = False,
    local: Local = False,
) -> None:
    """Start a run, or resume it. Exits with 1 if it is refused or, watched, fails; with 2 if nothing was started."""
    from orchestrator_cli.runs import following, run_input, runs  # noqa: PLC0415 - for a fast --help

    world = world_of(context)
    deployment = runs.deployment_named(system, stage)
    given = run_input.read_metadata(metadata)
    run_input.run_input(uid, given, metadata_override=metadata_override)  # before anything is asked of AWS
    gateway = world.gateway(local)
    found = runs.find_workflow(gateway, deployment, workflow)
    started = runs.start_run(gateway, found, uid, given, metadata_override=metadata_override)
    watcher = runs.RunWatcher(gateway, started)
    every = _LOOK_LOCALLY_EVERY if local else _LOOK_EVERY
    if watch:
        console = following.console_on(sys.stderr if as_json else sys.stdout)
        look = following.follow([watcher], console, every=every, pause=world.pause, now=world.now)[0]
    else:
        look = runs.await_acceptance(watcher, every=every, pause=world.pause)
    if look.document is None:
        raise runs.RunRefusedError(f"run {uid!r} of {workflow} was refused: {look.problem}")
    if as_json:
        print_json(look.document)
    elif not watch:
        typer.echo(f"{workflow} {uid} attempt {look.document['attempt']}: {started.execution}")
    if look.problem:
        raise runs.RunRefusedError(f"run {uid!r} of {workflow}: {look.problem}")
    if watch and not look.complete:
        raise typer.Exit(_FAILED)


@app.command("status")
def status_command(
    context: typer.Context,
    workflow: WorkflowName,
    uid: Uid,
    *,
    system: System,
    stage: Stage,
    as_json: Json = False,
    local: Local = False,
) -> None:
    """Show how a run stands."""
    from orchestrator_cli.runs import drawing, following, run_input, runs  # noqa: PLC0415 - for a fast --help

    world = world_of(context)
    run_input.check_uid(uid)
    deployment = runs.deployment_named(system, stage)
    gateway = world.gateway(local)
    document = runs.run_document(gateway, deployment, workflow, uid)
    if as_json:
        print_json(document)
        return
    console = following.console_on()
    console.print(drawing.draw_run(document, now=world.now(), glyphs=following.glyphs_for(console)))


def _version() -> str:
    try:
        return version("orchestrator-constructs")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"


if __name__ == "__main__":
    app()
