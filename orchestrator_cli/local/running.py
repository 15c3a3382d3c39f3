"""The local environment that outlives the command that started it: ``orchestrator local up``."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

from orchestrator_cli.errors import UsageError
from orchestrator_cli.local.emulator import Emulator, is_emulator
from orchestrator_cli.local.toolchain import cache_folder


def _state_file() -> Path:
    return cache_folder() / "running.json"


def remember(emulator: Emulator) -> None:
    """Write down which emulator is the one that is up."""
    file = _state_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    written = {
        "pid": emulator.pid,
        "port": emulator.port,
        "folder": str(emulator.folder),
        "enforces_iam": emulator.enforces_iam,
    }
    file.write_text(json.dumps(written))


def find_running() -> Emulator | None:
    """The emulator that is up, or ``None`` if there is none or it does not answer any more."""
    emulator = _remembered()
    return emulator if emulator is not None and emulator.answers() else None


def running_emulator() -> Emulator:
    """The emulator that is up.

    Raises:
        UsageError: There is none.
    """
    if emulator := find_running():
        return emulator
    raise UsageError("no local environment is up: start one with 'orchestrator local up'")


def stop_running() -> bool:
    """Stop the emulator that is up and remove its files; say whether there was one."""
    emulator = _remembered()
    if emulator is None:
        return False
    if alive := is_emulator(emulator.pid):
        emulator.stop()
    shutil.rmtree(emulator.folder, ignore_errors=True)
    _state_file().unlink(missing_ok=True)
    return alive


def _remembered() -> Emulator | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        written = json.loads(_state_file().read_text())
        return Emulator(
            written["pid"], written["port"], Path(written["folder"]), enforces_iam=written.get("enforces_iam", False)
        )
    return None
