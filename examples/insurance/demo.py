"""Deploys the example to an AWS on this machine, plays its runs, and clears everything away again.

``make demo``, or ``python examples/insurance/demo.py [RUN.json …]``.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator_cli.aws_gateway import AwsGateway
from orchestrator_cli.errors import CliError, UsageError
from orchestrator_cli.local import LocalEnvironment
from orchestrator_cli.published import deployment_named
from orchestrator_cli.runs.following import console_on, follow
from orchestrator_cli.runs.runs import Look, RunWatcher, find_workflow, start_run
from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.deployment import CoreOutput
from orchestrator_runtime.stores.registry import DynamoRegistry

HERE: Final = Path(__file__).resolve().parent
APPS: Final = ("platform", "underwriting", "documents")
"""In the order of their deployment: the platform, then the teams that add plugins to it."""
DEPLOYMENT: Final = deployment_named("insurance", "demo")
LOOK_EVERY: Final = 0.15
PATIENCE: Final = 600.0
"""Seconds for all runs together; on two cores they take one minute."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that the demo plays: one file of ``runs/``."""

    name: str
    workflow: str
    uid: str
    metadata: dict[str, Any]
    expect: str

    @classmethod
    def read(cls, file: Path) -> PlannedRun:
        """Read a run's file.

        Raises:
            UsageError: It is not there, is not JSON, or lacks something.
        """
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
            return cls(
                name=file.stem,
                workflow=document["workflow"],
                uid=document["uid"],
                metadata=document["metadata"],
                expect=document.get("expect", State.COMPLETE),
            )
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} cannot be read as JSON: {error}") from error
        except (KeyError, TypeError, AttributeError) as error:
            raise UsageError(f'{file} is no run: write {{"workflow": …, "uid": …, "metadata": {{…}}}}') from error


@dataclass(frozen=True, slots=True)
class PlayedRun:
    """A run that the demo played, and how that went."""

    planned: PlannedRun
    look: Look
    registered: frozenset[str]
    """Every plugin that is registered to an activity of the workflow."""

    @property
    def state(self) -> str:
        """The state in which it was seen last."""
        return self.look.document["state"] if self.look.document else "Refused"

    @property
    def as_expected(self) -> bool:
        """Whether it ended as its file says."""
        return self.look.ended and self.state == self.planned.expect

    @property
    def plugins(self) -> dict[str, dict[str, Any]]:
        """What its plugins reported."""
        activities = self.look.document["activities"] if self.look.document else {}
        return {
            name: plugin
            for activity in activities.values()
            for stage in activity["stages"].values()
            for name, plugin in stage["plugins"].items()
            if plugin["state"] != State.NOT_STARTED
        }

    @property
    def duration(self) -> timedelta:
        """How long it took."""
        document = self.look.document
        if not (document and document["started_at"] and document["ended_at"]):
            return timedelta()
        return datetime.fromisoformat(document["ended_at"]) - datetime.fromisoformat(document["started_at"])


def main(arguments: Sequence[str]) -> int:
    """Play the demo and return the exit code: 0 if every run ended as its file says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = console_on()
    try:
        files = [Path(given) for given in arguments] or sorted((HERE / "runs").glob("*.json"))
        planned = [PlannedRun.read(file) for file in files]
        # The pool is outermost: what it waits for ends when the environment stops.
        with ThreadPoolExecutor() as pool, LocalEnvironment() as aws:
            deploy(aws, console, pool)
            played = play(aws, console, planned)
            console.rule(style="dim")
            console.print(summary(played))
            for line in failures(played):
                console.print(line, no_wrap=True, overflow="ellipsis")
        console.print(f"\n{verdict(played)} Everything that was started is stopped.")
        return 0 if all(run.as_expected for run in played) else 1
    except CliError as error:
        console.print(f"\ndemo: {error}", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped. Everything that was started is stopped too.")
        return 128 + signal.SIGINT


def deploy(aws: LocalEnvironment, console: Console, pool: ThreadPoolExecutor) -> None:
    """Deploy the three apps; they are synthesized side by side, and deployed one after the other."""
    assemblies: dict[str, Future[Path]] = {app: pool.submit(aws.synth, HERE / app) for app in APPS}
    with step(console, "account prepared", "cdk bootstrap, on an AWS on this machine"):
        aws.bootstrap()
    for app in APPS:
        with step(
            console, f"{app} deployed", "the core, the activities, the workflows" if app == APPS[0] else "plugins"
        ):
            aws.deploy(assemblies[app].result())


@contextmanager
def step(console: Console, done: str, what: str) -> Iterator[None]:
    """Show that something goes on, and how long it took."""
    started = time.monotonic()
    with console.status(f"{what} …"):
        yield
    seconds = time.monotonic() - started
    console.print(f"  [green]✔[/] {done:<24} [dim]{seconds:5.1f} s   {what}[/]")


def play(aws: LocalEnvironment, console: Console, planned: Sequence[PlannedRun]) -> list[PlayedRun]:
    """Start all runs, and draw them until the last has ended."""
    gateway = AwsGateway(aws.session)
    console.print()
    watchers = []
    for run in planned:
        workflow = find_workflow(gateway, DEPLOYMENT, run.workflow)
        watchers.append(RunWatcher(gateway, start_run(gateway, workflow, run.uid, run.metadata)))
    patience = time.monotonic() + PATIENCE

    def pause(seconds: float) -> None:
        if time.monotonic() > patience:
            raise CliError(f"the runs have not ended within {PATIENCE:.0f} s; the logs are in {aws.logs}")
        time.sleep(seconds)

    looks = follow(watchers, console, every=LOOK_EVERY, pause=pause, now=lambda: datetime.now(UTC))
    table = gateway.parameter(DEPLOYMENT.core_parameter(CoreOutput.REGISTRY_TABLE_NAME))
    registry = DynamoRegistry(aws.client("dynamodb"), table or "")

    def registered(look: Look) -> frozenset[str]:
        activities = look.document["activities"] if look.document else {}
        stages = ((activity, stage) for activity in activities for stage in Stage)
        return frozenset(found.name for where in stages for found in registry.registrations(*where))

    return [PlayedRun(run, look, registered(look)) for run, look in zip(planned, looks, strict=True)]


def summary(played: Sequence[PlayedRun]) -> Table:
    """One row for each run: how it ended, whom it called, and whom it did not need."""
    table = Table(box=None, padding=(0, 2, 1, 0), header_style="dim", expand=True)
    table.add_column("run", no_wrap=True)
    table.add_column("ended")
    table.add_column("seconds", justify="right")
    table.add_column("called", ratio=3)
    table.add_column("registered, but not called", ratio=2)
    for run in played:
        ended = Text(run.state, style="green" if run.as_expected else "bold red")
        if not run.as_expected:
            ended.append(f"\nexpected: {run.planned.expect}", style="red")
        not_called = Text(", ".join(sorted(run.registered - run.plugins.keys())) or "none", style="dim")
        called = ", ".join(sorted(run.plugins))
        table.add_row(run.planned.name, ended, f"{run.duration.total_seconds():.1f}", called, not_called)
    return table


def failures(played: Sequence[PlayedRun]) -> Iterator[Text]:
    """One line for each plugin that failed, and for each run that ended without saying why."""
    for run in played:
        if problem := run.look.problem:
            yield Text(f"{run.planned.name}: {problem}", style="red")
        for name, plugin in sorted(run.plugins.items()):
            if plugin["state"] in {State.ERROR, State.OPTIONAL_TASK_ERROR}:
                style = "red" if plugin["state"] == State.ERROR else "yellow"
                yield Text(f"{run.planned.name}  {plugin['state']}, {name}: {plugin['message']}", style=style)


def verdict(played: Sequence[PlayedRun]) -> str:
    """The demo in one sentence."""
    fine = sum(run.as_expected for run in played)
    return f"{fine} of {len(played)} runs ended as expected."


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
