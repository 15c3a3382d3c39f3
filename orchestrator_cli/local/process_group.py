"""A process group that another command may have started: found again, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from orchestrator_cli.errors import CliError

_ASKED_FOR: Final = 3.0
_KILLED_WITHIN: Final = 10.0
_POLL_EVERY: Final = 0.05


class ProcessesRemainError(CliError):
    """Processes were killed and did not end; the text names them."""


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """A process group, known by its number and by a text in a command line.

    The number alone is not enough: when a group has ended, the system gives its number to another one.

    Attributes:
        number: The process group id.
        marker: A text that no other program has in its command line; a folder with a random name.
    """

    number: int
    marker: str

    def members(self) -> list[int]:
        """The processes of the group that live; none if none of them has the marker in its command line."""
        found = self._living()
        return [*found] if any(self.marker in command for command in found.values()) else []

    def end(self, report: Callable[[str], None] = lambda _: None, *, patience: float = _ASKED_FOR) -> bool:
        """End every process of the group: asked at first, then killed.

        Args:
            report: Takes a sentence for each step. Default: nothing is said.
            patience: Seconds between the two. Default: 3.

        Returns:
            Whether there was any.

        Raises:
            ProcessesRemainError: Some still live 10 seconds after they were killed.
        """
        members = self.members()
        if not members:
            return False
        for sign, seconds, does in ((signal.SIGTERM, patience, "stop"), (signal.SIGKILL, _KILLED_WITHIN, "kill")):
            report(f"{does} {_count(members)}, for up to {seconds:.0f} s")
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.number, sign)
            deadline = time.monotonic() + seconds
            while (members := [*self._living()]) and time.monotonic() < deadline:
                time.sleep(_POLL_EVERY)
            if not members:
                return True
        raise ProcessesRemainError(
            f"the processes {', '.join(map(str, members))} do not end although they were killed: the system holds "
            "them, as it does while a disk does not answer; try again later"
        )

    def _living(self) -> dict[int, str]:
        """The command lines of the group's processes that live, by process id."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.number, os.WNOHANG)  # a child that has ended
        return {pid: command for pid, group, state, command in _processes() if group == self.number and state != "Z"}


def _processes() -> Iterator[tuple[int, int, str, str]]:
    """Id, group, first letter of the state, and command line of every process."""
    # An option each: on macOS what follows the first = is a heading.
    columns = [option for name in ("pid", "pgid", "stat", "command") for option in ("-o", f"{name}=")]
    command = ["ps", "-A", "-ww", *columns]
    listed = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace").stdout
    for line in listed.splitlines():
        pid, group, state, *rest = line.split(maxsplit=3)
        yield int(pid), int(group), state[:1], "".join(rest)


def _count(members: list[int]) -> str:
    return f"{len(members)} process{'' if len(members) == 1 else 'es'}"
