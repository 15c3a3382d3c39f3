"""The emulator's process: started on loopback, waited for, stopped with everything it started."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from orchestrator_cli.errors import CliError
from orchestrator_cli.local.emulator_process.launcher.run import CALLS, FOLDER, LIFELINE, RECORD
from orchestrator_cli.local.process_group import ProcessGroup
from orchestrator_cli.local.session import ACCOUNT, REGION, Keys, variables

HOST: Final = "127.0.0.1"
_PROCESS: Final = Path(__file__).parent / "emulator_process"
_READY_WITHIN: Final = 30.0
_POLL_EVERY: Final = 0.05
_PORT_ATTEMPTS: Final = 5
_QUOTED_LINES: Final = 15
# What a program needs of the user's environment to run at all. The emulator hands its own on to the
# functions that it runs, so anything more would be there for them to find.
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
# Before Lambda's first retry of an asynchronous invocation, and twice that before the second. In AWS: minutes.
_RETRY_AFTER_SECONDS: Final = 0.5


class EmulatorError(CliError):
    """The emulator did not start; the text has its last lines and where its log is."""


class _PortTakenError(Exception):
    """Somebody else got the port between our asking for a free one and the emulator's taking it."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Attributes:
        pid: Its process, which leads a process group of its own: functions run as its children.
        port: The port on loopback.
        folder: Its log and its temporary files. Its command line and those of the functions name it.
        keys: The access key of this session.
        enforces_iam: Whether it refuses what roles and policies do not allow.
        lifeline: What it reads from: closed, by whatever ends this process, it ends too. ``None``: it is detached.
    """

    pid: int
    port: int
    folder: Path
    keys: Keys
    enforces_iam: bool = False
    lifeline: IO[bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def endpoint_url(self) -> str:
        """Where the AWS API is."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """What the emulator, and the functions in it, wrote."""
        return self.folder / "emulator.log"

    @property
    def calls(self) -> Path:
        """Every call, one JSON line each, if it was started to record them."""
        return self.folder / CALLS

    def answers(self) -> bool:
        """Whether it is there and ready."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/_ministack/ready")
            response = connection.getresponse()
            return response.status == http.HTTPStatus.OK and "iot_mtls" in json.loads(response.read())
        except (OSError, ValueError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @property
    def processes(self) -> ProcessGroup:
        """The emulator and the functions in it."""
        return ProcessGroup(self.pid, str(self.folder))

    def stop(self, report: Callable[[str], None] = lambda _: None) -> bool:
        """Stop it and every function that it runs; return whether there was anything to stop.

        Args:
            report: Takes a sentence for each step. Default: nothing is said.

        Raises:
            ProcessesRemainError: Processes do not end although they were killed.
        """
        try:
            return self.processes.end(report)
        finally:
            if self.lifeline is not None:
                self.lifeline.close()


def start_emulator(
    python: Path,
    folder: Path,
    keys: Keys,
    *,
    detached: bool = False,
    enforce_iam: bool = False,
    record_calls: bool = False,
) -> Emulator:
    """Start the emulator on a free port of loopback and wait until it answers.

    Args:
        python: The Python of the emulator's own environment.
        folder: An existing folder for its log and its temporary files, of a name that no other process has.
        keys: The access key of this session.
        detached: Whether it outlives this process. Default: it ends with it, even if that is killed.
        enforce_iam: Whether it refuses what roles and policies do not allow. Default: anybody may do anything.
        record_calls: Whether it writes down every call. Default: it does not.

    Raises:
        EmulatorError: It ended, or did not answer in time.
    """
    options = [FOLDER, str(folder), *([] if detached else [LIFELINE]), *([RECORD] if record_calls else [])]
    for _ in range(_PORT_ATTEMPTS):
        with contextlib.suppress(_PortTakenError):
            return _start_on(_free_port(), python, folder, keys, options, enforce_iam=enforce_iam)
    raise EmulatorError(f"no free port found on {HOST} in {_PORT_ATTEMPTS} attempts: is another program taking them?")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _start_on(
    port: int, python: Path, folder: Path, keys: Keys, options: Sequence[str], *, enforce_iam: bool
) -> Emulator:
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            # -P: nothing of where it is started from is the emulator's to import.
            [python, "-P", _PROCESS, *options],
            cwd=folder,
            env=emulator_environment(port, folder, keys, enforce_iam=enforce_iam),
            stdin=subprocess.PIPE if LIFELINE in options else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    emulator = Emulator(process.pid, port, folder, keys, enforces_iam=enforce_iam, lifeline=process.stdin)
    try:
        deadline = time.monotonic() + _READY_WITHIN
        while process.poll() is None:
            if emulator.answers():
                return emulator
            if time.monotonic() > deadline:
                raise EmulatorError(_story(emulator, f"did not answer within {_READY_WITHIN:.0f} s"))
            time.sleep(_POLL_EVERY)
    except BaseException:
        emulator.stop()
        raise
    if "already in use" in emulator.log.read_text(errors="replace").lower():
        raise _PortTakenError
    raise EmulatorError(_story(emulator, f"ended with exit code {process.returncode}"))


def _story(emulator: Emulator, what: str) -> str:
    lines = emulator.log.read_text(errors="replace").strip().splitlines()[-_QUOTED_LINES:]
    return f"the local AWS {what} on port {emulator.port}. The last lines of its log:\n" + "\n".join(lines)


def emulator_environment(port: int, folder: Path, keys: Keys, *, enforce_iam: bool = False) -> dict[str, str]:
    """Everything that the emulator gets to see: loopback only, nothing of the user's, no Docker."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        **variables(f"http://{HOST}:{port}", keys),
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "PYTHONNOUSERSITE": "1",
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": str(_RETRY_AFTER_SECONDS),
        "AUTH": str(enforce_iam).lower(),
        # Each of these would open a port of its own, on all interfaces.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # It looks for Docker at start, and clears away containers there. A socket that is not there keeps it off.
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        # No X-Ray daemon listens here.
        "AWS_XRAY_SDK_ENABLED": "false",
    }
