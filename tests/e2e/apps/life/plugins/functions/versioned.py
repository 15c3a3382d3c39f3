"""A plugin that says which version of it was called."""

import os

from orchestrator_runtime import PluginRun, plugin


@plugin
def handler(run: PluginRun) -> str:
    return f"version {os.environ['VERSION']}"
