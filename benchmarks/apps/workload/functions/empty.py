"""A plugin that does nothing."""

from __future__ import annotations

from orchestrator_runtime import PluginRun, plugin


@plugin
def handler(run: PluginRun) -> None:
    pass
