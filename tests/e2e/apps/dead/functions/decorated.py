"""Ways to be dead with the library's decorator."""

from __future__ import annotations

import os
import threading

from orchestrator_runtime import PluginRun, plugin


@plugin
def throws(run: PluginRun) -> None:
    raise ArithmeticError("the sum does not add up")


@plugin
def exits(run: PluginRun) -> None:
    os._exit(1)


@plugin
def endless(run: PluginRun) -> None:
    threading.Event().wait()
