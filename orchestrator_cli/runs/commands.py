"""The commands about one run: ``run``, ``status``, ``history``, ``cancel``, ``retry``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator_cli.account import Yes, announce_change
from orchestrator_cli.collaborators import Collaborators, world_of
from orchestrator_cli.options import Json, Local, Stage, System
from orchestrator_cli.printing import print_json, say
from orchestrator_cli.published import deployment_named

if TYPE_CHECKING:
    from orchestrator_cli.gateway import Gateway
    from orchestrator_cli.runs.runs import StartedRun

_LOOK_EVERY: Final = 1.0
_LOOK_LOCALLY_EVERY: Final = 0.25
_FAILED: Final = 1

Uid = Annotated[str, typer.Argument(help="The run's uid.", show_default=False)]
WorkflowName = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The workflow's name.", show_default=False)]
Watch = Annotated[bool, typer.Option("--watch", help="Follow the run to its end; exit 1 unless Complete.")]


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
    watch: Watch = False,
    as_json: Json = False,
    local: Local = False,
    yes: Yes = False,
) -> None:
    """Start a run, or resume it. Exits with 1 if it is refused or, watched, fails; with 2 if nothing was started."""
    from orchestrator_cli.runs import run_input, runs  # noqa: PLC0415 - for a fast --help

    world = world_of(context)
    deployment = deployment_named(system, stage)
    given = run_input.read_metadata(metadata)
    run_input.run_input(uid, given, metadata_override=metadata_override)  # before anything is asked of AWS
    gateway = world.gateway(local)
    found = runs.find_workflow(gateway, deployment, workflow)
    announce_change(world, gateway, deployment, f"start run {uid!r} of {workflow}", yes=yes, local=local)
    started = runs.start_run(gateway, found, uid, given, metadata_override=metadata_override)
    _show_start(world, gateway, started, watch=watch, as_json=as_json, local=local)


def retry_command(
    context: typer.Context,
    workflow: WorkflowName,
    uid: Uid,
    *,
    system: System,
    stage: Stage,
    watch: Watch = False,
    as_json: Json = False,
    local: Local = False,
    yes: Yes = False,
) -> None:
    """Resume a run that failed or was cancelled, with its own metadata. Exits as 'run' does."""
    from orchestrator_cli.runs import run_input, runs  # noqa: PLC0415 - for a fast --help

    world = world_of(context)
    run_input.check_uid(uid)
    deployment = deployment_named(system, stage)
    gateway = world.gateway(local)
    announce_change(world, gateway, deployment, f"resume run {uid!r} of {workflow}", yes=yes, local=local)
    started = runs.retry_run(gateway, deployment, workflow, uid)
    _show_start(world, gateway, started, watch=watch, as_json=as_json, local=local)


def _show_start(
    world: Collaborators, gateway: Gateway, started: StartedRun, *, watch: bool, as_json: bool, local: bool
) -> None:
    """Wait until a start is accepted or, watched, until the run has ended, and show what became of it."""
    from orchestrator_cli.runs import following, runs  # noqa: PLC0415 - for a fast --help

    name = f"run {started.uid!r} of {started.workflow.name}"
    watcher = runs.RunWatcher(gateway, started)
    every = _LOOK_LOCALLY_EVERY if local else _LOOK_EVERY
    if watch:
        console = following.console_on(sys.stderr if as_json else sys.stdout)
        look = following.follow([watcher], console, every=every, pause=world.pause, now=world.now)[0]
    else:
        look = runs.await_acceptance(watcher, every=every, pause=world.pause)
    if look.document is None:
        raise runs.RunRefusedError(f"{name} was refused: {look.problem}")
    if as_json:
        print_json(look.document)
    elif not watch:
        say(f"{started.workflow.name} {started.uid} attempt {look.document['attempt']}: {started.execution}")
    if look.problem:
        raise runs.RunRefusedError(f"{name}: {look.problem}")
    if watch and not look.complete:
        raise typer.Exit(_FAILED)


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
    deployment = deployment_named(system, stage)
    gateway = world.gateway(local)
    document = runs.run_document(gateway, deployment, workflow, uid)
    if as_json:
        print_json(document)
        return
    console = following.console_on()
    console.print(drawing.draw_run(document, now=world.now(), glyphs=following.glyphs_for(console)))


def history_command(
    context: typer.Context,
    workflow: WorkflowName,
    uid: Uid,
    *,
    system: System,
    stage: Stage,
    as_json: Json = False,
    local: Local = False,
) -> None:
    """Tell who did what with a run, and when."""
    from orchestrator_cli.runs import following, history, run_input  # noqa: PLC0415 - for a fast --help

    world = world_of(context)
    run_input.check_uid(uid)
    deployment = deployment_named(system, stage)
    entries = history.read_history(world.gateway(local), deployment, workflow, uid)
    if as_json:
        print_json(history.history_document(workflow, uid, entries))
        return
    console = following.console_on()
    console.print(history.draw_history(entries, glyphs=following.glyphs_for(console)))


def cancel_command(
    context: typer.Context,
    workflow: WorkflowName,
    uid: Uid,
    *,
    system: System,
    stage: Stage,
    reason: Annotated[
        str | None, typer.Option(help="Why, for whoever looks at the run later.", show_default="none")
    ] = None,
    as_json: Json = False,
    local: Local = False,
    yes: Yes = False,
) -> None:
    """Cancel a run in progress: nothing more of it is called. Exits with 1 if there is nothing to cancel."""
    from orchestrator_cli.runs import cancelling, run_input  # noqa: PLC0415 - for a fast --help

    world = world_of(context)
    run_input.check_uid(uid)
    deployment = deployment_named(system, stage)
    gateway = world.gateway(local)
    announce_change(world, gateway, deployment, f"cancel run {uid!r} of {workflow}", yes=yes, local=local)
    cancelled = cancelling.cancel_run(gateway, deployment, workflow, uid, reason)
    if as_json:
        print_json(cancelled)
    else:
        say(f"{workflow} {uid} attempt {cancelled['attempt']}: cancelled")
