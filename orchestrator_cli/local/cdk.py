"""The real CDK CLI, run against the local environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator_cli.errors import CliError

_QUOTED_LINES: Final = 25
_QUIET: Final = {
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "CDK_DISABLE_VERSION_CHECK": "true",
    # Advice on the version of Node, at length, would push the error out of the last lines.
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20,22",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    "NODE_NO_WARNINGS": "1",
    "NO_COLOR": "1",
}


class CdkError(CliError):
    """The CDK CLI failed; the text has its last lines and where the rest is."""


class CdkProcesses:
    """The CDK CLIs that run at the moment, each with its app: so that none outlives the environment."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path) -> int:
        """Run a command to its end and return its exit code."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.add(process)
        try:
            return process.wait()
        except BaseException:
            _kill_group(process)
            process.wait()
            raise
        finally:
            self._running.discard(process)

    def kill(self) -> None:
        """Kill all; whoever waits for one sees it fail."""
        for process in [*self._running]:
            _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The app runs as a child of the CLI: the whole group has to go.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Cdk:
    """Runs the CDK CLI.

    Attributes:
        executable: The CLI.
        environment: What it and the app see; leads them to the local environment.
        logs: A folder that takes what the CLI prints, one file for each run.
        processes: Those that run.
    """

    executable: Path
    environment: Mapping[str, str]
    logs: Path
    processes: CdkProcesses

    def run(self, name: str, arguments: Sequence[str], *, folder: Path) -> None:
        """Run one command to its end.

        Args:
            name: What its log is called.
            arguments: The command and its options.
            folder: The app's folder, or any other for commands without an app.

        Raises:
            CdkError: It failed.
        """
        log = self.logs / f"{name}.log"
        command = [str(self.executable), *arguments, "--no-color", "--no-notices"]
        code = self.processes.run(command, folder=folder, environment=self._environment(), log=log)
        if code:
            lines = log.read_text(errors="replace").strip().splitlines()[-_QUOTED_LINES:]
            raise CdkError(
                f"cdk {arguments[0]} failed with exit code {code} in {folder}. All it said is in {log}; "
                "its last lines:\n" + "\n".join(lines)
            )

    def _environment(self) -> dict[str, str]:
        # An app's cdk.json says "python" or "python3": it shall be the one that runs this process.
        path = os.pathsep.join([str(Path(sys.executable).parent), self.environment.get("PATH", os.defpath)])
        return {**self.environment, **_QUIET, "CDK_HOME": str(self.logs), "PATH": path}
