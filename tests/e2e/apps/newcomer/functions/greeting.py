"""Greets whoever the run is about."""

from orchestrator_runtime import PluginRun, plugin


@plugin
def handler(run: PluginRun) -> str:
    return f"Good morning, {run.metadata['name']}"
