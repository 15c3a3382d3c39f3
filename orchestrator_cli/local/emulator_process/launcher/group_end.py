"""Ends the functions with the emulator, even if that is killed."""

from __future__ import annotations

import os
import signal
from typing import Final

_IGNORED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def end_group_with_this_process() -> None:
    """Have the process group killed as soon as this process has ended, whatever ends it.

    Call it before there are threads. A process of the group waits for the end: for as long as it is there, no other
    group can have the group's number.
    """
    read_end, write_end = os.pipe()  # not inherited by functions; this process never closes its end
    if os.fork():
        os.close(read_end)
        return
    for ignored in _IGNORED:
        signal.signal(ignored, signal.SIG_IGN)
    os.close(write_end)
    os.close(0)  # the lifeline
    try:
        os.read(read_end, 1)
    finally:
        os.killpg(0, signal.SIGKILL)
