"""The local environment that outlives the command that started it: ``orchestrator local up``."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from orchestrator_cli.errors import UsageError
from orchestrator_cli.local.emulator import Emulator
from orchestrator_cli.local.session import Keys
from orchestrator_cli.local.toolchain import cache_folder

_PATIENCE: Final = 120.0
_TRY_EVERY: Final = 0.1


def _state_file() -> Path:
    return cache_folder() / "running.json"


@contextlib.contextmanager
def exclusively(
    report: Callable[[str], None], *, patience: float = _PATIENCE, pause: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lock under which an environment is started or stopped; only one command at a time has it.

    Args:
        report: Takes a sentence if the lock has to be waited for.
        patience: Seconds to wait for it.
        pause: Waits for some seconds.

    Raises:
        UsageError: Another command kept it.
    """
    file = cache_folder() / "running.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        deadline = time.monotonic() + patience
        waits = False
        while not _locked(lock.fileno()):
            if not waits:
                report("another 'orchestrator local up' or 'down' is at work: waiting for it")
                waits = True
            if time.monotonic() >= deadline:
                raise UsageError(
                    f"another 'orchestrator local up' or 'down' is still at work after {patience:.0f} s, and holds "
                    f"{file}: end that command, or try again later"
                )
            pause(_TRY_EVERY)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remember(emulator: Emulator) -> None:
    """Write down which emulator is the one that is up, with its access key; only the user can read it."""
    file = _state_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    written = {
        "pid": emulator.pid,
        "port": emulator.port,
        "folder": str(emulator.folder),
        "enforces_iam": emulator.enforces_iam,
        "access_key_id": emulator.keys.access_key_id,
        "secret_access_key": emulator.keys.secret_access_key,
    }
    descriptor, fresh = tempfile.mkstemp(dir=file.parent, prefix="running-")  # of mode 0600
    with os.fdopen(descriptor, "w") as open_file:
        json.dump(written, open_file)
    Path(fresh).replace(file)


def find_running() -> Emulator | None:
    """The emulator that is up, or ``None`` if there is none or it does not answer any more."""
    emulator = _remembered()
    # Another program may have got the port since: it shall see no request.
    return emulator if emulator is not None and emulator.processes.members() and emulator.answers() else None


def running_emulator() -> Emulator:
    """The emulator that is up.

    Raises:
        UsageError: There is none.
    """
    if emulator := find_running():
        return emulator
    raise UsageError("no local environment is up: start one with 'orchestrator local up'")


def stop_running(report: Callable[[str], None] = lambda _: None) -> bool:
    """Stop the emulator that is up, and its functions, and remove its files; say whether anything of it was left.

    Args:
        report: Takes a sentence for each step. Default: nothing is said.

    Raises:
        ProcessesRemainError: Processes do not end although they were killed; a later call tries again.
    """
    emulator = _remembered()
    if emulator is None:
        return False
    there = emulator.stop(report)
    shutil.rmtree(emulator.folder, ignore_errors=True)
    _state_file().unlink(missing_ok=True)
    return there


def _remembered() -> Emulator | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        written = json.loads(_state_file().read_text())
        return Emulator(
            pid=int(written["pid"]),
            port=int(written["port"]),
            folder=Path(written["folder"]),
            keys=Keys(str(written["access_key_id"]), str(written["secret_access_key"])),
            enforces_iam=bool(written["enforces_iam"]),
        )
    return None
